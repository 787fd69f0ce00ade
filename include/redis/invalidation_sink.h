// InvalidationSink: who is told of the writes in Redis and of how far they are known.
//
// Owner: the server (its Coherence).
// Thread safety: called on the subscriber's thread, one call at a time, with no lock held.
// Cost: the sink's.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

// Between OnLive and OnLost the calls come in the order of Redis's reports.
class InvalidationSink {
 public:
  // Redis, which is the master, reports every write from now on. Nothing is known of earlier
  // writes. `server` is its ServerIdentity::id, and `generation` that of the connection
  // (redis/current_server.h). The lease ends at `lease` unless OnLease extends it.
  virtual void OnLive(uint64_t server, uint64_t generation, TimePoint lease) = 0;

  // The lease ends at `lease` from now on, which is never earlier than before.
  virtual void OnLease(TimePoint lease) = 0;

  // `key` was written, deleted, or given another TTL. It is valid only during the call.
  virtual void OnInvalidated(std::string_view key) = 0;

  // Any key may have changed: FLUSHALL, FLUSHDB or a resynchronisation.
  virtual void OnFlush() = 0;

  // From now on reports may be missed, or have been. Called exactly once after each OnLive, also
  // because of Stop. The code is kReadOnly if Redis says that it is a replica.
  virtual void OnLost(const Error& reason, TimePoint now) = 0;

  // Redis answers, but it cannot report its writes, does not permit this proxy to ask for that, or
  // is a replica (kReadOnly). The message is one line that names Redis, what it answered and what
  // to do; the sink may log it. Called once while the reason stays the same.
  virtual void OnUnsupported(const Error& error, TimePoint now) = 0;

 protected:
  ~InvalidationSink() = default;
};

}  // namespace rp::redis
