// Listening sockets and their names.
//
// Thread safety: any thread. Listen and ConnectToListener may ask the resolver and so may block:
// they are for the start of the program.
#pragma once

#include <string>
#include <vector>

#include "base/parse.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rp::net {

// How many connections may wait to be accepted; the kernel lowers it to net.core.somaxconn, and
// lets one more wait (listen(2)).
inline constexpr int kBacklog = 4096;

// A non-blocking listening TCP socket whose accepted sockets inherit TCP_NODELAY, and SO_KEEPALIVE
// with the times of Redis, since a client that vanishes says nothing of it. An empty host
// means every address, IPv6 and IPv4; a name with several addresses is tried in the resolver's
// order. Port 0 takes a free one. The error's message names the address and says why.
[[nodiscard]] Result<UniqueFd> Listen(const HostPort& address);

// `count` sockets, 1 or more, that listen like Listen's and all on the same address and port, each
// given a share of the clients by the kernel (SO_REUSEPORT, socket(7)). Nobody else may listen
// there before or after, and all of them or none are had. Errors as Listen's.
[[nodiscard]] Result<std::vector<UniqueFd>> ListenTogether(const HostPort& address, int count);

// A blocking socket that is connected to whoever listens as Listen(address) does on this machine;
// what listens on every address is reached over loopback. The error's message says why not.
[[nodiscard]] Result<UniqueFd> ConnectToListener(const HostPort& address);

// "127.0.0.1:8080", "[::1]:8080"; "?" when the socket has no name.
[[nodiscard]] std::string LocalName(int socket_fd);
// Likewise of the other end.
[[nodiscard]] std::string PeerName(int socket_fd);

}  // namespace rp::net
