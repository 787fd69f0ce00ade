#!/bin/sh
# run_tests.sh NAME COMMAND...: runs a GoogleTest program in parts, JOBS of them at a time (two for each processor: tests
# mostly wait), and prints what the tests that fail have said; those that pass are not heard. The last line is
# "NAME: N passed, N failed, N skipped". A part that ends badly without naming a test counts as one failure.
set -u
name=$1
shift
jobs=${JOBS:-$(($(nproc 2>/dev/null || echo 2) * 2))}
parts=$((jobs * 4)) # many small ones, so that none is left to run alone at the end
started=$(date +%s)
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM

run_part='part=$1 logs=$2; shift 2
GTEST_SHARD_INDEX=$part "$@" >"$logs/$part.log" 2>&1 </dev/null || echo "ended with status $?" >"$logs/$part.failed"'
seq 0 $((parts - 1)) |
  GTEST_TOTAL_SHARDS=$parts xargs -P "$jobs" -I{} sh -c "$run_part" part {} "$logs" "$@"

# The number in the last line of each part that begins with $1, summed.
sum() {
  awk -v mark="$1" 'FNR == 1 { sum += n; n = 0 } index($0, mark) == 1 && $4 ~ /^[0-9]+$/ { n = $4 }
                    END { print sum + n }' "$logs"/*.log
}

# What tests said that did not end well, and what stands at the end of it all.
without_passed() {
  awk '/^\[(-----|=====|  PASSED)|^$/ { next }
       /^\[ RUN      \]/ { held = "" }
       { held = held $0 "\n" }
       /^\[       OK \]|^\[  SKIPPED \]/ { held = "" }
       /^\[  FAILED  \]/ { printf "%s", held; held = "" }
       END { printf "%s", held }' "$1"
}

passed=$(sum '[  PASSED  ]') skipped=$(sum '[  SKIPPED ]') failed=$(sum '[  FAILED  ]')
for failure in "$logs"/*.failed; do
  [ -e "$failure" ] || continue
  log=${failure%.failed}.log
  without_passed "$log"
  cat "$failure"
  grep -q '^\[  FAILED  \]' "$log" || failed=$((failed + 1))
done
echo "$name: $passed passed, $failed failed, $skipped skipped, in $(($(date +%s) - started)) s"
[ "$failed" -eq 0 ]
