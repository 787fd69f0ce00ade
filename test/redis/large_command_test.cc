// Commands, and GETs, that may be more than Redis accepts: nobody else's is lost over them.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "test/support/fake_redis.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;

// A SET of so many bytes as it is sent.
std::string SetOf(size_t bytes) {
  const size_t framing = Encode({"SET", "k", std::string(bytes - 100, 'v')}).size() - (bytes - 100);
  std::string command = Encode({"SET", "k", std::string(bytes - framing, 'v')});
  EXPECT_EQ(command.size(), bytes);
  return command;
}

class LargeCommandTest : public testing::Test {
 protected:
  LargeCommandTest()
      : client_([this] {
          Options options = OptionsFor(server_.address());
          options.connections = 1;
          return options;
        }()) {}

  // Sends INCR 1, the SET and INCR 2 when they have gathered in the queue.
  void SubmitBehindEachOther(size_t set_bytes) {
    Request* const hold = client_.SubmitCommand(Encode({"HOLD"}));
    ASSERT_TRUE(Await([&] { return server_.Count("HOLD") == 1; }));
    first_ = client_.SubmitCommand(Encode({"INCR", "1"}));
    set_ = client_.SubmitCommand(SetOf(set_bytes));
    last_ = client_.SubmitCommand(Encode({"INCR", "2"}));
    server_.Release();
    EXPECT_TRUE(client_.Wait(hold).IsReply("+OK\r\n"));
  }

  FakeRedis server_;
  FetchClient client_;
  Request* first_ = nullptr;
  Request* set_ = nullptr;
  Request* last_ = nullptr;
};

TEST_F(LargeCommandTest, FailsAloneWhenTheServerClosesTheConnection) {
  server_.SetScript([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "HOLD") return Answer{.bytes = "+OK\r\n", .held = true};
    return command.name() == "SET" ? std::optional(Answer{.bytes = "", .close = true})
                                   : std::nullopt;
  });
  SubmitBehindEachOther(kLargeCommandBytes + 1);
  EXPECT_TRUE(client_.Wait(first_).IsReply("+OK\r\n"));
  EXPECT_TRUE(client_.Wait(set_).IsError(ErrorCode::kUnavailable));
  EXPECT_TRUE(client_.Wait(last_).IsReply("+OK\r\n"));
  EXPECT_EQ(server_.Keys("INCR"), (std::vector<std::string>{"1", "2"}));
}

TEST_F(LargeCommandTest, NothingFollowsOnAConnectionWhoseProtocolItBroke) {
  const std::string refusal = "-ERR Protocol error: invalid bulk length\r\n";
  server_.SetScript([&](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "HOLD") return Answer{.bytes = "+OK\r\n", .held = true};
    return command.name() == "SET" ? std::optional(Answer{.bytes = refusal}) : std::nullopt;
  });
  SubmitBehindEachOther(kLargeCommandBytes + 1);
  EXPECT_TRUE(client_.Wait(set_).IsReply(refusal));
  EXPECT_TRUE(client_.Wait(last_).IsReply("+OK\r\n"));
  EXPECT_EQ(server_.connections_accepted(), 2);
}

// The replies to the commands behind it never come.
TEST_F(LargeCommandTest, WhatBreaksTheProtocolAmongSeveralCommandsIsTheirError) {
  const std::string refusal = "-ERR Protocol error: invalid bulk length\r\n";
  server_.SetScript([&](const FakeRedis::Command& command) -> std::optional<Answer> {
    return command.name() == "SET" ? std::optional(Answer{.bytes = refusal, .close = true})
                                   : std::nullopt;
  });
  Request* const request =
      client_.SubmitCommand(Encode({"MULTI"}) + SetOf(kLargeCommandBytes) + Encode({"EXEC"}), 2,
                            std::chrono::seconds(60), /*replies=*/3);
  const Outcome outcome = client_.Wait(request);
  EXPECT_TRUE(outcome.IsError(ErrorCode::kUpstream)) << outcome;
  EXPECT_EQ(outcome.error_text, "ERR Protocol error: invalid bulk length");
  EXPECT_TRUE(client_.Call({"INCR", "1"}).IsReply("+OK\r\n"));
}

TEST_F(LargeCommandTest, AGetOfALargeKeyFailsAlone) {
  const std::string large(kLargeCommandBytes + 1, 'k');
  server_.SetScript([&](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "GET" && command.key() == "hold") {
      return Answer{.bytes = "$-1\r\n", .held = true};
    }
    const bool is_refused = command.key() == large;
    return is_refused ? std::optional(Answer{.bytes = "", .close = true}) : std::nullopt;
  });
  Request* const hold = client_.Submit("hold");
  ASSERT_TRUE(Await([&] { return server_.Count("GET") == 1; }));
  Request* const first = client_.Submit("1");
  Request* const refused = client_.Submit(large);
  Request* const last = client_.Submit("2");
  server_.Release();
  for (Request* request : {hold, first, last}) EXPECT_TRUE(client_.Wait(request).IsMissing());
  EXPECT_TRUE(client_.Wait(refused).IsError(ErrorCode::kUnavailable));
  const std::vector<std::string> gets = server_.Keys("GET");
  for (const char* key : {"1", "2"}) EXPECT_EQ(std::count(gets.begin(), gets.end(), key), 1);
}

TEST(FetchTest, AGetIsLargeWithItsFraming) {
  Fetch fetch;
  const std::string key(kLargeCommandBytes - kGetFramingBytes + 1, 'k');
  fetch.key = std::string_view(key).substr(1);
  EXPECT_FALSE(fetch.IsLarge());
  fetch.key = key;
  EXPECT_TRUE(fetch.IsLarge());
}

TEST_F(LargeCommandTest, TravelsWithOthersUpToTheLimit) {
  server_.SetScript([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "PING" || command.name() == "CLIENT") return std::nullopt;
    return Answer{.bytes = "+OK\r\n", .held = true};
  });
  SubmitBehindEachOther(kLargeCommandBytes);
  EXPECT_TRUE(Await([&] { return server_.Keys("INCR").size() == 2; })) << "none is answered yet";
  while (!client_.IsDone(last_)) server_.Release();
}

TEST_F(LargeCommandTest, TravelsAloneFromOneByteMoreOn) {
  server_.SetScript([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "PING" || command.name() == "CLIENT") return std::nullopt;
    return Answer{.bytes = "+OK\r\n", .held = true};
  });
  SubmitBehindEachOther(kLargeCommandBytes + 1);
  // One release, when there is one to release: the SET is held when it comes.
  ASSERT_TRUE(Await([&] { return server_.Count("INCR") == 1; }));
  server_.Release();
  ASSERT_TRUE(Await([&] { return server_.Count("SET") == 1; }));
  EXPECT_EQ(server_.Count("INCR"), 1u);
  while (!client_.IsDone(set_)) server_.Release();
  while (!client_.IsDone(last_)) server_.Release();
}

}  // namespace
}  // namespace rp::redis
