// Listening sockets and the names of sockets. Hides the system calls, their options and the
// resolver.
//
// Owner: nobody; functions.
// Thread safety: any thread.
// Cost: Listen, ListenTogether and ConnectToListener may call the resolver and block: they are for
// the start of the program. The names cost one system call.
#pragma once

#include <string>
#include <vector>

#include "base/parse.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rp::net {

// How many connections may wait to be accepted. The kernel lowers it to net.core.somaxconn, and
// lets one more wait (listen(2)).
inline constexpr int kBacklog = 4096;

// Returns a non-blocking listening TCP socket. Its accepted sockets inherit TCP_NODELAY, and
// SO_KEEPALIVE with the times of Redis, which detects clients that vanish. With an empty host,
// listens on every address, IPv6 and IPv4; with a name of several addresses, tries them in the
// resolver's order; with port 0, takes a free port. The error's message names the address and the
// reason.
[[nodiscard]] Result<UniqueFd> Listen(const HostPort& address);

// Returns `count` sockets that listen like Listen's on the same address and port; the kernel gives
// each a share of the clients (SO_REUSEPORT, socket(7)). Fails if another program listens there,
// and keeps others from listening there later. Errors as Listen's. REQUIRES: count >= 1.
[[nodiscard]] Result<std::vector<UniqueFd>> ListenTogether(const HostPort& address, int count);

// Returns a blocking socket connected to a listener on this machine that used Listen(address). A
// listener on every address is reached over loopback. The error's message is the reason.
[[nodiscard]] Result<UniqueFd> ConnectToListener(const HostPort& address);

// Returns the socket's own address as "127.0.0.1:8080" or "[::1]:8080", or "?" if it has none.
[[nodiscard]] std::string LocalName(int socket_fd);
// Returns the address of the other end in the same form.
[[nodiscard]] std::string PeerName(int socket_fd);

}  // namespace rp::net
