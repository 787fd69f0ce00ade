#!/bin/sh
# Shows that the rules of coherence are needed, and that their absence is found: takes one rule out
# of the sources at a time, builds that, and expects the stale-read checker to fail on it.
#
#   sh integration/checker/coherence_mutants.sh CHECKER [SECONDS [NAME]]
#
# CHECKER is a built coherence-check, which stays as it is; it gets SECONDS, 60, for each. A NAME is
# a pattern of the shell, and chooses. The mutations are made and built in a temporary copy of the
# sources. A rule whose absence no server that is there today makes visible from outside is left to
# its unit tests; the line says so.
set -eu

checker=$(realpath "$1")
seconds=${2:-60}
chosen=${3:-*}
caught=0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -a Makefile VERSION include scripts src test integration "$tree"
# What is built already need not be built again.
mkdir -p "$tree/build"
[ ! -d build/release ] || cp -a build/release "$tree/build"

# is_chosen NAME
is_chosen() {
  # shellcheck disable=SC2254 # a pattern is meant
  case $1 in $chosen) ;; *) return 1 ;; esac
  echo "== $1"
}

# mutate FILE SED_SCRIPT GOAL: builds the goal from the file as the script changes it.
mutate() {
  sed "$2" "$1" >"$tree/$1"
  if cmp -s "$1" "$tree/$1"; then
    echo "the mutation does not apply to $1 any more" >&2
    exit 1
  fi
  make -s -C "$tree" BUILD=release "$3" >"$tree/log" 2>&1 || { cat "$tree/log" >&2; exit 1; }
}

# restore FILE: as it was, but new to make.
restore() {
  cat "$1" >"$tree/$1"
}

# judge NAME STATUS
judge() {
  if [ "$2" -ne 1 ]; then
    echo "NOT CAUGHT: $1 (exit status $2)" >&2
    exit 1
  fi
  caught=$((caught + 1))
}

# by_checker NAME FILE SED_SCRIPT [ARGUMENT...]: the arguments are coherence-check's.
by_checker() {
  is_chosen "$1" || return 0
  name=$1 file=$2
  mutate "$file" "$3" redis-proxy
  shift 3
  status=0
  "$checker" -binary "$tree/redis-proxy" -seconds "$seconds" -stop first "$@" || status=$?
  restore "$file"
  judge "$name" "$status"
}

# by_unit_tests NAME FILE SED_SCRIPT FILTER
by_unit_tests() {
  is_chosen "$1" || return 0
  mutate "$2" "$3" build/release/unit-tests
  status=0
  "$tree/build/release/unit-tests" --gtest_brief=1 --gtest_filter="$4" >"$tree/log" 2>&1 || status=$?
  grep '^\[  FAILED  \]' "$tree/log" | sort -u || cat "$tree/log"
  restore "$2"
  judge "$1" "$status"
}

# Redis sends a PONG and the reports of the same turn in the wrong order only to a connection whose
# proof was sent before that turn, and what is acknowledged in it is so after that.
by_unit_tests 'a lease runs from the last proof, not from the one before (by unit tests)' \
  src/redis/lease.cc \
  's/proven_at_ = std::exchange(answered_proof_at_, proof_sent_at_)/proven_at_ = proof_sent_at_/' \
  'LeaseTest.*'
by_checker 'an invalidation does not reach the fetch under way' src/cache/stripe.cc \
  '/^EntryRef Stripe::Erase/,/^}/{/Flight\* flight/,/^  }/d}'
by_checker 'the cache is trusted without a lease' include/cache/stripe.h \
  's/return now <= lease.load(std::memory_order_acquire);/return now <= kNever;/' \
  -event 'subscriber half-open'
by_unit_tests 'no new epoch for a new connection (by unit tests)' src/cache/cache.cc \
  '/^void Cache::BeginEpoch/,/^}/{/Flush();/d}; /^void Cache::EndEpoch/,/^}/{/epoch.fetch_add/d}' \
  'CoherentCacheTest.LosingTheReportsEndsHits*'
by_checker 'no new epoch at a loss' src/cache/cache.cc \
  '/^void Cache::EndEpoch/,/^}/{/epoch.fetch_add/d}' -event 'fetch hangs across a loss'
# Only -stale-if-error serves what is older than the epoch.
by_unit_tests 'no floor (by unit tests)' src/cache/stripe.cc \
  '/^EntryRef Stripe::GetStale/,/^}/s/entry->epoch < freshness_->floor.load(std::memory_order_acquire)/false/' \
  'StaleTest.*'
by_checker 'two fetchers for a key' src/cache/stripe.cc \
  's/^  Flight\* flight = flights_.Find(candidate->tag, candidate->key());/  Flight* flight = nullptr;/' \
  -event 'flushed' -event 'subscriber killed' -event 'demoted and promoted'
by_checker 'the role is not looked at' src/redis/tracking.cc \
  's/  if (hello.role == "master") return {};/  return {};/' \
  -event 'failover behind the address' -event 'replica with a cut link'
by_checker 'servers are not told from each other' src/redis/current_server.cc \
  's/has_moved = .*;/has_moved = false;/' -event 'address of new connections moved'
by_checker 'nobody watches where the address leads' src/redis/address_watch.cc \
  's/  while (interrupt_.Sleep(options_.interval)) Look();/  while (interrupt_.Sleep(options_.interval)) {}/' \
  -event 'address of new connections moved' -event 'name re-pointed'
by_checker 'an answer that comes late leaves what is older than it' src/cache/stripe.cc \
  's/^  if (attached != nullptr && attached != flight) {/  if (attached != flight) return {};\n&/' \
  -event 'answer comes late'
echo "all $caught were caught"
