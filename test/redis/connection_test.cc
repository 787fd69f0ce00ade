#include "redis/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <thread>

#include "base/unique_fd.h"
#include "redis/address.h"
#include "test/support/fake_redis.h"
#include "test/support/fake_scripts.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

ConnectOptions To(const FakeRedis& server) {
  ConnectOptions options;
  options.endpoint = *ParseEndpoint(server.address());
  return options;
}

Result<std::unique_ptr<Connection>> Connect(const ConnectOptions& options,
                                            Duration timeout = seconds(5)) {
  return Connection::Connect(options, Now() + timeout, -1);
}

FakeRedis::Script Replying(std::string name, FakeRedis::Answer answer) {
  return [name = std::move(name), answer = std::move(answer)](const FakeRedis::Command& command) {
    return command.name() == name ? std::optional(answer) : std::nullopt;
  };
}

std::vector<std::string> Words(const std::vector<FakeRedis::Command>& commands) {
  std::vector<std::string> all;
  for (const auto& command : commands) {
    std::string words;
    for (const auto& argument : command.arguments) words += (words.empty() ? "" : " ") + argument;
    all.push_back(words);
  }
  return all;
}

const char kSetName[] = "CLIENT SETNAME redis-proxy";

TEST(ClassifyErrorReplyTest, GoesByTheFirstWord) {
  const struct {
    std::string_view text;
    ErrorCode code;
  } rows[] = {
      {"WRONGTYPE Operation against a key", ErrorCode::kWrongType},
      {"NOPERM this user has no permissions", ErrorCode::kNoPermission},
      {"NOAUTH Authentication required.", ErrorCode::kAuth},
      {"WRONGPASS invalid username-password pair", ErrorCode::kAuth},
      {"LOADING Redis is loading the dataset in memory", ErrorCode::kLoading},
      {"MASTERDOWN Link with MASTER is down", ErrorCode::kMasterDown},
      {"BUSY Redis is busy running a script.", ErrorCode::kScriptRuns},
      {"CLUSTERDOWN Hash slot not served", ErrorCode::kClusterDown},
      {"TRYAGAIN Multiple keys request during rehashing", ErrorCode::kTryAgain},
      {"MOVED 3999 127.0.0.1:6381", ErrorCode::kMoved},
      {"ASK 3999 127.0.0.1:6381", ErrorCode::kMoved},
      {"READONLY You can't write against a read only replica.", ErrorCode::kReadOnly},
      {"ERR max number of clients reached", ErrorCode::kTooManyClients},
      {"ERR unknown command", ErrorCode::kUpstream},
      {"BUSYKEY Target key name already exists", ErrorCode::kUpstream},
      {"", ErrorCode::kUpstream},
  };
  for (const auto& row : rows) EXPECT_EQ(ClassifyErrorReply(row.text), row.code) << row.text;
}

TEST(ConnectionTest, PingsWhenThereIsNothingElseToSetUp) {
  FakeRedis server;
  ASSERT_TRUE(Connect(To(server)).ok());
  EXPECT_EQ(Words(server.commands()), (std::vector<std::string>{"PING", kSetName}));
}

TEST(ConnectionTest, AuthenticatesThenSelectsThenPings) {
  FakeRedis server({}, FakeRedis::Transport::kUnix);
  ConnectOptions options = To(server);
  options.username = "proxy";
  options.password = "secret";
  options.database = 3;
  ASSERT_TRUE(Connect(options).ok());
  EXPECT_EQ(Words(server.commands()),
            (std::vector<std::string>{"AUTH proxy secret", "SELECT 3", "PING", kSetName}));
}

TEST(ConnectionTest, SendsThePasswordAloneWithoutAUserName) {
  FakeRedis server;
  ConnectOptions options = To(server);
  options.password = "secret";
  ASSERT_TRUE(Connect(options).ok());
  EXPECT_EQ(Words(server.commands()), (std::vector<std::string>{"AUTH secret", "PING", kSetName}));
}

