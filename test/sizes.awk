# Enforces that a file has at most 400 lines and a function at most 70, from the first line of its signature to its
# closing brace. Input: files as clang-format leaves them. Prints a line per offence; exit status 1 if there is one.
#
# A function ends at the first `}` that is indented as its signature. What stands in a namespace, a class or a struct is
# looked at one by one; what stands in a function, an enum, a table or a lambda belongs to it.
BEGIN { kFileLines = 400; kFunctionLines = 70 }

function offence(line, text) {
  print file ":" line ": " text
  offences++
}

function end_file() {
  if (lines > kFileLines) offence(lines, "the file has " lines " lines, more than " kFileLines)
}

function is_scope(text) { return text ~ /(^|> *|export )(namespace|class|struct|union|extern "C")([ {]|$)/ }
function is_function(text) {
  if (text ~ /(^|> *)enum / || text !~ /\(/) return 0
  while (gsub(/\([^()]*\)/, "", text)) {}   # default arguments and attributes
  return text !~ /=/ || text ~ /operator[^ ]*=/
}

FNR == 1 {
  if (file != "") end_file()
  file = FILENAME
  statement = closing = ""
  continued = 0
}

{ lines = FNR }

continued || /^[ \t]*#/ { continued = /\\$/; next }  # of the preprocessor

closing != "" {
  if (index($0, closing) == 1) {
    if (measured && FNR - start + 1 > kFunctionLines)
      offence(start, "the function has " FNR - start + 1 " lines, more than " kFunctionLines)
    statement = closing = ""
  }
  next
}

{
  code = $0
  gsub(/\\./, "", code)
  gsub(/"[^"]*"/, "\"\"", code)
  gsub(/'[^']*'/, "''", code)
  sub(/\/\/.*/, "", code)
  sub(/[ \t]+$/, "", code)
}

code ~ /^[ \t]*($|(public|private|protected):$)/ { next }

{
  if (statement == "") {
    start = FNR
    match(code, /^ */)
    indent = substr(code, 1, RLENGTH)
  }
  sub(/^ */, "", code)
  statement = statement (statement == "" ? "" : " ") code
}

code ~ /\{$/ {
  if (is_scope(statement)) {
    statement = ""
  } else if (gsub(/\(/, "(", statement) > gsub(/\)/, ")", statement)) {  # a lambda that is an argument
    match($0, /^ */)
    closing = substr($0, 1, RLENGTH) "}"
    measured = 0
  } else {
    closing = indent "}"
    measured = is_function(statement)
  }
  next
}

code ~ /[;}]$/ { statement = "" }

END {
  end_file()
  exit offences > 0
}
