// Router: starts the requests of reactors and workers: those for keys through ReadThrough, those
// for commands through the Forwarder.
//
// Owner: the server; borrows both. Thread safety: any thread. Cost: that of ReadThrough and of the
// Forwarder.
#pragma once

#include "proxy/forwarder.h"
#include "proxy/read_through.h"
#include "proxy/request.h"

namespace rp::proxy {

class Router {
 public:
  // Everything borrowed outlives the router.
  Router(ReadThrough* read_through, Forwarder* forwarder)
      : read_through_(read_through), forwarder_(forwarder) {}

  // Returns the entry of `key` if it is in the cache and its stripe is not locked, else an empty
  // ref.
  [[nodiscard]] cache::EntryRef TryFind(std::string_view key, TimePoint now) const {
    return read_through_->TryFind(key, now);
  }
  // Answers the request if TryFind finds its key. Otherwise returns false and changes nothing.
  // REQUIRES: the question has a key.
  [[nodiscard]] bool TryHit(Request* request, TimePoint now) const {
    return read_through_->TryHit(request, now);
  }

  // Returns what is known of Redis's commands now. Never waits for Redis.
  [[nodiscard]] KnownCommands Known(TimePoint now) const { return forwarder_->Known(now); }

  struct StartResult {
    RequestChain answered;
    RequestChain left;  // with Blocking::kNo: requests that would have to wait
  };
  // Starts the requests of the chain that begins at `first`: answers some now and returns them; the
  // others are delivered to their home later. Adds the fetches that this starts to `*fetches`;
  // Submit must follow. With Blocking::kNo, leaves all commands, and the requests that would have
  // to wait for another thread, and relies on TryHit not having found the keys. REQUIRES: question,
  // deadline and home are set, and the outcome is kPending.
  [[nodiscard]] StartResult Start(Request* first, TimePoint now, Blocking blocking,
                                  redis::FetchQueue* fetches);

  // Hands `*fetches` to the fetchers. With Blocking::kNo, returns false and does nothing if their
  // lock is held.
  [[nodiscard]] bool Submit(redis::FetchQueue* fetches, Blocking blocking) {
    return read_through_->Submit(fetches, blocking);
  }

  // Does a worker's job: starts the chain and submits its fetches. Returns the requests that are
  // answered now. REQUIRES: the same as for Start.
  [[nodiscard]] RequestChain Run(Request* first);

  // Takes back a request that waits for Redis. Returns false if its answer is under way, or if no
  // worker has started it yet. REQUIRES: the caller is its home.
  [[nodiscard]] bool TakeBack(Request* request) const { return read_through_->TakeBack(request); }

  // Returns the value that may be served although its time is over (-stale-if-error), or an empty
  // ref.
  [[nodiscard]] cache::EntryRef Stale(const Request& request, TimePoint now) const {
    return read_through_->Stale(request.question.key, now);
  }

  // Makes the cache smaller and fills the reserve. Call it when MemoryIsShort().
  void FreeMemory() { read_through_->FreeMemory(); }

 private:
  [[nodiscard]] ReadThrough::Started StartOne(Request* request, TimePoint now, Blocking blocking,
                                              redis::FetchQueue* fetches);

  ReadThrough* const read_through_;
  Forwarder* const forwarder_;
};

}  // namespace rp::proxy