TEST(ConnectionTest, SaysWhyTheSetUpWasRefused) {
  const struct {
    std::string step, reply;
    ErrorCode code;
  } rows[] = {
      {"AUTH", "WRONGPASS invalid username-password pair", ErrorCode::kAuth},
      {"AUTH", "ERR AUTH <password> called without any password configured", ErrorCode::kAuth},
      {"AUTH", "ERR max number of clients reached", ErrorCode::kTooManyClients},
      {"SELECT", "ERR DB index is out of range", ErrorCode::kRefused},
      {"SELECT", "NOPERM no permissions to run 'select'", ErrorCode::kRefused},
      {"SELECT", "NOAUTH Authentication required.", ErrorCode::kAuth},
      {"PING", "NOAUTH Authentication required.", ErrorCode::kAuth},
      {"PING", "LOADING Redis is loading the dataset in memory", ErrorCode::kLoading},
      {"PING", "DENIED Redis is running in protected mode", ErrorCode::kRefused},
  };
  for (const auto& row : rows) {
    FakeRedis server(Replying(row.step, {.bytes = "-" + row.reply + "\r\n"}));
    ConnectOptions options = To(server);
    options.password = "secret";
    options.database = 1;
    auto connection = Connect(options);
    ASSERT_FALSE(connection.ok()) << row.reply;
    EXPECT_EQ(connection.error().code, row.code) << row.reply;
    EXPECT_EQ(connection.error().message, row.reply);
  }
}

TEST(ConnectionTest, IsUsedWithoutANameWhereRedisRefusesIt) {
  for (const std::string reply :
       {"NOPERM no permissions to run 'client|setname'", "ERR unknown command 'CLIENT'"}) {
    FakeRedis server(Replying("CLIENT", {.bytes = "-" + reply + "\r\n"}));
    auto connection = Connect(To(server));
    ASSERT_TRUE(connection.ok()) << reply;
    EXPECT_TRUE((*connection)->InStep());
  }
}

TEST(ConnectionTest, LearnsTheVersionIfItIsToAsk) {
  FakeRedis server(OfVersion("6.2.14"));
  ConnectOptions options = To(server);
  auto unasked = Connect(options);
  ASSERT_TRUE(unasked.ok());
  EXPECT_EQ((*unasked)->version(), "");
  options.asks_version = true;
  auto connection = Connect(options);
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ((*connection)->version(), "6.2.14");
  EXPECT_TRUE((*connection)->InStep());
  EXPECT_EQ(Words(server.commands()),
            (std::vector<std::string>{"PING", kSetName, "PING", kSetName, "HELLO 2"}));
}

FakeRedis::Script Telling(const std::string& hello, const std::string& info) {
  return [hello, info](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() == "HELLO") return FakeRedis::Answer{.bytes = hello};
    if (command.name() == "INFO") return FakeRedis::Answer{.bytes = info};
    return std::nullopt;
  };
}

TEST(ConnectionTest, LearnsFromInfoWhichRedisAnotherServerIsLike) {
  const std::string info =
      FakeRedis::Bulk("# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n");
  for (const std::string hello : {"*4\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n"
                                  "$7\r\nversion\r\n$5\r\n8.0.1\r\n",
                                  "-ERR unknown command `HELLO`\r\n"}) {
    FakeRedis server(Telling(hello, info));
    ConnectOptions options = To(server);
    options.asks_version = true;
    auto connection = Connect(options);
    ASSERT_TRUE(connection.ok()) << hello;
    EXPECT_EQ((*connection)->version(), "7.2.4") << hello;
    EXPECT_EQ(server.Keys("INFO"), std::vector<std::string>{"server"});
  }
}

TEST(ConnectionTest, IsUsedWithoutAVersionWhereRedisTellsNone) {
  const std::string refusal = "-NOPERM no\r\n";
  const std::string redis = "$6\r\nserver\r\n$5\r\nredis\r\n";
  for (const auto& [hello, info] : std::vector<std::pair<std::string, std::string>>{
           {refusal, refusal},
           {"+OK\r\n", "+OK\r\n"},
           {"*0\r\n", "*0\r\n"},
           {"*3\r\n" + redis + "$7\r\nversion\r\n", "$0\r\n\r\n"},
           {"*4\r\n" + redis + "$7\r\nversion\r\n:7\r\n", "$-1\r\n"},
           {"*4\r\n" + redis + ":1\r\n$1\r\n7\r\n", "$5\r\n1.2.3\r\n"}}) {
    FakeRedis server(Telling(hello, info));
    ConnectOptions options = To(server);
    options.asks_version = true;
    auto connection = Connect(options);
    ASSERT_TRUE(connection.ok()) << hello;
    EXPECT_EQ((*connection)->version(), "") << hello;
    EXPECT_TRUE((*connection)->InStep()) << hello;
  }
}

