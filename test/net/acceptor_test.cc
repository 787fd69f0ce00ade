#include "net/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <vector>

#include "net/socket.h"

namespace rp::net {
namespace {

class AcceptorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listening = Listen({"127.0.0.1", 0});
    ASSERT_TRUE(listening) << listening.error().message;
    listening_fd_ = listening->get();
    acceptor_ = std::make_unique<Acceptor>(&loop_, std::move(*listening),
                                           [this](UniqueFd fd) { on_accepted_(std::move(fd)); });
  }

  // A client whose connection waits to be accepted.
  [[nodiscard]] UniqueFd Connect() {
    sockaddr_in address{};
    socklen_t address_bytes = sizeof(address);
    EXPECT_EQ(getsockname(listening_fd_, reinterpret_cast<sockaddr*>(&address), &address_bytes), 0);
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), address_bytes), 0);
    return fd;
  }

  void Turn(TimePoint deadline = kNever) {
    loop_.Wait(Now(), deadline);
    loop_.Dispatch();
  }

  EventLoop loop_;
  std::function<void(UniqueFd)> on_accepted_ = [this](UniqueFd fd) {
    accepted_.push_back(std::move(fd));
  };
  std::vector<UniqueFd> accepted_;
  int listening_fd_ = -1;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOnNonBlockingDescriptorsThatAreClosedOnExec) {
  const UniqueFd client = Connect();
  Turn();
  ASSERT_EQ(accepted_.size(), 1u);
  EXPECT_NE(fcntl(accepted_[0].get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(accepted_[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(AcceptorTest, AcceptsAllThatWaitAtOnceUpToTheMostPerTurn) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 65; ++i) clients.push_back(Connect());
  Turn();
  EXPECT_EQ(accepted_.size(), 64u) << "others get their turn";
  Turn();
  EXPECT_EQ(accepted_.size(), 65u);
  Turn(Now());
  EXPECT_EQ(accepted_.size(), 65u);
}

// Whoever floods the socket comes back as soon as he was accepted.
TEST_F(AcceptorTest, AFloodOfConnectionsDoesNotHoldUpWhoAcceptsAllThatWait) {
  for (const int connections : {Acceptor::kMaxWaiting, Acceptor::kMaxWaiting + 1}) {
    SCOPED_TRACE(connections);
    int connected = 1;
    int accepted = 0;
    UniqueFd client = Connect();
    on_accepted_ = [&](UniqueFd) {
      ++accepted;
      if (connected == connections) return;
      client = Connect();
      ++connected;
    };
    acceptor_->AcceptWaiting();
    EXPECT_EQ(accepted, Acceptor::kMaxWaiting);
    Turn(Now());
    EXPECT_EQ(accepted, connections);
  }
}

TEST_F(AcceptorTest, ListensToNothingWhenItIsGone) {
  acceptor_.reset();
  Turn(Now());
  EXPECT_TRUE(accepted_.empty());
}

TEST_F(AcceptorTest, StopClosesTheSocketBehindItsOwnEvent) {
  const UniqueFd client = Connect();
  loop_.Wait(Now(), kNever);
  acceptor_->Stop();
  loop_.Dispatch();
  EXPECT_TRUE(accepted_.empty());
  char byte = 0;
  EXPECT_LE(recv(client.get(), &byte, 1, 0), 0) << "the kernel ended what nobody accepted";
  acceptor_->Resume();
  EXPECT_FALSE(acceptor_->paused());
}

// No descriptor beyond those that are open is to be had during its life.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    // The lowest number that is free is the first that must not be given out.
    rlimit lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(UniqueFd(eventfd(0, EFD_CLOEXEC)).get());
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  }
  ~NoMoreDescriptors() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

TEST_F(AcceptorTest, OutOfDescriptorsItPausesInsteadOfSpinning) {
  const UniqueFd client = Connect();
  {
    const NoMoreDescriptors none;
    Turn();
    EXPECT_TRUE(acceptor_->paused());
    EXPECT_TRUE(accepted_.empty());
    // The connection waits still, but is no event any more: nothing ends this wait early.
    const TimePoint deadline = Now() + std::chrono::milliseconds(2);
    Turn(deadline);
    EXPECT_GE(Now(), deadline);
    acceptor_->Resume();
    EXPECT_FALSE(acceptor_->paused());
    Turn();
    EXPECT_TRUE(acceptor_->paused()) << "there are none as yet";
  }
  acceptor_->Resume();
  EXPECT_FALSE(acceptor_->paused());
  Turn();
  EXPECT_EQ(accepted_.size(), 1u);
}

TEST_F(AcceptorTest, MayGoWhilePaused) {
  const UniqueFd client = Connect();
  const NoMoreDescriptors none;
  Turn();
  ASSERT_TRUE(acceptor_->paused());
  acceptor_.reset();
}

}  // namespace
}  // namespace rp::net
