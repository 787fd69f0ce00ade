// Quoted texts in inline commands, as redis-server's sdssplitargs reads them.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: O(bytes).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rp::resp {

// C's isspace in the "C" locale.
constexpr bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Appends the text up to the closing quote to *out. *at is the offset after the opening quote and
// moves to the offset after the closing one. Returns false if the closing quote is missing, or if
// anything but a space follows it.
[[nodiscard]] bool TakeQuoted(std::string_view line, char quote, size_t* at, std::string* out);

}  // namespace rp::resp