TEST(ConnectionTest, TakesAnInfoOfAMegabyteAndNoLargerOne) {
  constexpr size_t kMost = 1024 * 1024;
  // With the replies to PING and CLIENT SETNAME, and its own length and ends of line.
  const size_t framing = std::string("+PONG\r\n+OK\r\n$1048552\r\n\r\n").size();
  FakeRedis server;
  ConnectOptions options = To(server);
  options.asks_identity = true;
  for (const size_t bytes : {kMost - framing, kMost - framing + 1}) {
    std::string info = "run_id:1\r\n";
    info.resize(bytes, 'x');
    server.SetScript(Replying("INFO", {.bytes = FakeRedis::Bulk(info)}));
    auto connection = Connect(options);
    EXPECT_EQ(connection.ok(), bytes == kMost - framing);
    EXPECT_TRUE(connection.ok() || connection.error().code == ErrorCode::kProtocol);
  }
}

TEST(ConnectionTest, TakesARefusedPingForAnAnswer) {
  for (const std::string reply : {"NOPERM no permissions to run 'ping'", "ERR unknown command",
                                  "MISCONF Redis is configured to save RDB snapshots",
                                  "BUSY Redis is busy running a script."}) {
    FakeRedis server(Replying("PING", {.bytes = "-" + reply + "\r\n"}));
    EXPECT_TRUE(Connect(To(server)).ok()) << reply;
  }
}

TEST(ConnectionTest, DoesNotTakeAnAcceptedConnectionForAnAnswer) {
  FakeRedis server;
  server.Freeze();
  const TimePoint start = Now();
  auto connection = Connect(To(server), milliseconds(50));
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().code, ErrorCode::kTimeout);
  EXPECT_GE(Now() - start, milliseconds(50));
  EXPECT_LT(Now() - start, milliseconds(500));
}

TEST(ConnectionTest, SaysThatNobodyListens) {
  FakeRedis server;
  server.GoDown();
  auto connection = Connect(To(server));
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(connection.error().message, "Connection refused");
}

TEST(ConnectionTest, SaysThatANameDoesNotResolve) {
  ConnectOptions options;
  options.endpoint.host = "no-such-host.invalid";
  auto connection = Connect(options);
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(connection.error().message.find("cannot resolve the host name: "), 0u);
}

TEST(ConnectionTest, TriesEveryAddressOfAName) {
  FakeRedis server;  // on 127.0.0.1 alone, while localhost may be ::1 first
  ConnectOptions options = To(server);
  options.endpoint.host = "localhost";
  EXPECT_TRUE(Connect(options).ok());
}

TEST(ConnectionTest, TellsServersApart) {
  for (const auto transport : {FakeRedis::Transport::kTcp, FakeRedis::Transport::kUnix}) {
    FakeRedis server({}, transport);
    FakeRedis other({}, transport);
    auto first = Connect(To(server));
    auto second = Connect(To(server));
    auto third = Connect(To(other));
    ASSERT_TRUE(first.ok() && second.ok() && third.ok());
    EXPECT_EQ((*first)->identity().id, (*second)->identity().id);
    EXPECT_NE((*first)->identity().id, (*third)->identity().id);
    EXPECT_NE((*first)->identity().id, 0u);
  }
}

// The kernel says 127.0.0.1 of the other end. The watch would miss that among the addresses.
TEST(ConnectionTest, KnowsTheAddressThatItWasMadeTo) {
  FakeRedis server;
  ConnectOptions options = To(server);
  for (const std::string host : {"127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"}) {
    options.endpoint.host = host;
    const auto addresses = Resolve(options.endpoint);
    ASSERT_TRUE(addresses.ok()) << host;
    auto connection = Connect(options);
    ASSERT_TRUE(connection.ok()) << host;
    EXPECT_EQ((*connection)->address_id(), addresses->front().id()) << host;
  }
}

TEST(ConnectionTest, KnowsAServerByItsAddressAndNotByItsName) {
  FakeRedis server;
  ConnectOptions options = To(server);
  auto by_number = Connect(options);
  options.endpoint.host = "localhost";
  auto by_name = Connect(options);
  ASSERT_TRUE(by_number.ok() && by_name.ok());
  EXPECT_EQ((*by_number)->identity().id, (*by_name)->identity().id);
}

TEST(ConnectionTest, ReadsRepliesInOrderAndPassesErrorsAsReplies) {
  FakeRedis server(Replying("FAIL", {.bytes = "-ERR no\r\n"}));
  server.Set("k", "v");
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  (*connection)->Append({"GET", "k"});
  (*connection)->Append({"FAIL"});
  (*connection)->Append({"PTTL", "k"});
  const TimePoint deadline = Now() + seconds(5);
  ASSERT_TRUE((*connection)->Flush(deadline).ok());
  Result<Reply> value = (*connection)->ReadReply(deadline);
  ASSERT_TRUE(value.ok());
  EXPECT_STREQ((*value)->str, "v");
  Result<Reply> error = (*connection)->ReadReply(deadline);
  ASSERT_TRUE(error.ok());
  EXPECT_EQ((*error)->type, REDIS_REPLY_ERROR);
  Result<Reply> ttl = (*connection)->ReadReply(deadline);
  ASSERT_TRUE(ttl.ok());
  EXPECT_EQ((*ttl)->integer, -1);
  EXPECT_TRUE((*connection)->UsableAfterIdling());
}

