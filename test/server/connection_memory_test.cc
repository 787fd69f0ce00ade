// What a connection gives back of what large requests took.
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "test/support/reactor_harness.h"

namespace rp::server {
namespace {

constexpr size_t kBytes = 4 << 20;

std::string LargeEcho() {
  return "*2\r\n$4\r\nECHO\r\n$" + std::to_string(kBytes) + "\r\n" + std::string(kBytes, 'x') +
         "\r\n";
}

class ConnectionMemoryTest : public ::testing::Test {
 protected:
  ReactorOptions Options() {
    ReactorOptions options = ReactorHarness::DefaultOptions();
    options.on_freed = [this](uint64_t bytes) { freed_bytes_ += bytes; };
    return options;
  }

  // Sends the bytes and takes the echo.
  void Exchange(const std::string& bytes) {
    client_.Send(bytes);
    const std::string reply = client_.ReadBytes(LargeEcho().size() - 14);
    EXPECT_TRUE(reply.ends_with("xxx\r\n"));
    // The turn after the one that gives back.
    Client other(harness_.resp_port());
    other.Send("PING\r\n");
    EXPECT_EQ(other.ReadBytes(7), "+PONG\r\n");
  }

  std::atomic<uint64_t> freed_bytes_ = 0;
  ReactorHarness harness_{Options()};
  Client client_{harness_.resp_port()};
};

TEST_F(ConnectionMemoryTest, OfALargeCommandNothingIsKept) {
  Exchange(LargeEcho());
  EXPECT_GE(freed_bytes_, kBytes);
}

TEST_F(ConnectionMemoryTest, OfALargeCommandNothingIsKeptThoughTheNextHasBegun) {
  Exchange(LargeEcho() + "PI");
  EXPECT_GE(freed_bytes_, kBytes);
  client_.Send("NG\r\n");
  EXPECT_EQ(client_.ReadBytes(7), "+PONG\r\n");
}

TEST_F(ConnectionMemoryTest, SmallCommandsAreNotWorthTelling) {
  client_.Send("PING\r\nPI");
  EXPECT_EQ(client_.ReadBytes(7), "+PONG\r\n");
  client_.Send("NG\r\n");
  EXPECT_EQ(client_.ReadBytes(7), "+PONG\r\n");
  EXPECT_EQ(freed_bytes_, 0u);
}

}  // namespace
}  // namespace rp::server
