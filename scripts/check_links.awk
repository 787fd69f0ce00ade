# Checks that every relative link in Markdown files leads to a file that exists and, with #anchor, to a heading in it.
# Links to other sites are not followed. Input: the Markdown files, named from the root of the repository. Prints a line
# per offence; exit status 1 if there is one.
#
#   awk -f scripts/check_links.awk *.md docs/*.md src/*.md

# The anchor that GitHub makes of a heading: in lower case, without punctuation, spaces as dashes.
function anchor_of(heading) {
  gsub(/`|\*|\[|\]\([^)]*\)/, "", heading)
  heading = tolower(heading)
  gsub(/[^a-z0-9 _-]/, "", heading)
  gsub(/ /, "-", heading)
  return heading
}

function offence(text) {
  print file ":" number ": " text
  offences++
}

function exists(path) {
  if (!(path in known)) known[path] = system("test -e '" path "'") == 0
  return known[path]
}

# Reads the headings of `path` once.
function read_headings(path, line, is_code) {
  if (path in have_headings) return
  have_headings[path] = 1
  while ((getline line < path) > 0) {
    if (line ~ /^```/) is_code = !is_code
    if (is_code || line !~ /^#+ /) continue
    sub(/^#+ +/, "", line)
    anchors[path "#" anchor_of(line)] = 1
  }
  close(path)
}

# Takes "." and ".." out of a path.
function simplify(path, parts, count, i, out, kept) {
  count = split(path, parts, "/")
  kept = 0
  for (i = 1; i <= count; i++) {
    if (parts[i] == "." || parts[i] == "") continue
    if (parts[i] == ".." && kept > 0) kept--
    else out[++kept] = parts[i]
  }
  path = ""
  for (i = 1; i <= kept; i++) path = path (i > 1 ? "/" : "") out[i]
  return path
}

function check(target, hash, path, anchor, folder) {
  if (target ~ /^[a-z]+:/) return  # of another site
  hash = index(target, "#")
  anchor = hash ? substr(target, hash + 1) : ""
  path = hash ? substr(target, 1, hash - 1) : target
  folder = file ~ /\// ? file : ""
  sub(/[^\/]*$/, "", folder)
  path = path == "" ? file : simplify(folder path)
  if (!exists(path)) return offence("no such file: " target)
  if (anchor == "") return
  read_headings(path)
  if (!((path "#" anchor) in anchors)) offence("no such heading: " target)
}

FNR == 1 { in_code = 0 }
{ file = FILENAME; number = FNR }
/^```/ { in_code = !in_code }
in_code { next }
{
  line = $0
  gsub(/`[^`]*`/, "", line)
  while (match(line, /\]\([^)]+\)/)) {
    check(substr(line, RSTART + 2, RLENGTH - 3))
    line = substr(line, RSTART + RLENGTH)
  }
}
/^\[[^]]+\]: / { check($2) }

END { exit offences > 0 }
