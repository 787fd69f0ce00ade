// The server's side of a request: whose it is, its place in the pipeline, and how its answer is to
// be framed.
//
// Owned by the RequestPool of a reactor. The fields of this struct belong to the reactor's thread
// at all times, even while workers and fetchers have the proxy::Request part.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/deadline_list.h"
#include "proxy/request.h"

namespace rp::core {

class Connection;
class RequestSlab;

// How the protocol frames an answer. The session sets it.
struct Framing {
  bool close = false;

  // HTTP.
  bool head_only = false;
  bool http10 = false;
  bool if_match_tags = false;  // see http::RequestHead
  bool if_none_match_any = false;

  // RESP. What the command makes of the value is RespSession's.
  uint8_t resp_version = 2;
  uint8_t resp_form = 0;
  int64_t range_start = 0;
  int64_t range_end = 0;
};

struct Request : proxy::Request, DeadlineNode, Framing {
  // Null for an orphan, which is recycled when it comes back: its connection is gone.
  Connection* connection = nullptr;
  Request* next_in_pipeline = nullptr;
  bool answered = false;  // its turn in the pipeline may come

  // Requests that make one answer together stand behind each other in the pipeline, and none is
  // written before all are answered. `group` is the first of them, null for a request by itself.
  Request* group = nullptr;
  // Of the first one: how many follow; how many, itself among them, are not answered.
  uint32_t group_rest = 0;
  uint32_t group_unanswered = 0;
  uint32_t group_found = 0;  // keys that exist, of those without a request of their own
  // And how many are on their way, and the next to follow when one of them is back.
  uint32_t group_under_way = 0;
  Request* group_next = nullptr;
  bool group_failed = false;  // one of them has, so that the others need not be looked up

  bool on_its_way = false;  // to a worker, a fetcher or back

  // Whether it and its group, if it leads one, may be written.
  [[nodiscard]] bool ready() const { return answered && (group != this || group_unanswered == 0); }

  // An answer of the server's own, without proxy: `local_status` is not 0 then, for HTTP. The text
  // is constant; one that is not goes to `reply`.
  int local_status = 0;
  std::string_view local_text;

  RequestSlab* slab = nullptr;  // the pool's: whose memory it is
};

// Requests for reuse: none is allocated any more once the pool has as many as are needed at a time.
//
// They lie in slabs, and a slab that was not needed for kPeriod goes back to the kernel as a whole:
// many requests wait when Redis hangs, and only then. Cleaning many at once would hold up everybody
// else, so a turn cleans kCleanedPerTurn at most, and gives back kSlabsPerTurn.
//
// Thread safety: the reactor's thread. Cost: Take and PutBack are O(1).
class RequestPool {
 public:
  static constexpr size_t kSlabRequests = 256;
  static constexpr size_t kKeptRequests = 1024;  // for good
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  static constexpr size_t kCleanedPerTurn = 4096;
  static constexpr size_t kSlabsPerTurn = 4;

  explicit RequestPool(size_t limit);
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  // A blank request, or null when `limit` are out already or memory is short.
  [[nodiscard]] Request* Take();
  void PutBack(Request* request);

  // Takes memory for `count` more, if there is so much. REQUIRES: Has(count).
  [[nodiscard]] bool MakeRoom(size_t count);

  // Whether `count` more can be taken, as far as the limit is concerned.
  [[nodiscard]] bool Has(size_t count) const { return count <= limit_ - out(); }

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
