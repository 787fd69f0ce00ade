#!/bin/sh
# test_install.sh MAKE: installs into a temporary folder and checks that the installed program runs, says its version
# and carries no symbols, that the links of the documents work, and that uninstall removes all of it.
set -eu
make=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "install-test: $1" >&2
  exit 1
}

"$make" --no-print-directory install DESTDIR="$folder" PREFIX=/usr >/dev/null
program=$folder/usr/bin/redis-proxy
[ "$("$program" -version)" = "$(./redis-proxy -version)" ] || fail 'the installed program has another version'
! readelf -S "$program" | grep -qE '\.(symtab|debug_info)' || fail 'the installed program has symbols'
documents=$folder/usr/share/doc/redis-proxy
for file in README.md LICENSE docs/benchmark.svg; do
  [ -s "$documents/$file" ] || fail "$file is not installed"
done
broken=$(cd "$documents" && awk -f "$OLDPWD/scripts/check_links.awk" ./*.md) ||
  fail "links are broken where the documents are installed: $broken"
grep -q "redis..proxy $(cat VERSION)" "$folder/usr/share/man/man1/redis-proxy.1" ||
  fail 'the man page is not installed, or has another version'
"$make" --no-print-directory uninstall DESTDIR="$folder" PREFIX=/usr >/dev/null
left=$(find "$folder" -name 'redis-proxy*')
[ -z "$left" ] || fail "uninstall leaves $left"
echo 'install-test: ok'
