// EntryKind: the kind of entry in the cache that says what Redis has said of a key.
//
// Owner: nobody; a pure function. Thread safety: any thread. Cost: O(1).
#pragma once

#include "cache/entry.h"
#include "redis/fetch.h"

namespace rp::proxy {

// REQUIRES: result.IsAboutKey().
inline cache::Kind EntryKind(const redis::FetchResult& result) {
  switch (result.kind) {
    case redis::FetchResult::Kind::kValue:
      return cache::Kind::kValue;
    case redis::FetchResult::Kind::kMissing:
      return cache::Kind::kMissing;
    case redis::FetchResult::Kind::kReply:  // only for commands
    case redis::FetchResult::Kind::kError:
      break;
  }
  return cache::Kind::kWrongType;
}

}  // namespace rp::proxy
