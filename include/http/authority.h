// The authority of a URI, which is a host and perhaps a port (RFC 3986 section 3.2). Hides: the
// grammar of names, IP literals and percent-encoding in it.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: O(n), no allocation.
#pragma once

#include <string_view>

namespace rp::http {

// Returns whether `text` is uri-host [":" port] with a host that is not empty. With userinfo,
// returns false: RFC 9110 section 4.2.4 tells recipients to treat it as an error.
[[nodiscard]] bool IsAuthority(std::string_view text);

// Returns whether `text` is the authority-form of CONNECT, which must have a port (RFC 9110 section
// 9.3.6).
[[nodiscard]] bool IsAuthorityWithPort(std::string_view text);

}  // namespace rp::http
