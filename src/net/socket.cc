#include "net/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace rp::net {
namespace {

// As Redis's tcp-keepalive: a vanished peer is detected after 300 + 3 * 100 seconds.
constexpr int kKeepAliveIdleSeconds = 300;
constexpr int kKeepAliveIntervalSeconds = 100;
constexpr int kKeepAliveProbes = 3;

enum class Sharing { kAlone, kShared };

// Returns no socket and sets errno on failure.
UniqueFd ListenOn(const sockaddr* address, socklen_t address_bytes,
                  Sharing sharing = Sharing::kAlone) {
  UniqueFd fd(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  const auto set = [&fd](int level, int name, int value) {
    return setsockopt(fd.get(), level, name, &value, sizeof(value)) == 0;
  };
  const bool listening =
      set(SOL_SOCKET, SO_REUSEADDR, 1) && set(IPPROTO_TCP, TCP_NODELAY, 1) &&
      set(SOL_SOCKET, SO_KEEPALIVE, 1) && set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds) &&
      set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds) &&
      set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes) &&
      (address->sa_family != AF_INET6 || set(IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
      (sharing == Sharing::kAlone || set(SOL_SOCKET, SO_REUSEPORT, 1)) &&
      bind(fd.get(), address, address_bytes) == 0 && listen(fd.get(), kBacklog) == 0;
  if (!listening) {
    const int error = errno;
    fd.Reset();
    errno = error;
  }
  return fd;
}

Error CannotListen(const HostPort& address, const char* why) {
  return {ErrorCode::kUnavailable, "cannot listen on " + FormatHostPort(address) + ": " + why};
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// Returns the addresses of the host, at least one.
Result<Addresses> Resolve(const HostPort& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* const host = address.host.empty() ? nullptr : address.host.c_str();
  const int status = getaddrinfo(host, std::to_string(address.port).c_str(), &hints, &found);
  if (status != 0) return Error{ErrorCode::kUnavailable, gai_strerror(status)};
  return Addresses(found, &freeaddrinfo);
}

void ReplaceAnyByLoopback(sockaddr* address) {
  if (address->sa_family == AF_INET) {
    in_addr& ipv4 = reinterpret_cast<sockaddr_in*>(address)->sin_addr;
    if (ipv4.s_addr == htonl(INADDR_ANY)) ipv4.s_addr = htonl(INADDR_LOOPBACK);
  } else if (address->sa_family == AF_INET6) {
    in6_addr& ipv6 = reinterpret_cast<sockaddr_in6*>(address)->sin6_addr;
    if (IN6_IS_ADDR_UNSPECIFIED(&ipv6)) ipv6 = in6addr_loopback;
  }
}

Result<UniqueFd> ListenEverywhere(const HostPort& address) {
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_addr = in6addr_any;
  any6.sin6_port = htons(address.port);
  UniqueFd fd = ListenOn(reinterpret_cast<const sockaddr*>(&any6), sizeof(any6));
  if (!fd && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {  // a machine without IPv6
    sockaddr_in any4{};
    any4.sin_family = AF_INET;
    any4.sin_addr.s_addr = htonl(INADDR_ANY);
    any4.sin_port = htons(address.port);
    fd = ListenOn(reinterpret_cast<const sockaddr*>(&any4), sizeof(any4));
  }
  if (!fd) return CannotListen(address, std::strerror(errno));
  return fd;
}

}  // namespace

Result<UniqueFd> Listen(const HostPort& address) {
  if (address.host.empty()) return ListenEverywhere(address);
  const auto addresses = Resolve(address);
  if (!addresses) return CannotListen(address, addresses.error().message.c_str());
  int error = 0;
  for (const addrinfo* candidate = addresses->get(); candidate != nullptr;
       candidate = candidate->ai_next) {
    UniqueFd fd = ListenOn(candidate->ai_addr, candidate->ai_addrlen);
    if (fd) return fd;
    error = errno;
  }
  return CannotListen(address, std::strerror(error));
}

Result<std::vector<UniqueFd>> ListenTogether(const HostPort& address, int count) {
  // The first socket has the port alone before it allows others to share it. So of two programs
  // that start at the same time one fails.
  auto first = Listen(address);
  if (!first) return first.error();
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(*first));
  if (count == 1) return fds;
  const int on = 1;
  sockaddr_storage name{};
  socklen_t name_bytes = sizeof(name);
  if (setsockopt(fds[0].get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
      getsockname(fds[0].get(), reinterpret_cast<sockaddr*>(&name), &name_bytes) != 0) {
    return CannotListen(address, std::strerror(errno));
  }
  while (fds.size() < static_cast<size_t>(count)) {
    UniqueFd fd = ListenOn(reinterpret_cast<const sockaddr*>(&name), name_bytes, Sharing::kShared);
    if (!fd) return CannotListen(address, std::strerror(errno));
    fds.push_back(std::move(fd));
  }
  return fds;
}

Result<UniqueFd> ConnectToListener(const HostPort& address) {
  const auto addresses = Resolve(address);
  if (!addresses) return addresses.error();
  int error = 0;
  for (const addrinfo* candidate = addresses->get(); candidate != nullptr;
       candidate = candidate->ai_next) {
    ReplaceAnyByLoopback(candidate->ai_addr);
    UniqueFd fd(socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd && connect(fd.get(), candidate->ai_addr, candidate->ai_addrlen) == 0) return fd;
    error = errno;
  }
  return Error{ErrorCode::kUnavailable, std::strerror(error)};
}

namespace {

std::string NameOf(const sockaddr_storage& storage) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (storage.ss_family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof(host));
    return FormatHostPort({host, ntohs(ipv4->sin_port)});
  }
  if (storage.ss_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof(host));
    return FormatHostPort({host, ntohs(ipv6->sin6_port)});
  }
  return "?";
}

}  // namespace

std::string LocalName(int socket_fd) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  const int status = getsockname(socket_fd, reinterpret_cast<sockaddr*>(&storage), &bytes);
  return status == 0 ? NameOf(storage) : "?";
}

std::string PeerName(int socket_fd) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  const int status = getpeername(socket_fd, reinterpret_cast<sockaddr*>(&storage), &bytes);
  return status == 0 ? NameOf(storage) : "?";
}

}  // namespace rp::net
