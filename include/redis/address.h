// Addresses of Redis as the kernel knows them. Hides the resolving of names and sockaddr.
//
// Owner: nobody; values.
// Thread safety: any thread.
// Cost: Resolve waits for the resolver, without a limit; the rest is O(1).
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "redis/endpoint.h"

namespace rp::redis {

struct Address {
  sockaddr_storage storage{};
  socklen_t bytes = 0;

  // Returns a number that only this address and port, or this path of a socket, has. Never 0.
  [[nodiscard]] uint64_t id() const;
};

// Returns the addresses of the endpoint: those that its name has at the moment, in the order in
// which they are to be tried, or the path of its socket. Never empty. The error is kUnavailable.
Result<std::vector<Address>> Resolve(const Endpoint& endpoint);

// Returns whether the endpoint has a name, whose addresses may change.
bool HasName(const Endpoint& endpoint);

// Returns the address of the other end of a connected socket.
Address PeerAddress(int fd);

}  // namespace rp::redis
