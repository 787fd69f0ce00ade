# Enforces who may include whom: a layer may include itself and what stands after it here, for the reasons that
# src/README.md gives. A source includes its own header before all others, which shows that the header stands alone.
# Input: the files of include/ and src/. Prints a line per offence; exit status 1 if there is one.
BEGIN {
  may["base"] = ""
  may["net"] = "base"
  may["http"] = "base"
  may["resp"] = "base"
  may["cache"] = "base"
  may["redis"] = "base resp"
  may["proxy"] = "base cache redis resp"
  may["core"] = "base net cache proxy"
  may["http_front"] = "base http core proxy"
  may["resp_front"] = "base resp core cache proxy"
  may["config"] = "base redis"
  may["server"] = "base net http resp cache redis proxy core http_front resp_front config"
  may["main"] = "base net config server"
  # Of this one, the settings see this header alone.
  config_sees["redis"] = "redis/endpoint.h"
  for (i = 1; i < ARGC; i++) given[ARGV[i]] = 1
}

function offence(text) {
  print FILENAME ":" FNR ": " text
  offences++
}

FNR == 1 {
  split(FILENAME, part, "/")
  layer = FILENAME ~ /^src\/[a-z_]+\.cc$/ ? "main" : part[2]
  if (!(layer in may)) offence("'" layer "' is not a layer of test/layers.awk")
}

# The name, as others include it, of the header that belongs to a source; empty without one.
function own_header(source, name) {
  name = source
  if (!sub(/^src\//, "", name) || !sub(/\.cc$/, ".h", name) || !("include/" name in given)) return ""
  return name
}

/^[ \t]*#[ \t]*include/ && !seen[FILENAME]++ {
  own = own_header(FILENAME)
  if (own != "" && index($0, "\"" own "\"") == 0) offence("includes another header before its own")
}

/^[ \t]*#[ \t]*include[ \t]*<hiredis/ && FILENAME !~ /^src\/redis\// { offence("only src/redis may include hiredis") }

/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, quoted, "\"")
  split(quoted[2], part, "/")
  if (!(part[1] in may) || part[1] == "main")
    offence("'" quoted[2] "' is not of the form \"layer/file.h\"")
  else if (part[1] != layer && index(" " may[layer] " ", " " part[1] " ") == 0)
    offence(layer " may not include " part[1])
  else if (layer == "config" && part[1] in config_sees && quoted[2] != config_sees[part[1]])
    offence("config may include only " config_sees[part[1]] " of " part[1])
}

# What a layer may not include it may not name either: it would see it through the header of another.
/[a-z_]+::/ {
  code = $0
  gsub(/"([^"\\]|\\.)*"/, "", code)
  sub(/\/\/.*/, "", code)
  gsub(/rp::/, "", code)
  while (match(code, /(^|[^A-Za-z_:])[a-z_]+::/)) {
    name = substr(code, RSTART, RLENGTH - 2)
    sub(/^[^a-z_]/, "", name)
    code = substr(code, RSTART + RLENGTH)
    if (name in may && name != layer && index(" " may[layer] " ", " " name " ") == 0)
      offence(layer " may not name " name "::")
  }
}

END { exit offences > 0 }
