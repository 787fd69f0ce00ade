#include "redis/address.h"

#include <netdb.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "base/check.h"
#include "redis/server_identity.h"

namespace rp::redis {
namespace {

Address AddressOf(const void* sockaddr, socklen_t bytes) {
  Address address;
  std::memcpy(&address.storage, sockaddr, bytes);
  address.bytes = bytes;
  return address;
}

Address AddressOfPath(const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  RP_CHECK(path.size() < sizeof(un.sun_path));
  std::memcpy(un.sun_path, path.data(), path.size());
  return AddressOf(&un, sizeof(un));
}

}  // namespace

Result<std::vector<Address>> Resolve(const Endpoint& endpoint) {
  if (!endpoint.path.empty()) return std::vector<Address>{AddressOfPath(endpoint.path)};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int status = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list);
  if (status != 0) {
    const int error_number = errno;
    const std::string reason = status == EAI_SYSTEM ? std::generic_category().message(error_number)
                                                    : std::string(gai_strerror(status));
    return Error{ErrorCode::kUnavailable, "cannot resolve the host name: " + reason};
  }
  std::vector<Address> addresses;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    addresses.push_back(AddressOf(info->ai_addr, info->ai_addrlen));
  }
  freeaddrinfo(list);
  return addresses;
}

bool HasName(const Endpoint& endpoint) {
  if (!endpoint.path.empty()) return false;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  if (getaddrinfo(endpoint.host.c_str(), nullptr, &hints, &list) != 0) return true;
  freeaddrinfo(list);
  return false;
}

// The kernel zeroes the padding of addresses. Of a path it may give less than was passed to it.
uint64_t Address::id() const {
  const auto* const sockaddr = reinterpret_cast<const char*>(&storage);
  if (storage.ss_family != AF_UNIX) return IdOf({sockaddr, bytes});
  const char* const path = reinterpret_cast<const sockaddr_un*>(&storage)->sun_path;
  return IdOf({path, strnlen(path, sizeof(sockaddr_un::sun_path))});
}

Address PeerAddress(int fd) {
  Address peer;
  peer.bytes = sizeof(peer.storage);
  // If the peer has closed by now, the first read finds out.
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.bytes) != 0) peer = {};
  return peer;
}

}  // namespace rp::redis
