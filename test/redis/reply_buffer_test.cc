#include "redis/reply_buffer.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::redis {
namespace {

void Put(ReplyBuffer* buffer, std::string_view bytes) {
  const std::span<char> room = buffer->Room(bytes.size());
  ASSERT_GE(room.size(), bytes.size());
  bytes.copy(room.data(), bytes.size());
  buffer->Grow(bytes.size());
}

TEST(ReplyBufferTest, KeepsBytesInOrderWhileTheyComeAndGo) {
  ReplyBuffer buffer;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes(static_cast<size_t>(i % 97 * 31), static_cast<char>('a' + i % 26));
    Put(&buffer, bytes);
    expected += bytes;
    const size_t dropped = expected.size() * static_cast<size_t>(i % 5) / 4;
    buffer.DropFront(dropped);
    expected.erase(0, dropped);
    ASSERT_EQ(buffer.bytes(), expected) << i;
  }
}

TEST(ReplyBufferTest, ErasesWithin) {
  ReplyBuffer buffer;
  Put(&buffer, "xabcdef");
  buffer.DropFront(1);
  buffer.Erase(1, 2);
  EXPECT_EQ(buffer.bytes(), "adef");
  buffer.Erase(3, 1);
  EXPECT_EQ(buffer.bytes(), "ade");
  buffer.Erase(0, 3);
  EXPECT_EQ(buffer.bytes(), "");
}

TEST(ReplyBufferTest, WhatIsSharedOutlivesItAndIsNotCopied) {
  SharedBytes shared;
  const std::string large(1 << 20, 'l');
  {
    ReplyBuffer buffer;
    Put(&buffer, large + "next");
    const char* const where = buffer.bytes().data();
    shared = buffer.Share(large.size());
    EXPECT_EQ(shared.bytes.data(), where);
    buffer.DropFront(large.size());
    EXPECT_EQ(buffer.bytes(), "next");
    Put(&buffer, std::string(3 << 20, 'x'));  // needs more room
    EXPECT_EQ(buffer.bytes(), "next" + std::string(3 << 20, 'x'));
  }
  EXPECT_EQ(shared.bytes, large);
}

TEST(ReplyBufferTest, ASmallPartIsCopiedSoThatItDoesNotKeepTheRest) {
  ReplyBuffer buffer;
  Put(&buffer, std::string(1000, 'a') + std::string(1001, 'b'));
  const SharedBytes shared = buffer.Share(999);
  EXPECT_NE(shared.bytes.data(), buffer.bytes().data());
  EXPECT_EQ(shared.bytes, std::string(999, 'a'));
  const SharedBytes half = buffer.Share(1000);
  EXPECT_EQ(half.bytes.data(), buffer.bytes().data());
}

TEST(ReplyBufferTest, AlwaysHasRoom) {
  ReplyBuffer buffer;
  EXPECT_GT(buffer.Room(0).size(), 0u);
  EXPECT_GE(buffer.Room(1 << 20).size(), size_t{1} << 20);
}

TEST(ReplyBufferTest, HasNoRoomWithoutMemoryAndKeepsItsBytes) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  ReplyBuffer buffer;
  Put(&buffer, "bytes");
  {
    const ScarceMemory scarce;
    EXPECT_TRUE(buffer.Room(64 << 20).empty());
  }
  EXPECT_EQ(buffer.bytes(), "bytes");
  EXPECT_GE(buffer.Room(64 << 20).size(), size_t{64} << 20);
}

}  // namespace
}  // namespace rp::redis
