#include "core/pipeline.h"

namespace rp::core {

// Groups end in the order in which they were set.
void Pipeline::EndGroup(Request* request) {
  RP_DCHECK(request->group == groups_.front().get());
  keys_ -= request->group->keys();
  request->group = nullptr;
  groups_.erase(groups_.begin());
}

}  // namespace rp::core
