#!/bin/sh
# Shows that the stale-read checker finds what it is there to find: it must fail on a proxy whose
# fetches are not told of invalidations, and on one that trusts its cache without a lease.
#
#   sh integration/checker/coherence_mutants.sh CHECKER [SECONDS]
#
# CHECKER is a built coherence-check, which stays as it is. Each mutation is made and built in a
# temporary copy of the sources.
set -eu

checker=$(realpath "$1")
seconds=${2:-10}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# expect_caught NAME FILE SED_SCRIPT
expect_caught() {
  echo "== $1"
  rm -rf "$copy/tree"
  mkdir -p "$copy/tree/build"
  cp -a Makefile VERSION include scripts src "$copy/tree"
  # What is built already need not be built again.
  [ ! -d build/release ] || cp -a build/release "$copy/tree/build"
  sed -i "$3" "$copy/tree/$2"
  if cmp -s "$2" "$copy/tree/$2"; then
    echo "the mutation does not apply to $2 any more" >&2
    exit 1
  fi
  make -s -C "$copy/tree" BUILD=release redis-proxy >"$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
  status=0
  "$checker" -binary "$copy/tree/redis-proxy" -seconds "$seconds" || status=$?
  if [ "$status" -ne 1 ]; then
    echo "NOT CAUGHT: $1 (exit status $status)" >&2
    exit 1
  fi
}

expect_caught 'an invalidation does not reach the fetch under way' src/cache/stripe.cc \
  '/^EntryRef Stripe::Erase/,/^}/{/Flight\* flight/,/^  }/d}'
expect_caught 'the cache is trusted without a lease' include/cache/stripe.h \
  's/return now <= lease.load(std::memory_order_acquire);/return now <= kNever;/'
echo 'both were caught'
