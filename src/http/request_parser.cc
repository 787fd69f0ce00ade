#include "http/request_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <system_error>

#include "base/check.h"
#include "http/authority.h"
#include "http/chars.h"

namespace rp::http {

enum class HeadError : unsigned char {
  kNone,
  kTooManyEmptyLines,
  kRequestLineTooLong,
  kRequestLine,
  kMethod,
  kVersion,
  kUnsupportedVersion,
  kTarget,
  kHeadersTooLarge,
  kFieldName,
  kFieldValue,
  kFoldedLine,
  kNoHost,
  kSecondHost,
  kHost,
  kSecondContentLength,
  kContentLength,
  kLengthAndCoding,
  kCodingInHttp10,
  kTransferCoding,
  kUnknownTransferCoding,
  kSecondAuthorization,
};

namespace {

struct ErrorAnswer {
  int status;
  std::string_view text;
};

ErrorAnswer AnswerTo(HeadError error) {
  switch (error) {
    case HeadError::kNone:
      break;
    case HeadError::kTooManyEmptyLines:
      return {400, "too many empty lines before the request"};
    case HeadError::kRequestLineTooLong:
      return {414, "the request line is too long"};
    case HeadError::kRequestLine:
      return {400, "the request line is not METHOD TARGET VERSION with single spaces"};
    case HeadError::kMethod:
      return {400, "the method is malformed"};
    case HeadError::kVersion:
      return {400, "the protocol version is malformed"};
    case HeadError::kUnsupportedVersion:
      return {505, "only HTTP/1.0 and HTTP/1.1 are supported"};
    case HeadError::kTarget:
      return {400, "the request target is malformed"};
    case HeadError::kHeadersTooLarge:
      return {431, "the header fields are too large or too many"};
    case HeadError::kFieldName:
      return {400, "a header field name is malformed"};
    case HeadError::kFieldValue:
      return {400, "a header field value contains a control character"};
    case HeadError::kFoldedLine:
      return {400, "a header line begins with whitespace"};
    case HeadError::kNoHost:
      return {400, "the Host field is missing"};
    case HeadError::kSecondHost:
      return {400, "there is more than one Host field"};
    case HeadError::kHost:
      return {400, "the Host field is malformed"};
    case HeadError::kSecondContentLength:
      return {400, "there is more than one Content-Length field"};
    case HeadError::kContentLength:
      return {400, "the Content-Length field is not a valid number"};
    case HeadError::kLengthAndCoding:
      return {400, "the request has both Content-Length and Transfer-Encoding"};
    case HeadError::kCodingInHttp10:
      return {400, "HTTP/1.0 does not allow Transfer-Encoding"};
    case HeadError::kTransferCoding:
      return {400, "chunked must be the final transfer coding, and occur once"};
    case HeadError::kUnknownTransferCoding:
      return {501, "chunked is the only supported transfer coding"};
    case HeadError::kSecondAuthorization:
      return {400, "there is more than one Authorization field"};
  }
  return {0, {}};
}

// Calls `visit` for every element of a comma list; empty ones are skipped (RFC 9110 section 5.6.1).
template <typename Visitor>
void ForEachElement(std::string_view list, Visitor visit) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view element = TrimOws(list.substr(0, end));
    if (!element.empty()) visit(element);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

// Field values are most of the bytes of a head, so they are checked eight at a time. Only a word
// with a control character (which may be a harmless HTAB) is checked byte by byte.
bool IsFieldValue(std::string_view value) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighBits = 0x80 * kOnes;
  while (value.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, value.data(), sizeof(word));
    const uint64_t delete_is_zero = word ^ (0x7f * kOnes);
    const uint64_t suspects =
        ((word - 0x20 * kOnes) & ~word) | ((delete_is_zero - kOnes) & ~delete_is_zero);
    if ((suspects & kHighBits) != 0 && !AllAre(kFieldChar, value.substr(0, sizeof(word)))) {
      return false;
    }
    value.remove_prefix(sizeof(word));
  }
  return AllAre(kFieldChar, value);
}

