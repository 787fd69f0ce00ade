// The fetchers against a redis-server of their own, where one is installed.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "../support/fetch_client.h"
#include "redis/connection.h"
#include "redis/fetchers.h"

namespace rp::redis {
namespace {

// Copying is many times slower under a sanitizer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kBigBytes = 4 << 20;
#else
constexpr size_t kBigBytes = 64 << 20;
#endif

class RealRedisTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/real-redis-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    StartServer();
    connected_ = Await([this] {
      if (waitpid(server_, nullptr, WNOHANG) == server_) server_ = -1;
      return server_ < 0 || Connect();
    });
    if (server_ < 0) GTEST_SKIP() << "redis-server is not installed";
    ASSERT_TRUE(connected_);
  }

  void TearDown() override {
    if (server_ > 0) StopServer();
    std::filesystem::remove_all(directory_);
  }

  void StartServer() {
    const std::string socket = address();
    server_ = fork();
    if (server_ == 0) {
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(),
             "--save", "", "--dir", directory_.c_str(), "--loglevel", "warning", "--databases", "4",
             "--logfile", "/dev/null", nullptr);
      _exit(127);
    }
  }

  void StopServer() {
    kill(server_, SIGCONT);
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
    server_ = -1;
  }

  bool Connect() {
    ConnectOptions options;
    options.endpoint.path = address();
    auto connection = Connection::Connect(options, Now() + seconds(5), -1);
    if (!connection) return false;
    connection_ = std::move(*connection);
    return true;
  }

  void Do(std::initializer_list<std::string_view> arguments) {
    connection_->Append(arguments);
    ASSERT_TRUE(connection_->Flush(Now() + seconds(10)).ok());
    Result<Reply> reply = connection_->ReadReply(Now() + seconds(10));
    ASSERT_TRUE(reply.ok());
    ASSERT_NE((*reply)->type, REDIS_REPLY_ERROR) << (*reply)->str;
  }

  [[nodiscard]] std::string address() const { return directory_ + "/redis.sock"; }

  std::string directory_;
  pid_t server_ = -1;
  bool connected_ = false;
  std::unique_ptr<Connection> connection_;
};

TEST_F(RealRedisTest, TellsEveryOutcomeApart) {
  Do({"SET", "k", "v"});
  Do({"SET", "mortal", "v", "PX", "60000"});
  Do({"LPUSH", "list", "element"});
  FetchClient client(OptionsFor(address()));
  EXPECT_TRUE(client.Get("k").IsValue("v"));
  EXPECT_EQ(client.Get("k").ttl_ms, kTtlNone);
  const int64_t ttl_ms = client.Get("mortal").ttl_ms;
  EXPECT_GT(ttl_ms, 0);
  EXPECT_LE(ttl_ms, 60000);
  EXPECT_TRUE(client.Get("absent").IsMissing());
  EXPECT_TRUE(client.Get("list").IsError(ErrorCode::kWrongType));
}

TEST_F(RealRedisTest, ReadsABigValueWithinTheTimeout) {
  const std::string value(kBigBytes, 'x');
  Do({"SET", "big", value});
  FetchClient client(OptionsFor(address()));
  const Outcome outcome = client.Get("big");
  EXPECT_TRUE(outcome.value == value) << outcome;
}

TEST_F(RealRedisTest, SelectsTheDatabase) {
  Do({"SELECT", "3"});
  Do({"SET", "k", "in three"});
  Options options = OptionsFor(address());
  EXPECT_TRUE(FetchClient(options).Get("k").IsMissing());
  options.database = 3;
  EXPECT_TRUE(FetchClient(options).Get("k").IsValue("in three"));
  options.database = 4;
  EXPECT_TRUE(FetchClient(options).Get("k").IsError(ErrorCode::kUpstream));
}

TEST_F(RealRedisTest, AuthenticatesAsADefaultAndAsANamedUser) {
  Do({"SET", "k", "v"});
  Do({"ACL", "SETUSER", "proxy", "on", ">word", "~*", "+get", "+pttl"});
  Do({"CONFIG", "SET", "requirepass", "secret"});
  Options options = OptionsFor(address());
  EXPECT_TRUE(FetchClient(options).Get("k").IsError(ErrorCode::kAuth));
  options.password = "wrong";
  EXPECT_TRUE(FetchClient(options).Get("k").IsError(ErrorCode::kAuth));
  options.password = "secret";
  EXPECT_TRUE(FetchClient(options).Get("k").IsValue("v"));
  options.username = "proxy";
  options.password = "word";
  EXPECT_TRUE(FetchClient(options).Get("k").IsValue("v")) << "may GET and PTTL, but not PING";
}

TEST_F(RealRedisTest, SurvivesAStopAndARestart) {
  Do({"SET", "k", "v"});
  Options options = OptionsFor(address());
  options.timeout = milliseconds(100);
  FetchClient client(options);
  EXPECT_TRUE(client.Get("k").IsValue("v"));
  kill(server_, SIGSTOP);
  EXPECT_TRUE(client.Get("k", milliseconds(100)).IsError(ErrorCode::kTimeout));
  kill(server_, SIGCONT);
  EXPECT_TRUE(client.AwaitValue("k", "v"));
  StopServer();
  EXPECT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kBusy); }));
  StartServer();
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

}  // namespace
}  // namespace rp::redis
