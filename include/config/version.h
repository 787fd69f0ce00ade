// Version: which program this is, as -version prints it.
//
// Owner: nobody; a constant. Thread safety: any thread. Cost: O(1), no allocation.
#pragma once

namespace rp::config {

// Returns the content of the file VERSION, and the commit that was built where it is known:
// "0.2.0-g1a2b3c4", with "-dirty" behind it if files had been changed.
const char* Version();

}  // namespace rp::config
