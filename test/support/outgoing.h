// Commands of fetches as text, for tests.
//
// Owner: the test. Thread safety: any thread. Cost: O(bytes).
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "redis/fetch.h"

namespace rp::redis {

inline std::shared_ptr<const Outgoing> OutgoingOf(std::string bytes) {
  auto outgoing = std::make_shared<Outgoing>();
  outgoing->AddText(std::move(bytes));
  return outgoing;
}

inline std::string TextOf(const Outgoing& outgoing) {
  std::string text;
  for (const std::string_view piece : outgoing.pieces()) text += piece;
  RP_CHECK(text.size() == outgoing.bytes());
  return text;
}

// The command, or for a GET its key.
inline std::string TextOf(const Fetch& fetch) {
  return fetch.IsCommand() ? TextOf(*fetch.command) : std::string(fetch.key);
}

}  // namespace rp::redis