Method MethodOf(std::string_view token) {
  if (token == "GET") return Method::kGet;
  if (token == "HEAD") return Method::kHead;
  if (token == "OPTIONS") return Method::kOptions;
  for (const std::string_view known : {"POST", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE"}) {
    if (token == known) return Method::kOtherKnown;
  }
  return Method::kUnknown;
}

std::string_view WithoutCr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

RequestParser::RequestParser(const Limits& limits) : limits_(&limits) {
  // Every offset is below this sum, or the line that holds it has been refused.
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  for (const uint64_t limit : {limits.leading_empty_lines, limits.request_line_bytes,
                               limits.header_line_bytes, limits.header_bytes}) {
    RP_CHECK(limit <= kMost / 8);
  }
}

int RequestParser::error_status() const { return AnswerTo(error_).status; }

std::string_view RequestParser::error_text() const { return AnswerTo(error_).text; }

ParseStatus RequestParser::Parse(std::string_view buffer, RequestHead* head) {
  RP_CHECK(state_ != State::kDone && scanned_ <= buffer.size());
  while (error_ == HeadError::kNone) {
    const std::string_view unseen = buffer.substr(scanned_);
    const void* line_feed =
        unseen.empty() ? nullptr : std::memchr(unseen.data(), '\n', unseen.size());
    const size_t line_end =
        line_feed == nullptr
            ? buffer.size()
            : static_cast<size_t>(static_cast<const char*>(line_feed) - buffer.data());
    const size_t end = line_end + (line_feed == nullptr ? 0 : 1);
    const std::string_view line = WithoutCr(buffer.substr(line_start_, line_end - line_start_));

    // A leading CRLF, even without its LF yet, does not start the request.
    if (!line.empty()) started_ = true;
    error_ = CheckLimits(line.size(), end);
    if (error_ != HeadError::kNone) break;
    scanned_ = static_cast<uint32_t>(end);
    if (line_feed == nullptr) return ParseStatus::kNeedMore;
    error_ = TakeLine(line);
    if (error_ != HeadError::kNone) break;
    line_start_ = scanned_;
    if (state_ == State::kDone) {
      Fill(buffer, head);
      return ParseStatus::kDone;
    }
  }
  return ParseStatus::kError;
}

// Checks complete and incomplete lines alike: a line over its limit gets no other error. `end` is
// the offset after the received part of the line.
HeadError RequestParser::CheckLimits(size_t line_bytes, size_t end) const {
  if (state_ == State::kRequestLine) {
    return line_bytes > limits_->request_line_bytes ? HeadError::kRequestLineTooLong
                                                    : HeadError::kNone;
  }
  if (line_bytes > limits_->header_line_bytes || end - fields_start_ > limits_->header_bytes) {
    return HeadError::kHeadersTooLarge;
  }
  return HeadError::kNone;
}

HeadError RequestParser::TakeLine(std::string_view line) {
  if (state_ == State::kRequestLine) {
    if (!line.empty()) return TakeRequestLine(line);
    return ++line_count_ > limits_->leading_empty_lines ? HeadError::kTooManyEmptyLines
                                                        : HeadError::kNone;
  }
  if (line.empty()) return Finish();
  if (++line_count_ > limits_->header_count) return HeadError::kHeadersTooLarge;
  return TakeField(line);
}

// RFC 9112 section 3: method SP request-target SP HTTP-version, and nothing more lenient.
HeadError RequestParser::TakeRequestLine(std::string_view line) {
  const size_t method_bytes = line.find(' ');
  const size_t last_space = line.rfind(' ');
  if (method_bytes == last_space) return HeadError::kRequestLine;  // one space, or none
  const std::string_view method = line.substr(0, method_bytes);
  const std::string_view target = line.substr(method_bytes + 1, last_space - method_bytes - 1);
  const std::string_view version = line.substr(last_space + 1);

  if (method.empty() || !AllAre(kTokenChar, method)) return HeadError::kMethod;
  if (version.size() != 8 || !version.starts_with("HTTP/") || !Is(kDigitChar, version[5]) ||
      version[6] != '.' || !Is(kDigitChar, version[7])) {
    return HeadError::kVersion;
  }
  if (version[5] != '1') return HeadError::kUnsupportedVersion;
  minor_version_ = version[7] == '0' ? 0 : 1;
  method_ = MethodOf(method);
  const HeadError error = TakeTarget(method, target, line_start_ + method_bytes + 1);
  state_ = State::kFields;
  fields_start_ = scanned_;
  line_count_ = 0;
  return error;
}

// RFC 9112 section 3.2: the four forms. `offset` is where `target` begins in the buffer.
HeadError RequestParser::TakeTarget(std::string_view method, std::string_view target,
                                    size_t offset) {
  constexpr std::string_view kScheme = "http://";
  if (target.empty() || !AllAre(kTargetChar, target)) return HeadError::kTarget;
  size_t path = 0;
  if (method == "CONNECT") {
    if (!IsAuthorityWithPort(target)) return HeadError::kTarget;
  } else if (target == "*") {
    if (method_ != Method::kOptions) return HeadError::kTarget;
  } else if (target[0] != '/') {
    if (!EqualsIgnoreCase(target.substr(0, kScheme.size()), kScheme)) return HeadError::kTarget;
    path = std::min(target.find_first_of("/?", kScheme.size()), target.size());
    const std::string_view authority = target.substr(kScheme.size(), path - kScheme.size());
    if (!IsAuthority(authority)) return HeadError::kTarget;
    if (path < target.size() && target[path] == '?') path = target.size();
  }
  target_start_ = static_cast<uint32_t>(offset + path);
  target_bytes_ = static_cast<uint32_t>(target.size() - path);
  return HeadError::kNone;
}

// RFC 9112 section 5.
HeadError RequestParser::TakeField(std::string_view line) {
  if (IsOws(line[0])) return HeadError::kFoldedLine;
  size_t name_bytes = 0;
  while (name_bytes < line.size() && Is(kTokenChar, line[name_bytes])) ++name_bytes;
  if (name_bytes == 0 || name_bytes == line.size() || line[name_bytes] != ':') {
    return HeadError::kFieldName;
  }
  const std::string_view value = TrimOws(line.substr(name_bytes + 1));
  if (!IsFieldValue(value)) return HeadError::kFieldValue;
  const size_t offset = line_start_ + static_cast<size_t>(value.data() - line.data());
  return TakeKnownField(line.substr(0, name_bytes), value, offset);
}

HeadError RequestParser::TakeKnownField(std::string_view name, std::string_view value,
                                        size_t offset) {
  switch (name.size()) {
    case 4:
      if (EqualsIgnoreCase(name, "host")) return TakeHost(value);
      break;
    case 6:
      if (EqualsIgnoreCase(name, "expect")) TakeExpect(value);
      break;
    case 8:
      if (EqualsIgnoreCase(name, "if-match")) if_match_tags_ = value != "*";
      break;
    case 10:
      if (EqualsIgnoreCase(name, "connection")) TakeConnection(value);
      break;
    case 13:
      if (EqualsIgnoreCase(name, "if-none-match")) if_none_match_any_ = value == "*";
      if (!EqualsIgnoreCase(name, "authorization")) break;
      if (has_authorization_) return HeadError::kSecondAuthorization;
      has_authorization_ = true;
      authorization_start_ = static_cast<uint32_t>(offset);
      authorization_bytes_ = static_cast<uint32_t>(value.size());
      break;
    case 14:
      if (EqualsIgnoreCase(name, "content-length")) return TakeContentLength(value);
      break;
    case 17:
      if (EqualsIgnoreCase(name, "transfer-encoding")) TakeTransferEncoding(value);
      break;
    default:
      break;
  }
  return HeadError::kNone;
}

// RFC 9112 section 3.2. An empty value is what a client sends for a target without authority.
HeadError RequestParser::TakeHost(std::string_view value) {
  if (has_host_) return HeadError::kSecondHost;
  has_host_ = true;
  return value.empty() || IsAuthority(value) ? HeadError::kNone : HeadError::kHost;
}

// RFC 9112 section 6.3 allows a list of equal values; here any second value is an error. from_chars
// accepts no sign and no space, and reports overflow.
HeadError RequestParser::TakeContentLength(std::string_view value) {
  if (has_content_length_) return HeadError::kSecondContentLength;
  has_content_length_ = true;
  const char* end = value.data() + value.size();
  const auto [parsed, status] = std::from_chars(value.data(), end, content_length_);
  return status == std::errc() && parsed == end ? HeadError::kNone : HeadError::kContentLength;
}

void RequestParser::TakeConnection(std::string_view value) {
  ForEachElement(value, [this](std::string_view option) {
    if (EqualsIgnoreCase(option, "close")) says_close_ = true;
    if (EqualsIgnoreCase(option, "keep-alive")) says_keep_alive_ = true;
  });
}

// Other expectations are ignored, as RFC 9110 section 10.1.1 allows.
void RequestParser::TakeExpect(std::string_view value) {
  ForEachElement(value, [this](std::string_view expectation) {
    if (EqualsIgnoreCase(expectation, "100-continue")) expects_continue_ = true;
  });
}

// Several field lines are one list. A comma inside a quoted parameter splits it in two, which is
// harmless: a list with anything but one "chunked" is refused.
void RequestParser::TakeTransferEncoding(std::string_view value) {
  has_transfer_encoding_ = true;
  ForEachElement(value, [this](std::string_view coding) {
    chunked_is_last_ = EqualsIgnoreCase(coding, "chunked");
    if (!chunked_is_last_) {
      has_other_coding_ = true;
      return;
    }
    chunked_twice_ = has_chunked_;
    has_chunked_ = true;
  });
}

// Checks the head as a whole: RFC 9112 sections 3.2, 6.1 and 6.3.
HeadError RequestParser::Finish() {
  if (minor_version_ == 1 && !has_host_) return HeadError::kNoHost;
  if (has_transfer_encoding_) {
    if (minor_version_ == 0) return HeadError::kCodingInHttp10;
    if (has_content_length_) return HeadError::kLengthAndCoding;
    if (!chunked_is_last_ || chunked_twice_) return HeadError::kTransferCoding;
    if (has_other_coding_) return HeadError::kUnknownTransferCoding;
  }
  state_ = State::kDone;
  return HeadError::kNone;
}

void RequestParser::Fill(std::string_view buffer, RequestHead* head) const {
  head->method = method_;
  head->target = target_bytes_ == 0 ? "/" : buffer.substr(target_start_, target_bytes_);
  head->minor_version = minor_version_;
  head->keep_alive = !says_close_ && (minor_version_ == 1 || says_keep_alive_);
  head->if_match_tags = if_match_tags_;
  head->if_none_match_any = if_none_match_any_;
  head->chunked = has_transfer_encoding_;
  head->content_length = content_length_;
  // A client without a body does not wait for a 100, and HTTP/1.0 has none (RFC 9110 section
  // 10.1.1).
  head->expect_continue = expects_continue_ && minor_version_ == 1 && head->has_body();
  head->authorization = buffer.substr(authorization_start_, authorization_bytes_);
}

}  // namespace rp::http
