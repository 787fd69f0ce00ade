#include "base/siphash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace rp {
namespace {

// The key of the paper's test vectors: the bytes 00 to 0f.
constexpr std::array<uint64_t, 2> kPaperKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

// The bytes 00, 01, ... in a block of exactly `size` bytes, so that a sanitizer sees an over-read.
std::vector<char> Counting(size_t size) {
  std::vector<char> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i);
  bytes.shrink_to_fit();
  return bytes;
}

std::string_view View(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }

TEST(SipHashTest, GivesThePapersVectorsAsSipHash24) {
  // Of the reference implementation; number i is for the first i of the bytes 00, 01, ...
  constexpr std::array<uint64_t, 64> kVectors = {
      0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
      0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
      0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
      0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
      0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
      0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
      0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
      0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
      0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
      0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
      0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
      0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
      0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
      0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
      0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
      0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572};
  for (size_t size = 0; size < kVectors.size(); ++size) {
    EXPECT_EQ((SipHash<2, 4>(kPaperKey, View(Counting(size)))), kVectors[size]) << size;
  }
}

TEST(HasherTest, GivesTheValuesOfOtherImplementationsOfSipHash13) {
  struct Vector {
    size_t size;
    uint64_t hash;
  };
  // Computed with OpenSSL's SIPHASH (c-rounds 1, d-rounds 3) over the bytes 00, 01, ... ff, 00, ...
  constexpr Vector kVectors[] = {
      {0, 0xabac0158050fc4dc},   {1, 0xc9f49bf37d57ca93},   {3, 0x8bf80ab8e7ddf7fb},
      {7, 0xd3927d989bb11140},   {8, 0x369095118d299a8e},   {9, 0x25a48eb36c063de4},
      {15, 0xd320d86d2a519956},  {20, 0xc0dc2f46a6cce040},  {64, 0xf17997ec4b4a6065},
      {255, 0xf76214e3153c4a15}, {256, 0x75b3e64e167de370},
  };
  for (const Vector& vector : kVectors) {
    EXPECT_EQ(Hasher(kPaperKey)(View(Counting(vector.size))), vector.hash) << vector.size;
  }
}

TEST(HasherTest, AgreesWithPythonsHashOfBytesUnderTheZeroKey) {
  // PYTHONHASHSEED=0 python3 -c 'print(hex(hash(b"example_key") & (2**64-1)))', CPython 3.11.
  EXPECT_EQ(Hasher({0, 0})("example_key"), 0xd7b467e232f37362u);
}

TEST(HasherTest, DependsOnEveryByteAtEveryLength) {
  const Hasher hasher(kPaperKey);
  for (size_t size = 1; size <= 64; ++size) {
    std::vector<char> bytes = Counting(size);
    const uint64_t hash = hasher(View(bytes));
    for (char& byte : bytes) {
      byte ^= 1;
      EXPECT_NE(hasher(View(bytes)), hash) << size;
      byte ^= 1;
    }
  }
}

TEST(HasherTest, TellsRunsOfNulBytesOfDifferentLengthApart) {
  const std::string zeros(65, '\0');
  std::set<uint64_t> hashes;
  for (size_t size = 0; size <= 64; ++size) {
    hashes.insert(Hasher(kPaperKey)(std::string_view(zeros).substr(0, size)));
  }
  EXPECT_EQ(hashes.size(), 65u);
}

TEST(HasherTest, DoesNotDependOnTheAlignmentOfTheKey) {
  const std::string bytes = "........twenty-byte-key-here";
  const Hasher hasher(kPaperKey);
  for (size_t shift = 0; shift < 8; ++shift) {
    std::string moved(shift, 'x');
    moved += bytes;
    EXPECT_EQ(hasher(std::string_view(moved).substr(shift)), hasher(bytes)) << shift;
  }
}

TEST(HasherTest, HashesDifferentlyUnderAnotherKey) {
  EXPECT_NE(Hasher({0, 0})("key"), Hasher({1, 0})("key"));
  EXPECT_NE(Hasher({0, 0})("key"), Hasher({0, 1})("key"));
}

TEST(HasherTest, GetsAnotherSecretEachTimeAtRandom) {
  EXPECT_NE(Hasher::Random()("key"), Hasher::Random()("key"));
}

}  // namespace
}  // namespace rp
