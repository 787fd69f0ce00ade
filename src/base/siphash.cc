#include "base/siphash.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace rp {

Hasher Hasher::Random() {
  std::array<uint64_t, 2> key;
  ssize_t bytes = 0;
  do {
    bytes = getrandom(key.data(), sizeof(key), 0);  // so few bytes come whole or not at all
  } while (bytes < 0 && errno == EINTR);
  RP_CHECK(bytes == static_cast<ssize_t>(sizeof(key)));
  return Hasher(key);
}

}  // namespace rp
