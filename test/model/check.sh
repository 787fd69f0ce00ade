#!/bin/sh
# check.sh holds|mutants FOLDER: searches all states of coherence.pml. `holds`: each property holds in each
# configuration. `mutants`: each rule that is taken out makes a property fail. Prints a line for each. Spin writes into
# FOLDER. Needs at most 1 GB, one core and about a minute.
#
# A property fails by an assertion of the model (the comparison with `need`, or that with `expired`) or by a cycle
# without a hit. An error that Spin finds by itself, such as an index that is out of range, is a fault of the model.
set -u
model=$(realpath "$(dirname "$0")/coherence.pml") mode=$1 folder=$2
passed=0 failed=0 began=$(date +%s)

# search FLAGS...: sets `result` to holds, fails or unfinished, and `states`.
search() {
  rm -rf "$folder"
  mkdir -p "$folder"
  verify='-DSAFETY' run='-E'
  case $* in *-DP=4*) verify='-DNFAIR=3' run='-a -f' ;; esac
  # shellcheck disable=SC2086 # lists of flags
  (cd "$folder" && spin -a "$@" "$model" && "${CC:-cc}" -O2 -DMEMLIM=1024 $verify -o pan pan.c &&
    ./pan $run -m200000 -w22) >"$folder/log" 2>&1
  states=$(awk '/states, stored/ { print $1 }' "$folder/log")
  if grep -qE 'assertion violated \(.*(>=need|expired==0)|acceptance cycle' "$folder/log"; then
    result=fails
  elif grep -q 'errors: 0' "$folder/log" && ! grep -qE 'not completed|too small|memory limit' "$folder/log"; then
    result=holds
  else
    result=unfinished
  fi
}

# expect RESULT NAME FLAGS...
expect() {
  wanted=$1 name=$2
  shift 2
  search "$@"
  if [ "$result" = "$wanted" ]; then
    passed=$((passed + 1))
    echo "  MODEL $name: $result${states:+, $states states}"
  else
    failed=$((failed + 1))
    echo "  MODEL $name: WRONG, $result (spin $*)"
    tail -n 12 "$folder/log"
  fi
}
holds() { expect holds "$@"; }
without() { # RULES NAME FLAGS...
  rules=$1 name=$2
  shift 2
  expect fails "without $rules: $name" -DWITHOUT="$rules" "$@"
}

case $mode in
  holds)
    holds 'age, L of 2 ticks' -DP=1 -DL=2 -DFETCHERS=1
    holds 'age, two fetchers' -DP=1 -DWRITES=1
    holds 'age, flushes and stale answers' -DP=1 -DFETCHERS=1 -DSTALE -DFLUSHES
    holds 'age, keys that expire' -DP=1 -DFETCHERS=1 -DTTL
    holds 'age, failover' -DP=1 -DFETCHERS=1 -DFAILOVER
    holds 'age, the old server goes on as a master' -DP=1 -DFETCHERS=1 -DWRITES=1 -DSPLIT
    holds 'reports, flushes and stale answers' -DP=2 -DWRITES=3 -DSTALE -DFLUSHES
    holds 'reports, failover' -DP=2 -DFAILOVER
    holds 'order, flushes and stale answers' -DP=3 -DWRITES=3 -DSTALE -DFLUSHES
    holds 'order, failover' -DP=3 -DFAILOVER
    holds 'hits' -DP=4
    holds 'hits, failover' -DP=4 -DFETCHERS=1 -DWRITES=1 -DFAILOVER
    ;;
  mutants)
    without PREVIOUS_PROOF 'age' -DP=1 -DFETCHERS=1
    without ROLE 'age, failover' -DP=1 -DFETCHERS=1 -DFAILOVER
    without DETACH 'age' -DP=1 -DFETCHERS=1
    without DETACH 'reports' -DP=2
    without EPOCH_AT_RECONNECT 'age' -DP=1 -DFETCHERS=1
    without EPOCH_AT_RECONNECT 'reports' -DP=2
    without FLOOR 'reports, flushes and stale answers' -DP=2 -DSTALE -DFLUSHES
    without ONE_FETCH 'order' -DP=3
    without SUPERSEDE 'order' -DP=3
    without ASK_AGAIN 'order' -DP=3
    without NO_CHAIN 'hits' -DP=4
    without REFETCH 'age' -DP=1 -DFETCHERS=1
    without END_OF_ANSWER 'age, keys that expire' -DP=1 -DFETCHERS=1 -DTTL
    without END_FROM_SENDING 'age, keys that expire' -DP=1 -DFETCHERS=1 -DTTL
    without IDENTITY 'reports, failover' -DP=2 -DFAILOVER
    without IDENTITY 'order, failover' -DP=3 -DFAILOVER
    without NEWEST_BEGUN 'order, failover' -DP=3 -DFAILOVER
    without ADDRESS_WATCH 'age, the old server goes on as a master' -DP=1 -DFETCHERS=1 -DWRITES=1 -DSPLIT
    # Each of these two makes up for the other.
    without EPOCH_AT_LOSS+NO_LATE_PROOF 'age, the old server goes on as a master' -DP=1 -DFETCHERS=1 -DWRITES=1 -DSPLIT
    without NO_LOST_WRITES 'order, failover' -DP=3 -DFAILOVER
    ;;
  *) echo "usage: check.sh holds|mutants FOLDER" >&2; exit 2 ;;
esac
echo "model: $passed passed, $failed failed, 0 skipped, in $(($(date +%s) - began)) s"
[ "$failed" -eq 0 ]
