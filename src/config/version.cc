#include "config/version.h"

namespace rp::config {

const char* Version() { return RP_VERSION; }

}  // namespace rp::config
