#include "resp/reply_reader.h"

#include <charconv>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace rp::resp {
namespace {

constexpr int64_t kMaxElements = std::numeric_limits<int>::max();

struct ElementOutcome {
  ParseStatus status = ParseStatus::kNeedMore;
  size_t end = 0;            // behind the element, as soon as it is known; 0 before
  std::string_view error{};  // after kError: a literal
};

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

// Takes `line`, what stands between the type's byte and CR LF, except for a bulk's bytes. Returns
// what is wrong, or an empty text.
std::string_view TakeLine(std::string_view line, ReplyElement* element) {
  const char type = element->type;
  switch (type) {
    case '+':
    case '-':
      element->text = line;
      return {};
    case ',':
      element->text = line;
      return IsDouble(line) ? "" : "not a double";
    case '(':
      element->text = line;
      return IsBigNumber(line) ? "" : "not a big number";
    case '_':
      element->null = true;
      return line.empty() ? "" : "not a null";
    case '#':
      element->number = line == "t" ? 1 : 0;
      return line == "t" || line == "f" ? "" : "not a boolean";
    default:
      break;
  }
  int64_t number = 0;
  if (!ParseCanonicalInteger(line, &number)) return "not an integer";
  element->number = number;
  if (type == ':') return {};
  if (number == -1 && (type == '$' || type == '*')) {
    element->null = true;
    element->number = 0;
    return {};
  }
  if (number < 0) return "a negative length";
  if (type == '$' || type == '!') return {};
  if (type == '=') return number >= 4 ? "" : "a verbatim string without its format";
  if (number > kMaxElements) return "too many elements";
  if (type == '%' || type == '|') element->number = number * 2;
  return {};
}

bool IsBulk(char type) { return type == '$' || type == '!' || type == '='; }

bool IsAggregate(char type) {
  return type == '*' || type == '~' || type == '%' || type == '>' || type == '|';
}

// Reads the element that begins at `start`; there is no LF from there up to *scanned, which is
// moved on.
ElementOutcome ReadElement(std::string_view buffer, size_t start, size_t* scanned,
                           ReplyElement* element) {
  if (start == buffer.size()) return {ParseStatus::kNeedMore};
  *element = {};
  element->type = buffer[start];
  if (std::string_view("+-:$!=*~%>|_#,(").find(element->type) == std::string_view::npos) {
    return {ParseStatus::kError, 0, "not the first byte of a reply"};
  }
  const void* at = *scanned == buffer.size()
                       ? nullptr
                       : std::memchr(buffer.data() + *scanned, '\n', buffer.size() - *scanned);
  if (at == nullptr) {
    *scanned = buffer.size();
    return {ParseStatus::kNeedMore};
  }
  // A bulk that is still incomplete has its short line looked at again by the next call.
  *scanned = static_cast<size_t>(static_cast<const char*>(at) - buffer.data());
  const std::string_view line = buffer.substr(start + 1, *scanned - start - 1);
  if (line.empty() || line.find('\r') != line.size() - 1) {
    return {ParseStatus::kError, 0, "a line that does not end with its first CR"};
  }
  const std::string_view error = TakeLine(line.substr(0, line.size() - 1), element);
  if (!error.empty()) return {ParseStatus::kError, 0, error};
  const size_t line_end = *scanned + 1;
  if (!IsBulk(element->type) || element->null) return {ParseStatus::kDone, line_end};

  const auto bytes = static_cast<size_t>(element->number);
  const size_t end = line_end + bytes + 2;
  if (buffer.size() < end) return {ParseStatus::kNeedMore, end};
  element->number = 0;
  element->text = buffer.substr(line_end, bytes);
  if (buffer.substr(line_end + bytes, 2) != "\r\n") {
    return {ParseStatus::kError, 0, "a bulk string that is not followed by CR LF"};
  }
  if (element->type == '=' && element->text[3] != ':') {
    return {ParseStatus::kError, 0, "a verbatim string without its format"};
  }
  return {ParseStatus::kDone, end};
}

}  // namespace

ParseStatus ReplyReader::Parse(std::string_view buffer) {
  if (IsWhole()) {
    pending_[0] = 1;
    position_ = scanned_ = 0;
  }
  if (!error_.empty()) return ParseStatus::kError;
  const std::string_view allowed = buffer.substr(0, max_reply_bytes_);
  RP_CHECK(scanned_ <= allowed.size());
  wanted_ = 0;
  const ParseStatus status = Read(allowed);
  if (status == ParseStatus::kNeedMore && allowed.size() == max_reply_bytes_) {
    return FailTooLarge();
  }
  return status;
}

ParseStatus ReplyReader::Read(std::string_view buffer) {
  while (!IsWhole()) {
    ReplyElement element;
    const ElementOutcome outcome = ReadElement(buffer, position_, &scanned_, &element);
    if (outcome.status == ParseStatus::kError) return Fail(outcome.error);
    if (outcome.end > max_reply_bytes_) return FailTooLarge();
    if (outcome.status == ParseStatus::kNeedMore) {
      if (outcome.end > 0) wanted_ = outcome.end - buffer.size();
      return ParseStatus::kNeedMore;
    }
    if (element.type == '>' && depth_ > 0) return Fail("a push inside a reply");
    // An attribute takes nobody's place: the element it belongs to follows it.
    if (element.type != '|') --pending_[depth_];
    if (IsAggregate(element.type) && !Descend(element)) return Fail("too deeply nested");
    while (depth_ > 0 && pending_[depth_] == 0) --depth_;
    position_ = scanned_ = outcome.end;
  }
  return ParseStatus::kDone;
}

bool ReplyReader::Descend(const ReplyElement& element) {
  if (element.null) return true;
  if (depth_ == kMaxReplyDepth) return false;
  ++depth_;
  pending_[depth_] = static_cast<uint32_t>(element.number);
  return true;
}

ParseStatus ReplyReader::Fail(std::string_view error) {
  error_ = error;
  return ParseStatus::kError;
}

ParseStatus ReplyReader::FailTooLarge() {
  too_large_ = true;
  return Fail("too large a reply");
}

bool IsWholeReply(std::string_view bytes) {
  ReplyReader reader(bytes.size());
  return reader.Parse(bytes) == ParseStatus::kDone && reader.consumed() == bytes.size();
}

bool ReplyCursor::Next(ReplyElement* element) {
  if (rest_.empty()) return false;
  size_t scanned = 0;
  const ElementOutcome outcome = ReadElement(rest_, 0, &scanned, element);
  RP_CHECK(outcome.status == ParseStatus::kDone);
  rest_.remove_prefix(outcome.end);
  return true;
}

}  // namespace rp::resp
