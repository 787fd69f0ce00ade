#include "resp/reply_framer.h"

#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace rp::resp {
namespace {

// A type, CR and LF: no element is shorter.
constexpr size_t kMinElementBytes = 3;

}  // namespace

ParseStatus ReplyFramer::Parse(std::string_view buffer) {
  if (!error_.empty()) return ParseStatus::kError;
  if (missing_ == 0) {
    missing_ = 1;
    position_ = scanned_ = 0;
    type_ = '\0';
  }
  const std::string_view allowed = buffer.substr(0, max_reply_bytes_);
  RP_CHECK(scanned_ <= allowed.size());
  wanted_ = 0;
  const ParseStatus status = Read(allowed);
  if (status == ParseStatus::kNeedMore && allowed.size() == max_reply_bytes_) {
    return FailTooLarge();
  }
  return status;
}

ParseStatus ReplyFramer::Read(std::string_view buffer) {
  while (missing_ > 0) {
    if (position_ == buffer.size()) return ParseStatus::kNeedMore;
    const char type = buffer[position_];
    const bool has_length = IsBulk(type) || IsAggregate(type);
    if (!has_length && !IsLine(type)) return Fail("a reply of an unknown type");
    // Inside an attribute before the reply at least two elements are missing: the current one and
    // the reply itself.
    const bool is_inside = type_ != '\0' || missing_ > 1;
    if (type == '>' && is_inside) return Fail("a push inside a reply");
    size_t line_end = 0;
    const bool is_line = FindLineEnd(buffer, &line_end);
    const size_t seen = (is_line ? line_end - 2 : buffer.size()) - position_ - 1;
    // One more for the CR of a line whose LF has not come.
    if (has_length && seen > kMaxLengthDigits + (is_line ? 0 : 1))
      return Fail("a malformed length");
    if (!is_line) return ParseStatus::kNeedMore;
    if (!is_inside && type != '|') type_ = type;
    if (!has_length) {
      EndElement(type, line_end);
    } else if (const ParseStatus status = ReadLength(buffer, type, line_end);
               status != ParseStatus::kDone) {
      return status;
    }
  }
  return ParseStatus::kDone;
}

// Parses the current element, which has a length and whose first line ends at `line_end`. This
// includes the bytes of a bulk but not the elements of an aggregate.
ParseStatus ReplyFramer::ReadLength(std::string_view buffer, char type, size_t line_end) {
  int64_t number = 0;
  const std::string_view digits = buffer.substr(position_ + 1, line_end - position_ - 3);
  if (!ParseCanonicalInteger(digits, &number)) return Fail("a malformed length");
  if (number == -1 && (type == '$' || type == '*')) {
    EndElement(type, line_end);
    return ParseStatus::kDone;
  }
  if (number < 0) return Fail("a negative length");
  auto count = static_cast<uint64_t>(number);
  if (IsBulk(type)) return ReadBulk(buffer, line_end, count);

  // At most as many elements as the rest of the largest reply has room for, so that the sums do not
  // overflow.
  const size_t room = (max_reply_bytes_ - line_end) / kMinElementBytes;
  if (count > room) return FailTooLarge();
  if (type == '%' || type == '|') count *= 2;
  EndElement(type, line_end);
  missing_ += count;
  return missing_ > room ? FailTooLarge() : ParseStatus::kDone;
}

ParseStatus ReplyFramer::ReadBulk(std::string_view buffer, size_t line_end, size_t bytes) {
  const size_t room = max_reply_bytes_ - line_end;
  if (room < 2 || bytes > room - 2) return FailTooLarge();
  const size_t end = line_end + bytes + 2;
  if (buffer.size() < end) {
    wanted_ = end - buffer.size();
    return ParseStatus::kNeedMore;
  }
  if (buffer.substr(end - 2, 2) != "\r\n") {
    return Fail("a bulk string without CR LF at its end");
  }
  EndElement(buffer[position_], end);
  return ParseStatus::kDone;
}

// Sets *line_end to the offset after the first CR LF of the current element. Returns false if that
// has not come yet.
bool ReplyFramer::FindLineEnd(std::string_view buffer, size_t* line_end) {
  while (scanned_ < buffer.size()) {
    const void* at = std::memchr(buffer.data() + scanned_, '\n', buffer.size() - scanned_);
    if (at == nullptr) break;
    const auto lf = static_cast<size_t>(static_cast<const char*>(at) - buffer.data());
    // The next call, which may have the bytes of a bulk, finds it here again at once.
    if (lf >= position_ + 2 && buffer[lf - 1] == '\r') {
      scanned_ = lf;
      *line_end = lf + 1;
      return true;
    }
    scanned_ = lf + 1;
  }
  scanned_ = buffer.size();
  return false;
}

// An attribute is not counted itself: the element that it belongs to follows it.
void ReplyFramer::EndElement(char type, size_t end) {
  if (type != '|') --missing_;
  position_ = scanned_ = end;
}

ParseStatus ReplyFramer::Fail(std::string_view error) {
  error_ = error;
  return ParseStatus::kError;
}

ParseStatus ReplyFramer::FailTooLarge() {
  too_large_ = true;
  return Fail("a reply that is too large");
}

}  // namespace rp::resp
