// What a connection gives back of what large requests took.
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "test/support/reactor_harness.h"

namespace rp::core {
namespace {

// Of malloc's heap, not mapped; and many times that, so that it is worth telling.
constexpr size_t kBytes = 100 * 1024;
constexpr int kTimes = 30;

std::string Echo(size_t bytes) {
  return "*2\r\n$4\r\nECHO\r\n$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') +
         "\r\n";
}

class ConnectionMemoryTest : public ::testing::Test {
 protected:
  HarnessOptions Options() {
    HarnessOptions options = ReactorHarness::DefaultOptions();
    options.on_freed = [this](uint64_t bytes) { freed_bytes_ += bytes; };
    return options;
  }

  // Has so much echoed, with `more` sent behind it.
  void Exchange(size_t bytes, const std::string& more = "") {
    client_.Send(Echo(bytes) + more);
    const std::string reply = client_.ReadBytes(Echo(bytes).size() - 14);
    EXPECT_TRUE(reply.ends_with("xxx\r\n"));
    // The turn after the one that gives back.
    TestClient other(harness_.resp_port());
    other.Send("PING\r\n");
    EXPECT_EQ(other.ReadBytes(7), "+PONG\r\n");
  }

  std::atomic<uint64_t> freed_bytes_ = 0;
  ReactorHarness harness_{Options()};
  TestClient client_{harness_.resp_port()};
};

TEST_F(ConnectionMemoryTest, OfALargeCommandNothingIsKept) {
  for (int i = 0; i < kTimes; ++i) Exchange(kBytes);
  EXPECT_GE(freed_bytes_, kTimes * kBytes / 2);
}

// A trim of the heap would gain nothing, and the next one would wait for more.
TEST_F(ConnectionMemoryTest, WhatWasMappedIsWithTheKernelAlready) {
  Exchange(8 << 20);
  EXPECT_EQ(freed_bytes_, 0u);
}

TEST_F(ConnectionMemoryTest, OfALargeCommandNothingIsKeptThoughTheNextHasBegun) {
  for (int i = 0; i < kTimes; ++i) {
    Exchange(kBytes, "PI");
    client_.Send("NG\r\n");
    EXPECT_EQ(client_.ReadBytes(7), "+PONG\r\n");
  }
  EXPECT_GE(freed_bytes_, kTimes * kBytes / 2);
}

TEST_F(ConnectionMemoryTest, SmallCommandsAreNotWorthTelling) {
  client_.Send("PING\r\nPI");
  EXPECT_EQ(client_.ReadBytes(7), "+PONG\r\n");
  client_.Send("NG\r\n");
  EXPECT_EQ(client_.ReadBytes(7), "+PONG\r\n");
  EXPECT_EQ(freed_bytes_, 0u);
}

}  // namespace
}  // namespace rp::core
