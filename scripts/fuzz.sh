#!/bin/sh
# fuzz.sh SECONDS FUZZER...: runs each fuzzer for so long, from the seeds in test/fuzz/corpus and from what earlier runs
# found, which is kept beside the fuzzer's log under build/. With 0 seconds, only runs what is there once. Stops at the
# first failure and shows its log; the input that failed lies beside the log.
set -eu
seconds=$1
shift
limit=-max_total_time=$seconds
[ "$seconds" -gt 0 ] || limit=-runs=0
for fuzzer; do
  name=$(basename "$fuzzer") out=$(dirname "$fuzzer")
  log=$out/$name.log found=$out/found/$name
  mkdir -p "$found"
  echo "  FUZZ  $name, $seconds s"
  "$fuzzer" "$limit" -timeout=5 -artifact_prefix="$out/$name-" "$found" "test/fuzz/corpus/$name" >"$log" 2>&1 ||
    { cat "$log"; exit 1; }
  tail -n 1 "$log"
done