TEST(ConnectionTest, GivesBackTheBufferOfALargeReply) {
  FakeRedis server;
  const std::string large(1'000'000, 'x');
  server.Set("small", "v");
  server.Set("large", large);
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  const auto get = [&](const char* key) {
    const TimePoint deadline = Now() + seconds(5);
    (*connection)->Append({"GET", key});
    EXPECT_TRUE((*connection)->Flush(deadline).ok());
    Result<Reply> reply = (*connection)->ReadReply(deadline);
    return reply ? std::string((*reply)->str, static_cast<size_t>((*reply)->len)) : std::string();
  };
  EXPECT_EQ(get("small"), "v");
  EXPECT_FALSE((*connection)->has_spare_buffer());
  EXPECT_EQ(get("large"), large);
  EXPECT_TRUE((*connection)->has_spare_buffer());
  (*connection)->GiveBackBuffer();
  EXPECT_FALSE((*connection)->has_spare_buffer());
  EXPECT_TRUE((*connection)->UsableAfterIdling());
  EXPECT_EQ(get("small"), "v");
  EXPECT_EQ(get("large"), large);
}

TEST(ConnectionTest, GoesOnReadingAfterATimeout) {
  FakeRedis server(Replying("GET", {.bytes = "$1\r\nv\r\n", .held = true}));
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  (*connection)->Append({"GET", "k"});
  ASSERT_TRUE((*connection)->Flush(Now() + seconds(5)).ok());
  Result<Reply> early = (*connection)->ReadReply(Now() + milliseconds(10));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code, ErrorCode::kTimeout);
  server.Release();
  Result<Reply> late = (*connection)->ReadReply(Now() + seconds(5));
  ASSERT_TRUE(late.ok());
  EXPECT_STREQ((*late)->str, "v");
}

TEST(ConnectionTest, IsNotUsableOnceClosedWhileIdle) {
  FakeRedis server;
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  EXPECT_TRUE((*connection)->UsableAfterIdling());
  server.CloseConnections();
  EXPECT_TRUE(Await([&] { return !(*connection)->UsableAfterIdling(); }));
}

TEST(ConnectionTest, IsNotUsableAfterBytesNobodyAskedFor) {
  FakeRedis server(Replying("CLIENT", {.bytes = "+OK\r\n+PONG\r\n"}));
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  EXPECT_TRUE(Await([&] { return !(*connection)->UsableAfterIdling(); }));
}

TEST(ConnectionTest, EndsEveryWaitWhenInterrupted) {
  FakeRedis server;
  server.Freeze();
  const UniqueFd interrupt(eventfd(0, EFD_CLOEXEC));
  std::thread interrupter([&] { eventfd_write(interrupt.get(), 1); });
  auto connection = Connection::Connect(To(server), kNever, interrupt.get());
  interrupter.join();
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().code, ErrorCode::kStopping);
}

TEST(ConnectionTest, SendsMoreThanTheSocketHoldsWhileTheServerAnswers) {
  FakeRedis server;
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  const std::string key(1 << 20, 'k');
  for (int i = 0; i < 16; ++i) (*connection)->Append({"GET", key});
  const TimePoint deadline = Now() + seconds(10);
  ASSERT_TRUE((*connection)->Flush(deadline).ok());
  for (int i = 0; i < 16; ++i) ASSERT_TRUE((*connection)->ReadReply(deadline).ok()) << i;
}

TEST(ConnectionTest, GivesUpSendingToAServerThatDoesNotRead) {
  FakeRedis server;
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  server.Freeze();
  (*connection)->Append({"GET", std::string(64 << 20, 'k')});
  Result<void> sent = (*connection)->Flush(Now() + milliseconds(100));
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, ErrorCode::kTimeout);
}

TEST(ConnectionTest, IsNotInheritedByChildren) {
  FakeRedis server;
  const int lowest = dup(0);  // the next descriptor, which the connection will take
  close(lowest);
  auto connection = Connect(To(server));
  ASSERT_TRUE(connection.ok());
  EXPECT_NE(fcntl(lowest, F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace rp::redis
