// A Forwarder by itself, for tests that play Redis.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "proxy/forwarder.h"
#include "test/support/cache_flight.h"
#include "test/support/command_reply.h"
#include "test/support/outgoing.h"
#include "test/support/owned_command.h"
#include "test/support/proxy_home.h"

namespace rp::proxy {

using redis::Encode;
using std::chrono::seconds;
using Words = std::vector<std::string>;

inline const std::string kCommands = ArrayOf({
    Described("get", 2, {"readonly"}, 1, 1, 1),
    Described("set", -3, {"write"}, 1, 1, 1),
    Described("rename", 3, {"write"}, 1, 2, 1),
    Described("eval", -3, {"movablekeys"}, 0, 0, 0),
    Described("sort", -2, {"write", "movablekeys"}, 1, 1, 1),
    Described("flushall", -1, {"write"}, 0, 0, 0),
    Described("publish", 3, {"pubsub"}, 0, 0, 0),
    Described("multi", 1, {"noscript"}, 0, 0, 0),
    Described("exec", 1, {"noscript"}, 0, 0, 0),
    Described("select", 2, {"fast"}, 0, 0, 0),
    Described("blpop", -3, {"write", "blocking"}, 1, -2, 1),
});

inline redis::FetchResult Reply(std::string_view bytes) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kReply;
  result.value = bytes;
  return result;
}

inline redis::FetchResult Failure(ErrorCode code, std::string_view text, bool maybe_sent) {
  redis::FetchResult result;
  result.error_code = code;
  result.error_text = text;
  result.maybe_sent = maybe_sent;
  return result;
}

// A Forwarder whose fetches end when the test says so.
class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest()
      : cache_({.capacity = 100, .expire = Duration::zero()}),
        forwarder_(
            cache::TestHasher(), &cache_,
            [this](redis::Fetch* fetch) {
              if (!full_) fetches_.push_back(fetch);
              return !full_;
            },
            [this] { ++flushes_; }) {}

  ~ForwarderTest() override { EXPECT_TRUE(fetches_.empty()) << "a fetch was left hanging"; }

  Request* MakeRequest(const Words& words, uint8_t version = 2) {
    Request& request = requests_.emplace_back();
    request.home = &home_;
    SetCommand(&request, words);
    request.question.resp_version = version;
    request.deadline = Now() + seconds(60);
    return &request;
  }

  // Ends the oldest fetch.
  void Finish(const redis::FetchResult& result) {
    ASSERT_FALSE(fetches_.empty());
    redis::Fetch* const fetch = fetches_.front();
    fetches_.pop_front();
    fetch->sink->OnFetched(fetch, result, Now());
  }

  void LoadTable() {
    forwarder_.LoadTable(Now() + seconds(1));
    Finish(Reply(kCommands));
  }

  // REQUIRES: it is sent, and nothing is under way.
  Request* Send(const Words& words, uint8_t version = 2) {
    Request* const request = MakeRequest(words, version);
    EXPECT_FALSE(forwarder_.Start(request, Now()));
    EXPECT_EQ(fetches_.size(), 1u);
    return request;
  }

  Request* Forward(const Words& words, const redis::FetchResult& result) {
    Request* const request = Send(words);
    Finish(result);
    EXPECT_EQ(home_.CountOf(request), 1u);
    return request;
  }

  void Remember(const Words& keys) {
    for (const std::string& key : keys) cache::Put(&cache_, key, "old", Now());
  }

  Words Remembered(const Words& keys) {
    Words found;
    for (const std::string& key : keys) {
      if (cache::Get(&cache_, key, Now())) found.push_back(key);
    }
    return found;
  }

  std::vector<Request*> delivered() { return home_.delivered(); }

  TestHome home_;
  std::deque<Request> requests_;
  std::deque<redis::Fetch*> fetches_;
  int flushes_ = 0;
  bool full_ = false;
  cache::Cache cache_;
  Forwarder forwarder_;
};

}  // namespace rp::proxy
