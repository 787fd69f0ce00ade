// The health check (-health): asks the server that runs here whether it serves. Hides how the
// server and its address are found.
//
// A container has no curl, and knows the flags of its server only as a list of arguments. This
// looks for the process that runs the same file, in this PID namespace (proc(5)), and reads its
// flags as it does itself. The file may have been replaced since. Where the file of this user's
// process cannot be seen, its name must be the same.
//
// Thread safety: a program's only thread.
#pragma once

#include <string>

#include "base/result.h"

namespace rp::server {

// Asks every such server for OPTIONS over HTTP, which needs neither Redis nor a password: any
// answer shows that it serves, also the 503 of one that has all the clients it may have. Returns
// one line that says so, or an error whose message says in one line what is wrong. Ends the process
// with status 1 and such a line if that takes two seconds.
[[nodiscard]] Result<std::string> CheckHealth();

}  // namespace rp::server
