// SharedBytes: a view of bytes that never change, and a counted reference to what holds them. For
// large bytes that pass from thread to thread without being copied.
//
// Owner: any number of holders. Thread safety: each object belongs to one thread at a time; the
// count is atomic. Cost: an atomic addition per copy.
#pragma once

#include <memory>
#include <string_view>

namespace rp {

struct SharedBytes {
  std::shared_ptr<const void> owner;  // null: there are no bytes
  std::string_view bytes;
};

}  // namespace rp
