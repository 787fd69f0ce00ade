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
