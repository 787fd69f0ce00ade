// What `-version` prints: the version, and the commit that this binary was built from where it is
// known: "0.9.0-g1a2b3c4".
#pragma once

namespace rp::config {

const char* Version();

}  // namespace rp::config
