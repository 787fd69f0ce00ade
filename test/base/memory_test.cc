#include "base/memory.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "test/support/sanitized.h"

namespace rp {
namespace {

TEST(BlockBytesTest, IsWhatMallocTakes) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has a malloc of its own";
  SetUpMalloc();
  const auto taken_bytes = [](size_t bytes, size_t header_bytes) {
    void* const block = std::malloc(bytes);
    const size_t usable_bytes = malloc_usable_size(block);
    std::free(block);
    return usable_bytes + header_bytes;
  };
  for (const size_t bytes : {25U, 40U, 41U, 1000U, 100'000U}) {
    // A chunk is not split where less than the smallest would be left.
    EXPECT_GE(taken_bytes(bytes, 8), BlockBytes(bytes)) << bytes;
    EXPECT_LE(taken_bytes(bytes, 8), BlockBytes(bytes) + 16) << bytes;
  }
  // Larger than anything that other tests may have left in the heap.
  for (const size_t bytes : {(200U << 20) - 16, (200U << 20) - 15}) {
    EXPECT_EQ(BlockBytes(bytes), taken_bytes(bytes, 16)) << bytes;
  }
  EXPECT_EQ(BlockBytes(kMappedBlockBytes - 24), kMappedBlockBytes - 16);
  EXPECT_EQ(BlockBytes(kMappedBlockBytes - 23), kMappedBlockBytes + 4096);
}

TEST(TryAllocateTest, RunsWhatItIsGiven) {
  std::string text;
  EXPECT_TRUE(TryAllocate([&] { text.assign(1000, 'x'); }));
  EXPECT_EQ(text.size(), 1000u);
}

TEST(TryAllocateTest, IsFalseWhereThereIsNoMemoryAndLeavesTheReserveAlone) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's malloc ends the program";
  ASSERT_TRUE(FillReserve());
  std::string text = "old";
  EXPECT_FALSE(MemoryIsShort());
  EXPECT_FALSE(TryAllocate([&] { text.assign(size_t{1} << 60, 'x'); }));
  EXPECT_EQ(text, "old");
  EXPECT_TRUE(MemoryIsShort());
  EXPECT_TRUE(FillReserve());
  EXPECT_FALSE(MemoryIsShort());
}

// In a process of its own, whose address space ends soon.
void TakeSmallBlocksToTheEnd(bool with_reserve) noexcept {
  SetUpMalloc();
  if (!with_reserve) std::set_new_handler(nullptr);
  const rlimit limit{256 << 20, 256 << 20};
  setrlimit(RLIMIT_AS, &limit);
  // Volatile, or the compiler would leave out what is not used.
  void* volatile block = nullptr;
  // All that is left, in blocks of 1 MB and then of less.
  for (size_t bytes = 1 << 20; bytes >= 64; bytes /= 2) {
    do block = std::malloc(bytes);
    while (block != nullptr);
  }
  if (MemoryIsShort()) std::_Exit(1);
  for (int i = 0; i < 1000; ++i) block = ::operator new(500);
  std::_Exit(MemoryIsShort() ? 0 : 2);
}

TEST(ReserveTest, SmallBlocksAreHadWhenMemoryHasRunOut) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes terabytes of address space";
  EXPECT_EXIT(TakeSmallBlocksToTheEnd(true), ::testing::ExitedWithCode(0), "");
  EXPECT_DEATH(TakeSmallBlocksToTheEnd(false), "");
}

}  // namespace
}  // namespace rp
