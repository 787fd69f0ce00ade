// The authority of a URI, which is a host and perhaps a port (RFC 3986 section 3.2). Hides: the
// grammar of names, IP literals and percent-encoding in it.
//
// Owner: nobody; pure functions.
// Thread safety: any thread.
// Cost: O(n), no allocation.
#pragma once

#include <string_view>

namespace rp::http {

// Return whether `text` is uri-host [":" port] with a host that is not empty. With userinfo, return
// false: RFC 9110 section 4.2.4 tells recipients to treat it as an error. The second also requires
// a port, as in the authority-form of CONNECT (RFC 9110 section 9.3.6). REQUIRES: `text` contains
// no NUL, as in a request-target or field value.
[[nodiscard]] bool IsAuthority(std::string_view text);
[[nodiscard]] bool IsAuthorityWithPort(std::string_view text);

}  // namespace rp::http
