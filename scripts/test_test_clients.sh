#!/bin/sh
# test_test_clients.sh: checks test_clients.py with programs that succeed, are skipped, and fail directly or only through
# the proxy: what it counts, shows and returns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "scripts-test: clients-test: $1: $output" >&2
  exit 1
}
run() {
  status=0
  output=$(python3 -B scripts/test_clients.py --programs "$folder" 2>&1) || status=$?
}
says() { printf '%s\n' "$output" | grep -qxF -- "$1" || fail "it does not say '$1'"; }

echo 'import sys; print("no such library"); sys.exit(77)' >"$folder/skipped.py"
run
[ "$status" = 1 ] || fail 'it succeeds where nothing was run'

cat >"$folder/good.py" <<'END'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(b"PING\r\n")
    assert connection.recv(100) == b"+PONG\r\n"
END
run
[ "$status" = 0 ] || fail 'it fails where nothing has failed'
says 'skipped.py directly: skipped: no such library'
says 'good.py directly: ok'
says 'good.py through redis-proxy: ok'
says 'clients-test: 2 passed, 0 failed, 1 skipped'

cat >"$folder/wrong.py" <<'END'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(b"WATCH key\r\n")  # which the proxy refuses
    if connection.recv(1000) != b"+OK\r\n":
        sys.exit("it is refused")
END
run
[ "$status" = 1 ] || fail 'it succeeds where a program fails'
says 'wrong.py directly: ok'
says 'wrong.py through redis-proxy: FAILED: status 1'
says '  it is refused'
says 'clients-test: 3 passed, 1 failed, 1 skipped'
echo 'scripts-test: clients-test: ok'
