#include "base/reclaimer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/growing_block.h"
#include "test/support/fetch_client.h"
#include "test/support/sanitized.h"

namespace rp {
namespace {

// Tells which thread deletes it.
struct Object {
  explicit Object(size_t held) : bytes(held) {}
  ~Object() { deleted_by = std::this_thread::get_id(); }
  [[nodiscard]] size_t held_bytes() const { return bytes; }

  static inline std::atomic<std::thread::id> deleted_by;
  const size_t bytes;
};

TEST(ReclaimerTest, DeletesLargeObjectsOnAThreadOfItsOwn) {
  for (const size_t bytes : {kSlowDeleteBytes - 1, kSlowDeleteBytes}) {
    Object::deleted_by = std::thread::id();
    std::shared_ptr<Object>(new Object(bytes), DeleteElsewhere()).reset();
    ASSERT_TRUE(redis::Await([] { return Object::deleted_by.load() != std::thread::id(); }));
    EXPECT_EQ(Object::deleted_by.load() == std::this_thread::get_id(), bytes < kSlowDeleteBytes);
  }
}

TEST(GrowingBlockTest, DoublesUpToTheMostAndKeepsItsBytes) {
  GrowingBlock block;
  ASSERT_TRUE(block.Reserve(100, 1000));
  EXPECT_EQ(block.capacity(), 100u);
  block.data()[99] = 'x';
  ASSERT_TRUE(block.Reserve(101, 1000));
  EXPECT_EQ(block.capacity(), 200u);
  ASSERT_TRUE(block.Reserve(900, 1000));
  EXPECT_EQ(block.capacity(), 900u);
  ASSERT_TRUE(block.Reserve(901, 1000));
  EXPECT_EQ(block.capacity(), 1000u);
  EXPECT_EQ(block.data()[99], 'x');
  ASSERT_TRUE(block.Reserve(5, 1000));
  EXPECT_EQ(block.capacity(), 1000u) << "it does not shrink";
}

TEST(GrowingBlockTest, StaysAsItIsIfThereIsNoMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer does not return from such a request";
  GrowingBlock block;
  ASSERT_TRUE(block.Reserve(100));
  block.data()[0] = 'x';
  EXPECT_FALSE(block.Reserve(size_t{1} << 60));
  EXPECT_EQ(block.capacity(), 100u);
  EXPECT_EQ(block.data()[0], 'x');
}

}  // namespace
}  // namespace rp
