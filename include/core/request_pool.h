// RequestPool: requests that are used again and again. Once the pool has as many as are needed at a
// time, it allocates no more.
//
// They lie in slabs, and a slab that was not needed for kPeriod goes back to the kernel as a whole:
// many requests wait when Redis hangs, and only then. Cleaning many at once would delay all
// clients, so a turn cleans at most kCleanedPerTurn requests and gives back at most kSlabsPerTurn
// slabs.
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: Take and PutBack are O(1).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/intrusive_list.h"
#include "base/time.h"
#include "core/request.h"

namespace rp::core {

class RequestPool {
 public:
  static constexpr size_t kSlabRequests = 256;
  static constexpr size_t kKeptRequests = 1024;  // never given back
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  static constexpr size_t kCleanedPerTurn = 4096;
  static constexpr size_t kSlabsPerTurn = 4;

  // Gives out `limit` requests at a time. Groups may not take the last `reserved` of them.
  explicit RequestPool(size_t limit, size_t reserved = 0);
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  // Returns a blank request in the state kFilling, or null if `limit` are out or there is no
  // memory.
  [[nodiscard]] Request* Take();
  // Takes back a request that Take has returned, and cleans it now or in a later turn.
  void PutBack(Request* request);

  // Returns whether a group may take `count` more requests.
  [[nodiscard]] bool Has(size_t count) const { return count + reserved_ <= limit_ - out(); }

  // Returns how many requests were taken and not put back.
  [[nodiscard]] size_t out() const { return out_ - uncleaned_; }
  // Returns how many requests were put back and are not cleaned yet. Take cleans one if no
  // clean request is left.
  [[nodiscard]] size_t uncleaned() const { return uncleaned_; }
  // Returns how many requests there is memory for.
  [[nodiscard]] size_t held() const { return slabs_.size() * kSlabRequests; }

  // Ends a turn: cleans requests and frees slabs. Returns the bytes freed to malloc.
  [[nodiscard]] uint64_t EndTurn(TimePoint now);
  // Returns when EndTurn has work: TimePoint::min() means now, kNever that it has none.
  [[nodiscard]] TimePoint next_work() const {
    return returned_ != nullptr ? TimePoint::min() : next_shrink_;
  }

 private:
  // Returns false if there is no memory for another slab.
  [[nodiscard]] bool AddSlab();
  [[nodiscard]] uint64_t FreeSlab(RequestSlab* slab);
  void Recycle(Request* request);
  void RecycleReturned();
  [[nodiscard]] uint64_t Shrink(TimePoint now);
  void LinkFirst(RequestSlab* slab);

  const size_t limit_;
  const size_t reserved_;
  std::vector<std::unique_ptr<RequestSlab>> slabs_;
  // The slabs that have a free request. Slabs with no request taken are at the end, except for the
  // first slab, from which Take takes next.
  IntrusiveList<RequestSlab> usable_;
  Request* returned_ = nullptr;  // not cleaned yet, linked by next_in_pipeline
  size_t cleanings_left_ = kCleanedPerTurn;
  uint64_t freed_bytes_ = 0;  // to malloc, by cleaning
  size_t uncleaned_ = 0;
  size_t out_ = 0;                  // taken from slabs, uncleaned ones included
  size_t most_out_ = 0;             // in this period
  TimePoint next_shrink_ = kNever;  // the period's end; TimePoint::min(): EndTurn begins one
};

}  // namespace rp::core
