// What the fetchers make of errors that say something of the server and not of a key: what the
// client is told, what the log says, and when they look for another server.
#include <gtest/gtest.h>

#include <string>

#include "redis/fetchers.h"
#include "test/support/fake_redis.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;

const char kReadOnlyReply[] = "-READONLY You can't write against a read only replica.\r\n";

// Answers every GET and SET alike.
FakeRedis::Script Saying(std::string reply) {
  return [reply = std::move(reply)](const FakeRedis::Command& command) {
    const bool is_asked = command.name() == "GET" || command.name() == "SET";
    return is_asked ? std::optional(Answer{.bytes = reply}) : std::nullopt;
  };
}

class TroubleTest : public testing::Test {
 protected:
  TroubleTest() {
    options_.connections = 1;
    options_.server = &current_;
  }

  static size_t Lines(const std::string& log, std::string_view part) {
    size_t count = 0;
    for (size_t at = log.find(part); at != std::string::npos; at = log.find(part, at + 1)) ++count;
    return count;
  }

  FakeRedis server_;
  Options options_ = OptionsFor(server_.address());
  CurrentServer current_{"redis"};  // nobody else makes connections outdated
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

// As a transaction meets it, whose EXEC says only that a command was refused.
TEST_F(TroubleTest, AReadOnlyServerIsLeftThoughOnlyAnEarlierReplyOfAFetchSaysSo) {
  server_.SetScript(Saying(kReadOnlyReply));
  FetchClient client(options_);
  Request* const request = client.SubmitCommand(Encode({"SET", "k", "v"}) + Encode({"EXEC"}), 2,
                                                std::chrono::seconds(5), /*replies=*/2);
  EXPECT_TRUE(client.Wait(request).IsReply(kReadOnlyReply + std::string("+OK\r\n")));
  EXPECT_EQ(current_.generation(), 1U);
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

TEST_F(TroubleTest, AServerThatBecameAReplicaIsLeftForWhereTheNameLeadsNow) {
  server_.SetScript(Saying(kReadOnlyReply));
  testing::internal::CaptureStderr();
  {
    FetchClient client(options_);
    EXPECT_TRUE(client.Call({"SET", "k", "v"}).IsReply(kReadOnlyReply)) << "the client is told";
    EXPECT_EQ(server_.connections_accepted(), 1);
    server_.SetScript({});
    EXPECT_TRUE(client.Call({"SET", "k", "v"}).IsReply("+OK\r\n"));
    EXPECT_EQ(server_.connections_accepted(), 2);
    EXPECT_EQ(current_.generation(), 1U);
  }
  EXPECT_EQ(Lines(testing::internal::GetCapturedStderr(), "reconnecting"), 1U);
}

TEST_F(TroubleTest, EveryConnectionIsMadeAnewAlsoThoseThatOnlyRead) {
  options_.connections = 4;
  server_.SetScript([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "GET") return Answer{.bytes = "$-1\r\n", .held = true};
    if (command.name() == "SET") return Answer{.bytes = kReadOnlyReply};
    return std::nullopt;
  });
  FetchClient client(options_);
  // One connection each, since none of them is answered.
  std::vector<Request*> reads;
  for (int i = 1; i <= 3; ++i) {
    reads.push_back(client.Submit("k"));
    ASSERT_TRUE(Await([&] { return server_.Count("GET") == static_cast<size_t>(i); }));
  }
  EXPECT_TRUE(client.Call({"SET", "k", "v"}).IsReply(kReadOnlyReply));
  EXPECT_TRUE(Await([&] { return current_.generation() == 1; }));
  const int before = server_.connections_accepted();
  server_.SetScript({});
  server_.Release();
  for (Request* const read : reads) EXPECT_TRUE(client.Wait(read).IsMissing());
  const size_t asked_before = server_.commands().size();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(client.Get("k").IsMissing());
  const std::vector<FakeRedis::Command> commands = server_.commands();
  for (size_t i = asked_before; i < commands.size(); ++i) {
    EXPECT_GT(commands[i].connection, before) << commands[i].name();
  }
}

// The first of what a batch says stands for all of it: each call is a batch of its own.
TEST_F(TroubleTest, OnlyTheServersOwnTextsAreTakenFromCommandsForItsState) {
  const struct {
    std::string text;
    bool is_server;
  } rows[] = {
      {"READONLY x", false},
      {"READONLY", false},
      {"READONLY You can't write", false},
      {"READONLY You can't write against a read only replica.", true},
      {"READONLY You can't write against a read only slave.", true},
      {"READONLY You can't write against a read only replica. script: f, on @user_script:1.", true},
      {"READONLY Can not run script with write flag on readonly replica", true},
      {"LOADING x", false},
      {"LOADING", false},
      {"LOADING Redis is loading the dataset in memory", true},
      {"LOADING Valkey is loading the dataset in memory", true},
      {"MASTERDOWN x", false},
      {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    const uint64_t renewals_before = current_.generation();
    server_.SetScript(Saying("-" + row.text + "\r\n"));
    testing::internal::CaptureStderr();
    {
      FetchClient client(options_);
      EXPECT_TRUE(client.Call({"SET", "k", "v"}).IsReply("-" + row.text + "\r\n"));
    }
    EXPECT_EQ(Lines(testing::internal::GetCapturedStderr(), "answers " + row.text),
              row.is_server ? 1U : 0U);
    const bool is_renewed = row.is_server && row.text.starts_with("READONLY");
    EXPECT_EQ(current_.generation() - renewals_before, is_renewed ? 1U : 0U);
  }
}

TEST_F(TroubleTest, AServerThatStaysAReplicaCausesFewConnections) {
  server_.SetScript(Saying(kReadOnlyReply));
  FetchClient client(options_);
  const TimePoint start = Now();
  int calls = 0;
  for (; calls < 500 && Now() - start < Renewal::kFirstWait / 2; ++calls) {
    EXPECT_TRUE(client.Call({"SET", "k", "v"}).IsReply(kReadOnlyReply));
  }
  EXPECT_GT(calls, 2);
  EXPECT_LE(server_.connections_accepted(), 2);
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
  EXPECT_EQ(Lines(testing::internal::GetCapturedStderr(), "too many requests wait for"), 1U);
}

}  // namespace
}  // namespace rp::redis
