#!/bin/sh
# Shows that the simulation sees: takes one rule out of the sources at a time, builds the simulation
# from that, and expects it to break a promise.
#
#   sh test/simulation/simulation_mutants.sh [SECONDS [NAME]]
#
# Each gets SECONDS, 60. A NAME is a pattern of the shell, and chooses. The mutations are made and
# built in a temporary copy of the sources. Prints for each how many runs it took, and the promise.
# A mutant is caught if the simulation exits with 1 and names the promise that is broken. One that
# crashes or aborts is not.
set -eu

seconds=${1:-60}
chosen=${2:-*}
caught=0
missed=0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -a Makefile VERSION include scripts src test integration "$tree"
# What is built already need not be built again.
mkdir -p "$tree/build"
[ ! -d build/release ] || cp -a build/release "$tree/build"

# mutant NAME FILE SED_SCRIPT
mutant() {
  # shellcheck disable=SC2254 # a pattern is meant
  case $1 in $chosen) ;; *) return 0 ;; esac
  sed "$3" "$2" >"$tree/$2"
  if cmp -s "$2" "$tree/$2"; then
    echo "the mutation does not apply to $2 any more" >&2
    exit 1
  fi
  make -s -C "$tree" BUILD=release build/release/simulation >"$tree/log" 2>&1 || { cat "$tree/log" >&2; exit 1; }
  status=0
  "$tree/build/release/simulation" -first 1 -seconds "$seconds" >"$tree/log" 2>&1 || status=$?
  cat "$2" >"$tree/$2"
  finding=$(sed -n 's/^seed [0-9]*: BROKEN: //p' "$tree/log")
  if [ "$status" -ne 1 ] || [ -z "$finding" ]; then
    echo "NOT CAUGHT: $1: status $status: $(tail -n 1 "$tree/log")"
    missed=$((missed + 1))
    return 0
  fi
  echo "$1: $(sed -n '/^after/p' "$tree/log"): $finding"
  caught=$((caught + 1))
}

mutant 'a lease runs from the last proof, not from the one before' src/redis/lease.cc \
  's/proven_at_ = std::exchange(answered_proof_at_, proof_sent_at_)/proven_at_ = proof_sent_at_/'
mutant 'an invalidation does not reach the fetch under way' src/cache/stripe.cc \
  '/^EntryRef Stripe::Erase/,/^}/{/Flight\* flight/,/^  }/d}'
mutant 'a detached flight is stored' src/cache/stripe.cc \
  's/if (\*entry \&\& attached \&\& flight->storable \&\&/if (*entry \&\&/'
mutant 'a lease never ends' src/redis/tracking.cc 's/sink_->OnLease(lease_->end())/sink_->OnLease(kNever)/'
mutant 'no new epoch for a new connection' src/cache/cache.cc \
  '/^void Cache::BeginEpoch/,/^}/{/Flush();/d}; /^void Cache::EndEpoch/,/^}/{/epoch.fetch_add/d}'
mutant 'no new epoch at a loss' src/cache/cache.cc '/^void Cache::EndEpoch/,/^}/{/epoch.fetch_add/d}'
mutant 'no floor' src/cache/stripe.cc \
  '/^EntryRef Stripe::GetStale/,/^}/s/entry->epoch < freshness_->floor.load(std::memory_order_acquire)/false/'
mutant 'two fetchers for a key' src/cache/stripe.cc \
  's/^  Flight\* flight = flights_.Find(candidate->tag, candidate->key());/  Flight* flight = nullptr;/'
mutant 'the role is not looked at' src/redis/tracking.cc \
  's/  if (hello.role == "master") return {};/  return {};/'
mutant 'servers are not told from each other' src/redis/current_server.cc 's/has_moved = .*;/has_moved = false;/'
mutant 'a connection from before a move counts' src/redis/current_server.cc \
  '/if (since != generation_/d'
mutant 'a move does not end the epoch' src/proxy/coherence.cc \
  '/^void Coherence::OnMoved/,/^}/{/^  cache_->/d}'
mutant 'what another server says is stored' src/proxy/read_through.cc \
  's/ || !coherence_->ReportsOf(result.server)//'
mutant 'an answer that comes late leaves what is older than it' src/cache/cache.cc \
  's/const EntryRef old = stripe.Supersede(flight, now);/const EntryRef old;/'
mutant 'an answer that comes late leaves the flight that may be older' src/cache/stripe.cc \
  's/attached->not_before = std::max(attached->not_before, now);//'
mutant 'an answer that took longer than a lease is served' src/proxy/read_through.cc \
  's/now - result.sent_at > coherence_->max_stale()/false/'
mutant 'the TTL of a key is not kept' src/proxy/read_through.cc 's/if (result.ttl_ms < 0) return kNever;/return kNever;/'
mutant 'a flush is not reported' src/proxy/coherence.cc '/^void Coherence::OnFlush/,/^}/{/cache_->Flush();/d}'
mutant 'a report is not applied' src/proxy/coherence.cc '/^void Coherence::OnInvalidated/,/^}/{/cache_->Invalidate/d}'
mutant 'a loss does not end the epoch' src/proxy/coherence.cc '/^void Coherence::OnLost/,/^}/{/cache_->EndEpoch/d}'
mutant 'nothing is ever stored' src/proxy/read_through.cc \
  's/const bool may_store = MayStore(.*/const bool may_store = false;/'
# The header is last, since much is built from it.
mutant 'the cache is trusted without a lease' include/cache/stripe.h \
  's/return now <= lease.load(std::memory_order_acquire);/return now <= kNever;/'
echo "$caught were caught, $missed not"
[ "$missed" -eq 0 ]
