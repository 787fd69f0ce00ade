// Listening sockets and their names.
//
// Thread safety: any thread. Listen may ask the resolver and so may block: it is for the start of
// the program.
#pragma once

#include <string>

#include "base/parse.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rp::net {

// A non-blocking listening TCP socket whose accepted sockets inherit TCP_NODELAY. An empty host
// means every address, IPv6 and IPv4; a name with several addresses is tried in the resolver's
// order. Port 0 takes a free one. The error's message names the address and says why.
[[nodiscard]] Result<UniqueFd> Listen(const HostPort& address);

// "127.0.0.1:8080", "[::1]:8080"; "?" when the socket has no name.
[[nodiscard]] std::string LocalName(int socket_fd);
// Likewise of the other end.
[[nodiscard]] std::string PeerName(int socket_fd);

}  // namespace rp::net
