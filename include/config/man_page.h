// Man page: the manual of the program, docs/redis-proxy.1. Made from the tables of flags and of
// environment variables, as -h is; `make docs/redis-proxy.1` writes it (src/man.cc), and a test
// fails when the file is out of date.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: for the build.
#pragma once

#include <string>
#include <string_view>

namespace rp::config {

// Returns the page in roff with the macros of man(7), the same on every machine. `version` is the
// content of the file VERSION.
std::string ManPage(std::string_view version);

// Returns the sentences of `text` in roff, each on lines of its own of at most 80 bytes, with flags
// and environment variables in bold. Ends with a newline. REQUIRES: words of at most 60 bytes.
std::string RoffOf(std::string_view text);

}  // namespace rp::config
