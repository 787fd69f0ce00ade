#include "net/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

namespace rp::net {
namespace {

uint16_t PortOf(const UniqueFd& fd) {
  const std::string name = LocalName(fd.get());
  return static_cast<uint16_t>(std::stoi(name.substr(name.rfind(':') + 1)));
}

bool HasIpv6() { return Listen({"::1", 0}).ok(); }

// Connects over loopback to a socket of `family`.
UniqueFd Connect(int family, uint16_t port) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ipv4.sin_port = htons(port);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_addr = in6addr_loopback;
  ipv6.sin6_port = htons(port);
  const int status = family == AF_INET
                         ? connect(fd.get(), reinterpret_cast<sockaddr*>(&ipv4), sizeof(ipv4))
                         : connect(fd.get(), reinterpret_cast<sockaddr*>(&ipv6), sizeof(ipv6));
  if (status != 0) fd.Reset();
  return fd;
}

UniqueFd Accept(const UniqueFd& listening) {
  pollfd waiting{listening.get(), POLLIN, 0};
  if (poll(&waiting, 1, 10'000) != 1) return {};
  return UniqueFd(accept(listening.get(), nullptr, nullptr));
}

TEST(SocketTest, Port0TakesAFreePortAndSaysWhich) {
  const auto first = Listen({"127.0.0.1", 0});
  const auto second = Listen({"127.0.0.1", 0});
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(LocalName(first->get()), "127.0.0.1:" + std::to_string(PortOf(*first)));
  EXPECT_NE(PortOf(*first), 0);
  EXPECT_NE(PortOf(*first), PortOf(*second));
  EXPECT_TRUE(Connect(AF_INET, PortOf(*first)));
}

TEST(SocketTest, IsNonBlockingAndClosedOnExec) {
  const auto fd = Listen({"127.0.0.1", 0});
  ASSERT_TRUE(fd) << fd.error().message;
  EXPECT_NE(fcntl(fd->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(SocketTest, AcceptedSocketsDoNotDelaySmallWrites) {
  const auto listening = Listen({"127.0.0.1", 0});
  ASSERT_TRUE(listening) << listening.error().message;
  const UniqueFd client = Connect(AF_INET, PortOf(*listening));
  const UniqueFd accepted = Accept(*listening);
  ASSERT_TRUE(accepted);
  int no_delay = 0;
  socklen_t no_delay_bytes = sizeof(no_delay);
  ASSERT_EQ(getsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &no_delay_bytes), 0);
  EXPECT_EQ(no_delay, 1);
}

// A client that has vanished without a word would otherwise keep its place for ever.
TEST(SocketTest, AcceptedSocketsAskWhetherASilentPeerIsThereAsRedisDoes) {
  const auto listening = Listen({"127.0.0.1", 0});
  ASSERT_TRUE(listening) << listening.error().message;
  const UniqueFd client = Connect(AF_INET, PortOf(*listening));
  const UniqueFd accepted = Accept(*listening);
  ASSERT_TRUE(accepted);
  const auto get = [&accepted](int level, int name) {
    int value = -1;
    socklen_t value_bytes = sizeof(value);
    EXPECT_EQ(getsockopt(accepted.get(), level, name, &value, &value_bytes), 0);
    return value;
  };
  EXPECT_EQ(get(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(get(IPPROTO_TCP, TCP_KEEPIDLE), 300);
  EXPECT_EQ(get(IPPROTO_TCP, TCP_KEEPINTVL), 100);
  EXPECT_EQ(get(IPPROTO_TCP, TCP_KEEPCNT), 3);
}

TEST(SocketTest, ATakenPortIsAnErrorThatNamesTheAddressAndSaysWhy) {
  const auto first = Listen({"127.0.0.1", 0});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Listen({"127.0.0.1", PortOf(*first)});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "cannot listen on " + LocalName(first->get()) + ": Address already in use");
}

TEST(SocketTest, ATakenPortOfEveryAddressIsAnErrorToo) {
  const auto first = Listen({"", 0});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Listen({"", PortOf(*first)});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "cannot listen on :" + std::to_string(PortOf(*first)) + ": Address already in use");
}

TEST(SocketTest, APortIsFreeAgainWhileConnectionsOfItsFormerOwnerLinger) {
  uint16_t port = 0;
  {
    const auto listening = Listen({"127.0.0.1", 0});
    ASSERT_TRUE(listening) << listening.error().message;
    port = PortOf(*listening);
    UniqueFd client = Connect(AF_INET, port);
    // The side that closes first keeps the port in TIME_WAIT.
    Accept(*listening).Reset();
    char byte = 0;
    EXPECT_EQ(recv(client.get(), &byte, 1, 0), 0);
  }
  const auto again = Listen({"127.0.0.1", port});
  EXPECT_TRUE(again) << again.error().message;
}

TEST(SocketTest, AnUnknownHostIsAnErrorThatNamesTheAddress) {
  const auto fd = Listen({"no-such-host.invalid", 80});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().message.rfind("cannot listen on no-such-host.invalid:80: ", 0), 0u)
      << fd.error().message;
}

TEST(SocketTest, AnAddressOfAnotherMachineIsAnError) {
  const auto fd = Listen({"192.0.2.1", 0});  // RFC 5737: for documentation
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().message, "cannot listen on 192.0.2.1:0: Cannot assign requested address");
}

TEST(SocketTest, TakesANameForAHost) {
  const auto fd = Listen({"localhost", 0});
  ASSERT_TRUE(fd) << fd.error().message;
}

TEST(SocketTest, AnIpv6AddressIsWrittenInBrackets) {
  if (!HasIpv6()) GTEST_SKIP() << "a machine without IPv6";
  const auto fd = Listen({"::1", 0});
  ASSERT_TRUE(fd) << fd.error().message;
  EXPECT_EQ(LocalName(fd->get()), "[::1]:" + std::to_string(PortOf(*fd)));
  EXPECT_TRUE(Connect(AF_INET6, PortOf(*fd)));
  const auto taken = Listen({"::1", PortOf(*fd)});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message,
            "cannot listen on " + LocalName(fd->get()) + ": Address already in use");
}

TEST(SocketTest, AnEmptyHostMeansEveryAddressOfBothKinds) {
  const auto fd = Listen({"", 0});
  ASSERT_TRUE(fd) << fd.error().message;
  EXPECT_TRUE(Connect(AF_INET, PortOf(*fd)));
  if (HasIpv6()) {
    EXPECT_TRUE(Connect(AF_INET6, PortOf(*fd)));
  }
}

TEST(SocketTest, SeveralSocketsShareOnePortAndItsClients) {
  for (const char* host : {"127.0.0.1", ""}) {
    const auto fds = ListenTogether({host, 0}, 3);
    ASSERT_TRUE(fds) << fds.error().message;
    ASSERT_EQ(fds->size(), 3u);
    for (const UniqueFd& fd : *fds) EXPECT_EQ(PortOf(fd), PortOf(fds->front()));
    // The kernel chooses by the client's port: so many will not all come to the same two.
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(Connect(AF_INET, PortOf(fds->front())));
    for (const UniqueFd& fd : *fds) {
      EXPECT_TRUE(Accept(fd));
      EXPECT_NE(fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
      EXPECT_NE(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
    }
  }
}

TEST(SocketTest, AloneOneSocketLetsNobodyShareItsPort) {
  const auto alone = ListenTogether({"127.0.0.1", 0}, 1);
  ASSERT_TRUE(alone) << alone.error().message;
  int shares = -1;
  socklen_t shares_bytes = sizeof(shares);
  ASSERT_EQ(getsockopt(alone->front().get(), SOL_SOCKET, SO_REUSEPORT, &shares, &shares_bytes), 0);
  EXPECT_EQ(shares, 0);
}

TEST(SocketTest, ASharedPortIsTakenForOthersHoweverManyTheyAre) {
  for (const char* host : {"127.0.0.1", ""}) {
    for (const auto& [mine, theirs] : {std::pair(2, 2), std::pair(2, 1), std::pair(1, 2)}) {
      const auto first = ListenTogether({host, 0}, mine);
      ASSERT_TRUE(first) << first.error().message;
      const uint16_t port = PortOf(first->front());
      const auto second = ListenTogether({host, port}, theirs);
      ASSERT_FALSE(second) << mine << " and " << theirs;
      EXPECT_EQ(second.error().message, "cannot listen on " + std::string(host) + ":" +
                                            std::to_string(port) + ": Address already in use");
    }
  }
}

TEST(SocketTest, WhatHasNoNameIsAQuestionMark) {
  int pair[2] = {};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const UniqueFd first(pair[0]);
  const UniqueFd second(pair[1]);
  EXPECT_EQ(LocalName(first.get()), "?");
  EXPECT_EQ(LocalName(-1), "?");
}

}  // namespace
}  // namespace rp::net
