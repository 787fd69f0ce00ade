#include "server/version.h"

namespace rp::server {

const char* Version() { return RP_VERSION; }

}  // namespace rp::server
