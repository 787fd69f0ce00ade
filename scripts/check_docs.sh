#!/bin/sh
# Checks what can become untrue in the Markdown files when something else changes: links and their anchors, names of the
# code such as `Cache::Room`, the table of rooms in src/README.md, and the plot, which is drawn from the README's table.
# Also the README's length. Prints a line per offence; exit status 1 if there is one. `make lint` runs it.
set -u
cd "$(dirname "$0")/.." || exit 1
files=$(ls ./*.md docs/*.md src/*.md | sed 's|^\./||')
status=0

# shellcheck disable=SC2086
awk -f scripts/check_links.awk $files || status=1

# The last part of each qualified name must be a word of the program's headers or sources.
for file in $files; do
  for name in $(grep -o '`[A-Za-z]*::[A-Za-z_:]*`' "$file" | tr -d '`' | sort -u); do
    grep -rqw --include='*.h' --include='*.cc' -e "${name##*::}" include src || {
      echo "$file: no such name in the code: $name"
      status=1
    }
  done
done

# "ROOM: what it may include" as test/layers.awk has it and as the table says; the server and main may include all.
rules=$(sed -n 's/^  may\["\([a-z_]*\)"\] = "\([a-z_ ]*\)".*/\1: \2/p' test/layers.awk | grep -vE '^(server|main):' | sort)
table=$(sed -n 's/^| `\([a-z_]*\)` | \([a-z_, ]*\) |.*/\1: \2/p' src/README.md | grep -v '^server:' |
  sed 's/nothing of ours//; s/,//g' | sort)
[ "$rules" = "$table" ] || {
  echo "src/README.md: the table of rooms is not that of test/layers.awk, which says:"
  echo "$rules"
  status=1
}

python3 -B scripts/plot_benchmark.py README.md | cmp -s - docs/benchmark.svg || {
  echo 'docs/benchmark.svg: not that of the table: python3 scripts/plot_benchmark.py README.md >docs/benchmark.svg'
  status=1
}

lines=$(wc -l <README.md)
[ "$lines" -le 150 ] || {
  echo "README.md: $lines lines, at most 150"
  status=1
}
exit $status
