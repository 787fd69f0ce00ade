// What the fetchers make of errors that say something of the server and not of a key: what the
// client is told, and what the log says.
#include <gtest/gtest.h>

#include <string>

#include "../support/fake_redis.h"
#include "../support/fetch_client.h"
#include "redis/fetchers.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;

// Answers every GET and SET alike.
FakeRedis::Script Saying(std::string reply) {
  return [reply = std::move(reply)](const FakeRedis::Command& command) {
    const bool is_asked = command.name() == "GET" || command.name() == "SET";
    return is_asked ? std::optional(Answer{.bytes = reply}) : std::nullopt;
  };
}

class TroubleTest : public testing::Test {
 protected:
  TroubleTest() { options_.connections = 1; }

  static size_t Lines(const std::string& log, std::string_view part) {
    size_t count = 0;
    for (size_t at = log.find(part); at != std::string::npos; at = log.find(part, at + 1)) ++count;
    return count;
  }

  FakeRedis server_;
  Options options_ = OptionsFor(server_.address());
};

TEST_F(TroubleTest, TheFirstOfEachKindIsLoggedAndNotTheNext) {
  testing::internal::CaptureStderr();
  {
    FetchClient client(options_);
    for (const std::string text : {"LOADING it", "CLUSTERDOWN it", "MASTERDOWN it", "TRYAGAIN it",
                                   "BUSY it", "MOVED 1 10.0.0.9:1", "ERR it", "NOAUTH it"}) {
      server_.SetScript(Saying("-" + text + "\r\n"));
      for (int i = 0; i < 3; ++i) client.Get("k");
    }
  }
  const std::string log = testing::internal::GetCapturedStderr();
  for (const std::string text : {"LOADING it", "CLUSTERDOWN it", "MASTERDOWN it", "TRYAGAIN it",
                                 "BUSY it", "MOVED 1 10.0.0.9:1", "ERR it", "NOAUTH it"}) {
    EXPECT_EQ(Lines(log, "answers " + text), 1U) << text << " in " << log;
  }
}

TEST_F(TroubleTest, WhatIsWrongWithAKeyOrACommandIsNotLogged) {
  testing::internal::CaptureStderr();
  {
    FetchClient client(options_);
    for (const std::string text : {"WRONGTYPE it", "NOPERM it"}) {
      server_.SetScript(Saying("-" + text + "\r\n"));
      client.Get("k");
    }
    server_.SetScript(Saying("-ERR it\r\n"));
    EXPECT_TRUE(client.Call({"SET", "k", "v"}).IsReply("-ERR it\r\n"));
  }
  EXPECT_EQ(Lines(testing::internal::GetCapturedStderr(), " it"), 0U);
}

TEST_F(TroubleTest, ALoadingRedisThatWasNeverConnectedToIsLogged) {
  server_.GoDown();
  testing::internal::CaptureStderr();
  {
    FetchClient client(options_);
    EXPECT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kAway); }));
    server_.SetScript([](const FakeRedis::Command&) {
      return std::optional(Answer{.bytes = "-LOADING Redis is loading\r\n"});
    });
    server_.ComeUp();
    EXPECT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kLoading); }));
  }
  EXPECT_EQ(Lines(testing::internal::GetCapturedStderr(), "LOADING"), 1U);
}

TEST_F(TroubleTest, NoClientLearnsTheAddressOfAClusterNode) {
  FetchClient client(options_);
  for (const std::string text : {"MOVED 3999 10.0.0.9:6381", "ASK 3999 10.0.0.9:6381"}) {
    server_.SetScript(Saying("-" + text + "\r\n"));
    for (const Outcome& outcome : {client.Get("k"), client.Call({"SET", "k", "v"})}) {
      EXPECT_TRUE(outcome.IsError(ErrorCode::kMoved)) << outcome;
      EXPECT_EQ(outcome.error_text, Describe(ErrorCode::kMoved).text);
    }
  }
}

TEST_F(TroubleTest, AFullQueueIsLogged) {
  options_.max_pending = 1;
  server_.Freeze();
  testing::internal::CaptureStderr();
  {
    FetchClient client(options_);
    Request* waiting = client.Submit("a");
    // The first may be taken at once by whoever connects.
    for (int i = 0; i < 3; ++i) {
      if (client.Submit("b") == nullptr) break;
    }
    server_.Thaw();
    client.Wait(waiting);
  }
  EXPECT_EQ(Lines(testing::internal::GetCapturedStderr(), "than there is room for"), 1U);
}

}  // namespace
}  // namespace rp::redis
