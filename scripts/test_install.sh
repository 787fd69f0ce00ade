#!/bin/sh
# test_install.sh MAKE: installs into a temporary folder and checks that what is there runs, says its version, carries no
# symbols, and goes away again.
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
[ "$("$program" -version)" = "$(./redis-proxy -version)" ] || fail 'the installed program tells another version'
! readelf -S "$program" | grep -qE '\.(symtab|debug_info)' || fail 'the installed program has symbols'
[ -s "$folder/usr/share/doc/redis-proxy/README.md" ] || fail 'README.md is not installed'
grep -q "redis..proxy $(cat VERSION)" "$folder/usr/share/man/man1/redis-proxy.1" ||
  fail 'the man page is not installed, or tells another version'
"$make" --no-print-directory uninstall DESTDIR="$folder" PREFIX=/usr >/dev/null
left=$(find "$folder" -name 'redis-proxy*')
[ -z "$left" ] || fail "uninstall leaves $left"
echo 'install-test: ok'
