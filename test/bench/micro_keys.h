// Keys for the micro-benchmarks, made before the clock runs.
//
// A run of operations gets its keys as one array in their order, as a server finds them in its
// buffers: hashing a key then costs no cache miss that a server would not have.
//
// Thread safety: values. Cost: about 100 ns per key.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace rp::bench {

// "key:" and a number of 8 to 16 digits; every other one ends 30 to 59 minutes after it was stored.
struct Key {
  char bytes[20];
  uint16_t size;
  uint16_t ttl_minutes;  // 0: has no end of its own

  [[nodiscard]] std::string_view text() const { return {bytes, size}; }
};
static_assert(sizeof(Key) == 24);

// Equal for equal numbers, different for different ones below 100 million.
inline Key MakeKey(uint64_t number) {
  const uint64_t mixed = number * 0x9e3779b97f4a7c15 >> 32;
  Key key{{'k', 'e', 'y', ':'}, 0, 0};
  key.size = static_cast<uint16_t>(12 + mixed % 9);
  if (mixed >> 16 & 1) key.ttl_minutes = static_cast<uint16_t>(30 + (mixed >> 17) % 30);
  for (size_t i = key.size; i > 4; number /= 10) {
    key.bytes[--i] = static_cast<char>('0' + number % 10);
  }
  return key;
}

inline std::vector<Key> KeysInOrder(uint64_t first, size_t count) {
  std::vector<Key> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = MakeKey(first + i);
  return keys;
}

inline std::vector<Key> UniformKeys(uint64_t population, size_t count, std::mt19937_64* random) {
  std::uniform_int_distribution<uint64_t> pick(0, population - 1);
  std::vector<Key> keys(count);
  for (Key& key : keys) key = MakeKey(pick(*random));
  return keys;
}

// A Zipf law with exponent 0.99, by the inverse of its continuous form. Popular keys lie spread
// among the others.
inline std::vector<Key> ZipfKeys(uint64_t population, size_t count, std::mt19937_64* random) {
  constexpr double kFlatness = 1 - 0.99;
  constexpr uint64_t kSpread = 2654435761;  // a prime
  const double most = std::pow(static_cast<double>(population + 1), kFlatness) - 1;
  std::uniform_real_distribution<double> pick(0, 1);
  std::vector<Key> keys(count);
  for (Key& key : keys) {
    const auto rank = static_cast<uint64_t>(std::pow(most * pick(*random) + 1, 1 / kFlatness));
    key = MakeKey(rank * kSpread % population);
  }
  return keys;
}

}  // namespace rp::bench
