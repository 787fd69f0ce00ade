#include "resp/quoted_text.h"

#include "base/ascii.h"

namespace rp::resp {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Returns the value of a hexadecimal digit, or -1 for another character.
constexpr int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = ToLowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Returns the character that a backslash and `c` mean in double quotes.
constexpr char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Returns the character that an escape in double quotes means. *at is the offset after the
// backslash and moves to the end of the escape. REQUIRES: *at < line.size().
char TakeEscape(std::string_view line, size_t* at) {
  if (line[*at] == 'x' && *at + 2 < line.size()) {
    const int high = HexValue(line[*at + 1]);
    const int low = HexValue(line[*at + 2]);
    if (high >= 0 && low >= 0) {
      *at += 3;
      return static_cast<char>(high * 16 + low);
    }
  }
  return Unescape(line[(*at)++]);
}

}  // namespace

bool TakeQuoted(std::string_view line, char quote, size_t* at, std::string* out) {
  while (*at < line.size()) {
    char c = line[(*at)++];
    if (c == quote) return *at == line.size() || IsSpace(line[*at]);
    if (c == '\\' && *at < line.size()) {
      if (quote == '"') {
        c = TakeEscape(line, at);
      } else if (line[*at] == quote) {
        c = line[(*at)++];
      }
    }
    out->push_back(c);
  }
  return false;
}

}  // namespace rp::resp
