// SipHash (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a hash with a secret
// key. Clients choose the keys of the cache. If they could compute collisions, a client could turn
// every look-up into a long walk; with SipHash they would need the secret. Hides the algorithm and
// the source of the secret.
//
// Owner: the caller; a Hasher is a value.
// Thread safety: any thread; a Hasher does not change.
// Cost: about 20 ns for a key of 20 bytes.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rp {

namespace internal {

static_assert(std::endian::native == std::endian::little, "words are read as little-endian");

template <typename Word>
uint64_t LoadWord(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// Returns the last size % 8 bytes of `text` in the low bytes, and the size in the top one.
inline uint64_t SipLastWord(std::string_view text) {
  const size_t left = text.size() % 8;
  const char* const tail = text.data() + (text.size() - left);
  const uint64_t size_byte = static_cast<uint64_t>(text.size()) << 56;
  if (left == 0) return size_byte;
  // Reaching back into the bytes before the tail makes it one load without a loop.
  if (text.size() >= 8) return size_byte | LoadWord<uint64_t>(tail + left - 8) >> (64 - 8 * left);
  if (left >= 4) {
    return size_byte | LoadWord<uint32_t>(tail) |
           LoadWord<uint32_t>(tail + left - 4) << (8 * (left - 4));
  }
  // One to three bytes: the first, the middle and the last, which may be the same.
  return size_byte | LoadWord<uint8_t>(tail) |
         LoadWord<uint8_t>(tail + left / 2) << (8 * (left / 2)) |
         LoadWord<uint8_t>(tail + left - 1) << (8 * (left - 1));
}

}  // namespace internal

// SipHash-c-d: kCompressRounds per word of 8 bytes and kFinishRounds at the end.
template <int kCompressRounds, int kFinishRounds>
[[nodiscard]] inline uint64_t SipHash(const std::array<uint64_t, 2>& key, std::string_view text) {
  uint64_t v0 = key[0] ^ 0x736f6d6570736575;  // "somepseudorandomlygeneratedbytes", section 2.1
  uint64_t v1 = key[1] ^ 0x646f72616e646f6d;
  uint64_t v2 = key[0] ^ 0x6c7967656e657261;
  uint64_t v3 = key[1] ^ 0x7465646279746573;
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1, v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0, v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1, v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2, v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  };
  const auto compress = [&](uint64_t word) {
    v3 ^= word;
    rounds(kCompressRounds);
    v0 ^= word;
  };
  const char* const words_end = text.data() + text.size() / 8 * 8;
  for (const char* p = text.data(); p != words_end; p += 8) {
    compress(internal::LoadWord<uint64_t>(p));
  }
  compress(internal::SipLastWord(text));
  v2 ^= 0xff;
  rounds(kFinishRounds);
  return v0 ^ v1 ^ v2 ^ v3;
}

class Hasher {
 public:
  explicit Hasher(const std::array<uint64_t, 2>& key) : key_(key) {}

  // Returns a hasher with a new secret from getrandom(2). May wait for the kernel's generator early
  // in the boot of a machine.
  [[nodiscard]] static Hasher Random();

  // Returns SipHash-1-3 of `text`, the fast variant, which is strong enough for tables in memory.
  [[nodiscard]] uint64_t operator()(std::string_view text) const {
    return SipHash<1, 3>(key_, text);
  }

 private:
  std::array<uint64_t, 2> key_;
};

}  // namespace rp
