# Enforces that a header is read once, and that the comment at its top says who owns what it declares, which threads may
# use it and what that costs: `Owner:`, `Thread safety:` and `Cost:`, each followed by words. Input: headers, and sources,
# which it passes over. Prints a line per offence; exit status 1 if there is one.
BEGIN { labels = split("Owner:,Thread safety:,Cost:", label, ",") }

function end_file(  i) {
  for (i = 1; i <= labels; i++)
    if (top !~ (label[i] " +[^ ]")) offence("the comment at the top does not say `" label[i] "`")
  if (!once) offence("no #pragma once")
}

function offence(text) {
  print file ":1: " text
  offences++
}

FILENAME !~ /\.h$/ { next }

FNR == 1 {
  if (file != "") end_file()
  file = FILENAME
  top = ""
  in_top = 1
  once = 0
}

in_top && !/^\/\// { in_top = 0 }
in_top { top = top substr($0, 3) " " }
/^#pragma once/ { once = 1 }

END {
  if (file != "") end_file()
  exit offences > 0
}
