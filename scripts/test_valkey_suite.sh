#!/bin/sh
# test_valkey_suite.sh: checks valkey_suite.py with a suite that is a few lines of shell: what it counts, what it says of
# tests that pass only directly, that it stops all that it started, and that a wrong checkout is an error.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
suite="$folder/a checkout" # with a space
export STARTED="$folder/started"
fail() {
  echo "scripts-test: valkey-suite: $1" >&2
  exit 1
}

# The proxy is one that stays where it is: the suite's stub never connects, and tells the two servers apart by whether
# the port that it is given is in the proxy's command line.
mkdir -p "$suite/tests"
touch "$suite/tests/test_helper.tcl"
cat >"$suite/runtest" <<'END'
while [ $# -gt 0 ]; do
  case $1 in
    --list-tests) printf 'unit/one\nunit/hangs\nunit/empty\n'; exit ;;
    --port) port=$2 ;;
    --single) unit=$2 ;;
    --skipfile) skip=$2 ;;
  esac
  shift
done
through=''
for line in /proc/[0-9]*/cmdline; do
  ! tr '\0' ' ' <"$line" 2>/dev/null | grep -q "^[^ ]*redis-proxy .* -resp 127.0.0.1:$port " || {
    through=yes
    proxy=${line#/proc/}
    echo "${proxy%/*}" >>"$STARTED"
  }
done
echo $$ >>"$STARTED"
passes() { grep -qxF "$1" "$skip" || echo "[ok]: $1 (3 ms)"; }
case $unit in
  unit/one)
    passes 'it is the same (twice)'
    if [ "$through" ]; then
      # The suite cuts off the beginning of an error and says it again as a whole.
      printf '[err]: only direct in tests/unit/one.tcl\nt available\nERR it is not available\n    while executing\n'
      grep -qxF 'excepted' "$skip" || echo '[err]: excepted in tests/unit/one.tcl'
    else
      passes 'only direct'
      passes 'excepted'
      printf '[err]: never in tests/unit/one.tcl\nno\n'
    fi
    ;;
  unit/hangs)
    passes 'before'
    if ! grep -qxF 'hangs' "$skip"; then
      [ "$through" ] || passes 'hangs'
      [ ! "$through" ] || { printf '[TIMEOUT]: state\nsock1 => (IN PROGRESS) hangs\n'; exit 1; }
    fi
    passes 'behind'
    sleep 600 & # is stopped with the rest
    echo $! >>"$STARTED"
    ;;
  unit/forever) sleep 600 ;;
esac
END
printf '# a comment\nexcepted\tit must be\nunused\tit was once\n' >"$folder/exceptions"

status=0
python3 -B scripts/valkey_suite.py --valkey "$suite" --proxy ./redis-proxy --exceptions "$folder/exceptions" \
  --out "$folder/logs" >"$folder/output" 2>&1 || status=$?
expect() { grep -qxF -- "$1" "$folder/output" || { cat "$folder/output" >&2; fail "it does not say: $1"; }; }
[ "$status" = 1 ] || fail "with a difference its exit status is $status"
expect 'unit/one: 3 pass directly, 1 through, 1 are excepted'
expect '  only directly: only direct'
expect '      ERR it is not available'
expect 'unit/hangs: 3 pass directly, 2 through, 0 are excepted'
expect '  only directly: hangs'
expect '      nothing happened for 30 s'
expect 'the exception is not needed: unused'
expect 'valkey-suite: 2 units; 6 tests pass directly, 3 of them through redis-proxy, 1 are excepted, 2 pass only directly'
expect '    1 excepted: it must be'
[ -s "$folder/logs/unit-one.through.log" ] || fail 'it keeps no logs'

printf 'excepted\tit must be\n/^only d\ta pattern\nunit/hangs\tall of a unit\n' >"$folder/exceptions"
python3 -B scripts/valkey_suite.py --valkey "$suite" --proxy ./redis-proxy --exceptions "$folder/exceptions" \
  --out "$folder/logs" >"$folder/output" 2>&1 || fail "without a difference it fails: $(cat "$folder/output")"
expect 'unit/hangs: 3 pass directly, 0 through, 3 are excepted'
expect '    3 excepted: all of a unit'
none_left() {
  while read -r pid; do
    tries=100
    while grep -q '^State:[^Z]*$' "/proc/$pid/status" 2>/dev/null; do
      [ $((tries -= 1)) -gt 0 ] || fail "it leaves $(tr '\0' ' ' <"/proc/$pid/cmdline")"
      sleep 0.05
    done
  done <"$STARTED"
}
none_left

# Stopped in the middle it stops what it started, and a unit that takes too long ends.
: >"$STARTED"
python3 -B scripts/valkey_suite.py --valkey "$suite" --proxy ./redis-proxy --units unit/forever --out "$folder/logs" \
  >"$folder/output" 2>&1 &
running=$!
until [ -s "$STARTED" ]; do kill -0 $running || fail "it ended: $(cat "$folder/output")"; done
kill -TERM $running
! wait $running || fail 'stopped by a signal it succeeds'
none_left
! python3 -B scripts/valkey_suite.py --valkey "$suite" --proxy ./redis-proxy --units unit/forever --seconds 1 \
  --out "$folder/logs" >"$folder/output" 2>&1 || fail 'it succeeds where no test passes'
expect '  directly it stopped: no end within 1 s'
none_left

# An entry without a reason, and what is no checkout.
refused() { # TEXT ARGUMENT...
  text=$1
  shift
  ! output=$(python3 -B scripts/valkey_suite.py --exceptions "$folder/exceptions" "$@" 2>&1) || fail "$* is taken"
  case $output in *"$text"*) ;; *) fail "$* is not refused with '$text', but: $output" ;; esac
}
refused "'$folder' is not a checkout of valkey: it has no runtest" --valkey "$folder"
printf 'a name\t\n' >"$folder/exceptions"
refused 'exceptions:1: not a name, a tab and a reason' --valkey "$suite"
! output=$("${MAKE:-make}" --no-print-directory valkey-suite 2>&1) || fail 'make goes on without VALKEY'
case $output in *VALKEY=path*) ;; *) fail "without VALKEY make says: $output" ;; esac
echo 'scripts-test: valkey-suite: ok'
