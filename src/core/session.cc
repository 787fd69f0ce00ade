#include "core/session.h"

#include "net/socket.h"

namespace rp::core {

std::string Client::Address() const { return net::PeerName(fd); }

std::string Client::LocalAddress() const { return net::LocalName(fd); }

}  // namespace rp::core
