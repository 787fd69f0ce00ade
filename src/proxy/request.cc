#include "proxy/request.h"

namespace rp::proxy {

void Question::Clear() {
  kind = Kind::kKey;
  resp_version = 2;
  reads_only = false;
  key.clear();
  if (key.capacity() > kKeptBytes) key.shrink_to_fit();
  if (!command.empty()) command.Clear();
}

size_t Question::AllocatedBytes() const {
  return (key.capacity() > std::string().capacity() ? key.capacity() : 0) +
         command.AllocatedBytes();
}

}  // namespace rp::proxy
