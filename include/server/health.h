// The health check (-health): asks the server that runs on this machine whether it serves. Hides
// how the server and its address are found.
//
// A container has no curl, and its health check does not know the flags of the server. So this
// looks for the process that runs the same file, in this PID namespace (proc(5)), and reads the
// flags of that process as the process does itself. The file may have been replaced since. If the
// file of this user's process cannot be seen, the name of the process must be the same.
//
// Owner: nobody; a function. Thread safety: the only thread of a program. Cost: at most 2 s.
#pragma once

#include <string>

#include "base/result.h"

namespace rp::server {

// Asks every such server for OPTIONS over HTTP, which needs neither Redis nor a password. Any
// answer shows that the server serves, also the 503 of one that has its maximum of clients. Returns
// one line that names the servers and their answers. An error is one line that says what is wrong.
// Ends the process with status 1 and such a line on standard error after 2 s.
[[nodiscard]] Result<std::string> CheckHealth();

}  // namespace rp::server
