#include "resp/reply_cursor.h"

#include <charconv>
#include <limits>

#include "resp/grammar.h"
#include "resp/reply_framer.h"

namespace rp::resp {
namespace {

constexpr int64_t kMaxElements = std::numeric_limits<int>::max();

bool IsDouble(std::string_view text) {
  double value;
  const char* end = text.data() + text.size();
  const auto [parsed, status] = std::from_chars(text.data(), end, value);
  return (status == std::errc() || status == std::errc::result_out_of_range) && parsed == end;
}

bool IsBigNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Parses an integer, the length of a bulk or the count of an aggregate. Returns false if it is
// malformed.
bool TakeNumber(std::string_view line, ReplyElement* element) {
  const char type = element->type;
  if (!ParseCanonicalInteger(line, &element->number)) return false;
  if (type == ':') return true;
  if (element->number == -1 && (type == '$' || type == '*')) {
    element->null = true;
    element->number = 0;
    return true;
  }
  if (element->number < 0) return false;
  if (IsBulk(type)) return true;
  if (element->number > kMaxElements) return false;
  if (type == '%' || type == '|') element->number *= 2;
  return true;
}

// Parses `line`, the text between the type's byte and CR LF. Returns whether it fits the type.
bool TakeLine(std::string_view line, ReplyElement* element) {
  switch (element->type) {
    case '+':
    case '-':
      element->text = line;
      return true;
    case ',':
      element->text = line;
      return IsDouble(line);
    case '(':
      element->text = line;
      return IsBigNumber(line);
    case '_':
      element->null = true;
      return line.empty();
    case '#':
      element->number = line == "t" ? 1 : 0;
      return line == "t" || line == "f";
    default:
      return TakeNumber(line, element);
  }
}

}  // namespace

bool ReplyCursor::Next(ReplyElement* element) {
  const size_t lf = rest_.find('\n');
  if (lf == std::string_view::npos || lf < 2) return false;
  *element = {};
  element->type = rest_[0];
  if (!IsBulk(element->type) && !IsAggregate(element->type) && !IsLine(element->type)) return false;
  const std::string_view line = rest_.substr(1, lf - 1);
  if (line.find('\r') != line.size() - 1) return false;
  if (!TakeLine(line.substr(0, line.size() - 1), element)) return false;
  std::string_view rest = rest_.substr(lf + 1);
  if (IsBulk(element->type) && !element->null) {
    const auto bytes = static_cast<size_t>(element->number);
    element->number = 0;
    if (rest.size() < 2 || bytes > rest.size() - 2 || rest.substr(bytes, 2) != "\r\n") return false;
    element->text = rest.substr(0, bytes);
    // A verbatim string begins with its format.
    if (element->type == '=' && (bytes < 4 || element->text[3] != ':')) return false;
    rest.remove_prefix(bytes + 2);
  }
  rest_ = rest;
  return true;
}

bool IsWholeReply(std::string_view bytes) {
  ReplyFramer framer(bytes.size());
  if (framer.Parse(bytes) != ParseStatus::kDone || framer.consumed() != bytes.size()) return false;
  ReplyCursor cursor(bytes);
  ReplyElement element;
  while (cursor.Next(&element)) {
  }
  return cursor.rest().empty();
}

}  // namespace rp::resp
