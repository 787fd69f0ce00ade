// What `-version` prints: the tag or commit that this binary was built from.
#pragma once

namespace rp::server {

const char* Version();

}  // namespace rp::server
