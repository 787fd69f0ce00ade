// RequestPool: requests for reuse. None is allocated any more once the pool has as many as are
// needed at a time.
//
// They lie in slabs, and a slab that was not needed for kPeriod goes back to the kernel as a whole:
// many requests wait when Redis hangs, and only then. Cleaning many at once would hold up everybody
// else, so a turn cleans kCleanedPerTurn at most, and gives back kSlabsPerTurn.
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: Take and PutBack are O(1).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "core/request.h"

namespace rp::core {

class RequestPool {
 public:
  static constexpr size_t kSlabRequests = 256;
  static constexpr size_t kKeptRequests = 1024;  // for good
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  static constexpr size_t kCleanedPerTurn = 4096;
  static constexpr size_t kSlabsPerTurn = 4;

  // Gives out `limit` requests at a time. Groups may not take the last `reserved` of them.
  explicit RequestPool(size_t limit, size_t reserved = 0);
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  // Returns a blank request in the state kFilling, or null when `limit` are out or memory is short.
  [[nodiscard]] Request* Take();
  void PutBack(Request* request);

  // Takes memory for `count` more; returns false if there is not so much. REQUIRES: Has(count).
  [[nodiscard]] bool MakeRoom(size_t count);

  // Returns whether a group may take `count` more.
  [[nodiscard]] bool Has(size_t count) const { return count + reserved_ <= limit_ - out(); }

  // Requests that were taken and not put back.
  [[nodiscard]] size_t out() const { return out_ - uncleaned_; }
  // Requests that were put back and are not cleaned yet. Take does it, where there is no other.
  [[nodiscard]] size_t uncleaned() const { return uncleaned_; }
  // Requests that there is memory for.
  [[nodiscard]] size_t held() const { return slabs_.size() * kSlabRequests; }

  // The end of a turn: cleans and gives back some. Returns how many bytes malloc has got of it.
  [[nodiscard]] uint64_t EndTurn(TimePoint now);
  // When the next turn has something to do here: at once, later, or kNever.
  [[nodiscard]] TimePoint next_work() const {
    return returned_ != nullptr ? TimePoint::min() : next_shrink_;
  }

 private:
  // False if there is no memory for another.
  [[nodiscard]] bool AddSlab();
  [[nodiscard]] uint64_t FreeSlab(RequestSlab* slab);
  void Recycle(Request* request);
  void RecycleReturned();
  [[nodiscard]] uint64_t Shrink(TimePoint now);
  void LinkFirst(RequestSlab* slab);
  void LinkLast(RequestSlab* slab);
  void Unlink(RequestSlab* slab);

  const size_t limit_;
  const size_t reserved_;
  std::vector<std::unique_ptr<RequestSlab>> slabs_;
  // Those with a free request. Where all are free the slab stands at the end, unless it is the
  // first, which is to be taken from next.
  RequestSlab* first_ = nullptr;
  RequestSlab* last_ = nullptr;
  Request* returned_ = nullptr;  // not cleaned yet, linked by next_in_pipeline
  size_t cleanings_left_ = kCleanedPerTurn;
  size_t uncleaned_ = 0;
  size_t out_ = 0;                  // of the slabs, those that are not cleaned among them
  size_t most_out_ = 0;             // in this period
  TimePoint next_shrink_ = kNever;  // the period's end; TimePoint::min() when one is to begin
};

}  // namespace rp::core
