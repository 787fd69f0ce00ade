// A redis-server of the test's own, where one is installed, for tests against the real one.
//
// Thread safety: the thread of the test.
#pragma once

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/check.h"
#include "redis/connection.h"
#include "test/support/fetch_client.h"

namespace rp::redis {

class RealRedis : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/real-redis-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::filesystem::create_directory(directory_ + "/data");
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
    const std::string data = directory_ + "/data";
    server_ = fork();
    if (server_ == 0) {
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(),
             "--save", "", "--dir", data.c_str(), "--loglevel", "warning", "--databases", "4",
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

  // Until every thread stands still. StopServer works on a frozen one as well.
  void FreezeServer() {
    kill(server_, SIGSTOP);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(server_), &info, WSTOPPED | WEXITED | WNOWAIT);
  }

  void ThawServer() { kill(server_, SIGCONT); }

  bool Connect() {
    ConnectOptions options;
    options.endpoint.path = address();
    auto connection = Connection::Connect(options, Now() + seconds(5), -1);
    if (!connection) return false;
    connection_ = std::move(*connection);
    return true;
  }

  Reply Call(std::initializer_list<std::string_view> arguments) {
    connection_->Append(arguments);
    RP_CHECK(connection_->Flush(Now() + seconds(10)).ok());
    Result<Reply> reply = connection_->ReadReply(Now() + seconds(10));
    return std::move(*reply);
  }

  void Do(std::initializer_list<std::string_view> arguments) {
    const Reply reply = Call(arguments);
    ASSERT_NE(reply->type, REDIS_REPLY_ERROR) << reply->str;
  }

  // As Redis does when it cannot save its data.
  void RefuseWrites() {
    std::filesystem::remove_all(directory_ + "/data");
    Do({"CONFIG", "SET", "save", "3600 1"});
    Do({"BGSAVE"});
    ASSERT_TRUE(Await([this] { return Call({"PING"})->type == REDIS_REPLY_ERROR; }));
  }

  [[nodiscard]] std::string address() const { return directory_ + "/redis.sock"; }

  std::string directory_;
  pid_t server_ = -1;
  bool connected_ = false;
  std::unique_ptr<Connection> connection_;
};

}  // namespace rp::redis
