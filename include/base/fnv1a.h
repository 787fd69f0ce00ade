// Fnv1a: a hash that anybody can compute, and nothing that must withstand an attacker
// (http://www.isthe.com/chongo/tech/comp/fnv/).
//
// Owner: nobody; a pure function. Thread safety: any thread. Cost: a multiplication per byte.
#pragma once

#include <cstdint>
#include <string_view>

namespace rp {

// Returns the 64-bit FNV-1a hash of the bytes.
constexpr uint64_t Fnv1a(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace rp
