// The server's side of a request: whose it is, its place in the pipeline, and how its answer is to
// be framed.
//
// Owned by the RequestPool of a reactor. The fields of this struct belong to the reactor's thread
// at all times, even while workers and fetchers have the proxy::Request part.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/request.h"
#include "server/deadline_list.h"

namespace rp::server {

class Connection;

struct Request : proxy::Request, DeadlineNode {
  // Null for an orphan, which is recycled when it comes back: its connection is gone, or a time-out
  // was answered in its place.
  Connection* connection = nullptr;
  Request* next_in_pipeline = nullptr;
  bool answered = false;  // its turn in the pipeline may come

  // How HTTP frames the answer.
  bool head_only = false;
  bool http10 = false;
  bool close = false;
  bool if_match_tags = false;  // see http::RequestHead
  bool if_none_match_any = false;

  // An answer of the server's own, without proxy: `local_status` is not 0 then. The text is
  // constant.
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

  [[nodiscard]] size_t out() const { return all_.size() - free_.size(); }

 private:
  const size_t limit_;
  std::vector<std::unique_ptr<Request>> all_;
  std::vector<Request*> free_;
};

}  // namespace rp::server
