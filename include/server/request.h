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

#include "proxy/request.h"
#include "server/deadline_list.h"

namespace rp::server {

class Connection;

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

  // Makes it a question again.
  void ForgetAnswer() {
    outcome = proxy::Outcome::kPending;
    source = proxy::Source::kRedis;
    value = {};
    error_text.clear();
  }

  // An answer of the server's own, without proxy: `local_status` is not 0 then, for HTTP. The text
  // is constant; one that is not goes to `reply`.
  int local_status = 0;
  std::string_view local_text;
};

// Requests for reuse: after warming up, none is allocated any more.
//
// Thread safety: the reactor's thread. Cost: O(1).
class RequestPool {
 public:
  explicit RequestPool(size_t limit) : limit_(limit) {}

  // A blank request, or null when `limit` are out already.
  [[nodiscard]] Request* Take();
  void PutBack(Request* request);

  // Whether `count` more can be taken.
  [[nodiscard]] bool Has(size_t count) const { return count <= limit_ - out(); }

  [[nodiscard]] size_t out() const { return all_.size() - free_.size(); }

 private:
  const size_t limit_;
  std::vector<std::unique_ptr<Request>> all_;
  std::vector<Request*> free_;
};

}  // namespace rp::server
