#include "resp/request_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/memory.h"
#include "resp/quoted_text.h"
#include "resp/writer.h"

namespace rp::resp {
namespace {

// An array may announce as many arguments as an int counts.
constexpr int64_t kMaxArguments = std::numeric_limits<int>::max();

// The memory that a reader keeps between two commands. There may be thousands of idle connections.
constexpr size_t kKeptArguments = 1024;
constexpr size_t kMinArguments = 4;  // of the first allocation
constexpr size_t kKeptUnquotedBytes = 4096;

// "$9999" and CR LF. Lines up to this size are parsed in one pass by TakeShortLine.
constexpr size_t kMaxShortLineBytes = 7;

// Of the characters between two arguments only these end an argument.
constexpr bool EndsArgument(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Parses the usual line of a count or length: `type`, a number from 1 to 9999 and CR. Returns the
// bytes of the line without LF, or 0 if the line is another one or too near to the end of `bytes`.
size_t TakeShortLine(std::string_view bytes, char type, int64_t* number) {
  if (bytes.size() < kMaxShortLineBytes || bytes[0] != type || bytes[1] == '0') return 0;
  if (bytes[2] == '\r' && IsDigit(bytes[1])) {
    *number = bytes[1] - '0';
    return 3;
  }
  int64_t value = 0;
  size_t size = 1;
  for (; size < kMaxShortLineBytes - 2 && IsDigit(bytes[size]); ++size) {
    value = value * 10 + (bytes[size] - '0');
  }
  if (value == 0 || bytes[size] != '\r') return 0;
  *number = value;
  return size + 1;
}

// Returns whether a command of this name is an HTTP request. A web page can make a browser send one
// to a Redis port.
bool IsHttp(std::string_view name) {
  if (name.size() < 4) return false;
  name = UpToNul(name.substr(0, 6));  // longer than both; the name may be large
  return EqualsIgnoreCase(name, "post") || EqualsIgnoreCase(name, "host:");
}

}  // namespace

RequestReader::RequestReader(const RequestLimits& limits) : limits_(&limits) {
  RP_CHECK(limits.line_bytes >= kMaxShortLineBytes && limits.stored_argument_bytes > 0 &&
           limits.command_bytes <= std::numeric_limits<uint32_t>::max());
}

ParseStatus RequestReader::Parse(std::string_view buffer, Command* command) {
  if (state_ >= State::kStored) Resume();
  RP_CHECK(scanned_ <= buffer.size());
  if (error_ != ReadError::kNone) return ParseStatus::kError;
  const std::string_view allowed = buffer.substr(0, limits_->command_bytes - dropped_bytes_);
  const ParseStatus status = Read(allowed, command);
  return status == ParseStatus::kNeedMore ? Pause(allowed, command) : status;
}

// Looks whether the rest of the command is worth waiting for, and what has come worth storing.
ParseStatus RequestReader::Pause(std::string_view allowed, Command* command) {
  if (allowed.size() == limits_->command_bytes - dropped_bytes_) {
    return Fail(ReadError::kTooBigCommand);
  }
  if (state_ != State::kArguments) return ParseStatus::kNeedMore;
  const bool is_large = allowed.size() >= limits_->stored_command_bytes ||
                        bulk_bytes_ >= static_cast<int64_t>(limits_->stored_argument_bytes);
  if (!is_large) return ParseStatus::kNeedMore;
  if (!Store(allowed)) return Fail(ReadError::kMemory);
  return ReadStored(allowed, command);
}

std::span<char> RequestReader::Room(size_t most) {
  if (state_ != State::kStored || !large_->is_unfinished()) return {};
  Resume();
  // Parse finds the end of the argument, and that the command is too large.
  const size_t allowed = limits_->command_bytes - dropped_bytes_;
  const size_t room = std::min({most, large_->missing() - 1, allowed - 1});
  if (large_->missing() == 0 || allowed == 0 || room == 0) return {};
  return large_->Room(room);
}

void RequestReader::Grow(size_t bytes) {
  large_->Grow(bytes);
  dropped_bytes_ += bytes;
}

size_t RequestReader::PutBack() {
  RP_CHECK(state_ == State::kDone);
  if (large_ == nullptr) return 0;
  // As if the last byte had not come.
  state_ = State::kStored;
  scanned_ = --position_;
  return position_;
}

void RequestReader::ClearArguments() {
  slices_.clear();
  if (slices_.capacity() > kKeptArguments) slices_.shrink_to_fit();
  unquoted_.clear();
  if (unquoted_.capacity() > kKeptUnquotedBytes) unquoted_.shrink_to_fit();
}

// Begins the next command, or goes on with a stored one, whose taken bytes have been dropped.
void RequestReader::Resume() {
  if (state_ == State::kDone) return Begin();
  dropped_bytes_ += position_;
  scanned_ -= position_;
  position_ = 0;
}

void RequestReader::Begin() {
  ClearArguments();
  if (large_ != nullptr) {
    large_.reset();
    dropped_bytes_ = 0;
  }
  position_ = 0;
  scanned_ = 0;
  state_ = State::kStart;
}

ParseStatus RequestReader::Read(std::string_view buffer, Command* command) {
  if (state_ == State::kStart) {
    if (buffer.empty()) return ParseStatus::kNeedMore;
    state_ = buffer[0] == '*' ? State::kCount : State::kInline;
  }
  if (state_ == State::kInline) return ReadInline(buffer, command);
  if (state_ == State::kCount) {
    const ParseStatus status = ReadCount(buffer);
    if (status != ParseStatus::kDone) return status;
    state_ = State::kArguments;
    return ReadArguments(buffer, command);
  }
  return state_ == State::kArguments ? ReadArguments(buffer, command) : ReadStored(buffer, command);
}

// redis-server's processInlineBuffer: LF ends the line, and a CR before it belongs to the end.
ParseStatus RequestReader::ReadInline(std::string_view buffer, Command* command) {
  size_t end = 0;
  const ParseStatus status = FindInLine(buffer, '\n', ReadError::kTooBigInline, &end);
  if (status != ParseStatus::kDone) return status;
  std::string_view line = buffer.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find('\0') != std::string_view::npos) return Fail(ReadError::kNulInInline);
  if (!SplitInline(line)) return Fail(ReadError::kUnbalancedQuotes);
  position_ = end + 1;
  return Finish(unquoted_.data(), command);
}

// Splits as redis-server's sdssplitargs does. Returns false if quotes are unbalanced.
bool RequestReader::SplitInline(std::string_view line) {
  size_t at = 0;
  for (;;) {
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (at == line.size()) return true;
    const size_t start = unquoted_.size();
    while (at < line.size() && !EndsArgument(line[at])) {
      const char c = line[at++];
      if (c == '"' || c == '\'') {
        if (!TakeQuoted(line, c, &at, &unquoted_)) return false;
        break;
      }
      unquoted_.push_back(c);
    }
    slices_.push_back(
        {static_cast<uint32_t>(start), static_cast<uint32_t>(unquoted_.size() - start)});
  }
}

ParseStatus RequestReader::ReadCount(std::string_view buffer) {
  int64_t count = 0;
  // The short cut is tried only once per line, not again with each byte that arrives.
  const bool first_look = scanned_ == 0;
  if (const size_t bytes = first_look ? TakeShortLine(buffer, '*', &count) : 0; bytes > 0) {
    position_ = scanned_ = bytes + 1;
  } else {
    std::string_view number;
    const ParseStatus status = FindNumber(buffer, ReadError::kTooBigCount, &number);
    if (status != ParseStatus::kDone) return status;
    if (!ParseCanonicalInteger(number, &count) || count > kMaxArguments) {
      return Fail(ReadError::kInvalidCount);
    }
  }
  if (count > kMaxUnauthenticatedArguments && !authenticated_) {
    return Fail(ReadError::kUnauthenticatedCount);
  }
  arguments_left_ = count;
  return ParseStatus::kDone;
}

ParseStatus RequestReader::ReadLength(std::string_view buffer) {
  int64_t bytes = 0;
  const size_t line = position_;
  const bool first_look = scanned_ <= line;
  if (const size_t taken = first_look ? TakeShortLine(buffer.substr(line), '$', &bytes) : 0;
      taken > 0) {
    position_ = scanned_ = line + taken + 1;
  } else {
    std::string_view number;
    const ParseStatus status = FindNumber(buffer, ReadError::kTooBigLength, &number);
    if (status != ParseStatus::kDone) return status;
    if (buffer[line] != '$') {
      no_dollar_ = buffer[line];
      return Fail(ReadError::kNoDollar);
    }
    if (!ParseCanonicalInteger(number, &bytes) || bytes < 0) {
      return Fail(ReadError::kInvalidLength);
    }
  }
  if (static_cast<uint64_t>(bytes) > limits_->bulk_bytes) return Fail(ReadError::kInvalidLength);
  if (bytes > kMaxUnauthenticatedBulkBytes && !authenticated_) {
    return Fail(ReadError::kUnauthenticatedLength);
  }
  bulk_bytes_ = bytes;
  return ParseStatus::kDone;
}

ParseStatus RequestReader::ReadArguments(std::string_view buffer, Command* command) {
  for (; arguments_left_ > 0; --arguments_left_) {
    if (bulk_bytes_ < 0) {
      const ParseStatus status = ReadLength(buffer);
      if (status != ParseStatus::kDone) return status;
    }
    const auto bytes = static_cast<size_t>(bulk_bytes_);
    // Like redis-server, this accepts any two bytes as the CR LF after an argument.
    const size_t end = position_ + bytes + 2;
    if (buffer.size() < end) return ParseStatus::kNeedMore;
    if (slices_.size() == slices_.capacity() && !MakeRoom()) return Fail(ReadError::kMemory);
    slices_.push_back({static_cast<uint32_t>(position_), static_cast<uint32_t>(bytes)});
    position_ = scanned_ = end;
    bulk_bytes_ = -1;
  }
  return Finish(buffer.data(), command);
}

// Moves the arguments that have arrived out of the buffer. Returns false if there is no memory.
bool RequestReader::Store(std::string_view buffer) {
  large_ = LargeCommand::Make(slices_.size() + static_cast<size_t>(arguments_left_));
  if (large_ == nullptr) return false;
  for (const Command::Slice& slice : slices_) {
    if (!large_->Append(buffer.substr(slice.offset, slice.bytes))) return false;
  }
  ClearArguments();
  state_ = State::kStored;
  return true;
}

ParseStatus RequestReader::ReadStored(std::string_view buffer, Command* command) {
  if (arguments_left_ == 0) {  // it was put back, but for its last byte
    if (buffer.empty()) return ParseStatus::kNeedMore;
    position_ = scanned_ = 1;
  }
  for (; arguments_left_ > 0; --arguments_left_) {
    if (bulk_bytes_ < 0) {
      const ParseStatus status = ReadLength(buffer);
      if (status != ParseStatus::kDone) return status;
    }
    const ParseStatus status = ReadStoredArgument(buffer);
    if (status != ParseStatus::kDone) return status;
    bulk_bytes_ = -1;
  }
  return Finish(nullptr, command);
}

ParseStatus RequestReader::ReadStoredArgument(std::string_view buffer) {
  const auto bytes = static_cast<size_t>(bulk_bytes_);
  const size_t end = position_ + bytes + kCrLf.size();
  if (bytes < limits_->stored_argument_bytes) {
    if (buffer.size() < end) return ParseStatus::kNeedMore;
    if (!large_->Append(buffer.substr(position_, bytes))) return Fail(ReadError::kMemory);
    position_ = scanned_ = end;
    return ParseStatus::kDone;
  }
  if (!large_->is_unfinished() && !large_->StartArgument(bytes)) return Fail(ReadError::kMemory);
  while (large_->missing() > 0 && position_ < buffer.size()) {
    const std::span<char> room = large_->Room(buffer.size() - position_);
    if (room.empty()) return Fail(ReadError::kMemory);
    std::memcpy(room.data(), buffer.data() + position_, room.size());
    large_->Grow(room.size());
    position_ += room.size();
  }
  scanned_ = position_;
  if (buffer.size() - position_ < kCrLf.size() || large_->missing() > 0)
    return ParseStatus::kNeedMore;
  large_->EndArgument();
  position_ = scanned_ = position_ + kCrLf.size();
  return ParseStatus::kDone;
}

// Looks for `wanted` in the line that begins at position_. Returns kNeedMore if it has not come
// yet.
ParseStatus RequestReader::FindInLine(std::string_view buffer, char wanted, ReadError too_long,
                                      size_t* found) {
  const size_t over_limit = position_ + limits_->line_bytes;
  const size_t end = std::min(buffer.size(), over_limit + 1);
  const void* at =
      end == scanned_ ? nullptr : std::memchr(buffer.data() + scanned_, wanted, end - scanned_);
  if (at == nullptr) {
    if (buffer.size() > over_limit) return Fail(too_long);
    scanned_ = end;
    return ParseStatus::kNeedMore;
  }
  *found = scanned_ = static_cast<size_t>(static_cast<const char*>(at) - buffer.data());
  return ParseStatus::kDone;
}

// Finds the number in a line of one character and a number, and moves position_ to the next line.
// Like redis-server, this accepts CR and any byte as the line's end.
ParseStatus RequestReader::FindNumber(std::string_view buffer, ReadError too_long,
                                      std::string_view* number) {
  size_t end = 0;
  const ParseStatus status = FindInLine(buffer, '\r', too_long, &end);
  if (status != ParseStatus::kDone) return status;
  if (buffer.size() - end < 2) return ParseStatus::kNeedMore;
  // The line may be a lone CR, which has no character before the number.
  const size_t start = std::min(position_ + 1, end);
  *number = buffer.substr(start, end - start);
  position_ = scanned_ = end + 2;
  return ParseStatus::kDone;
}

ParseStatus RequestReader::Finish(const char* base, Command* command) {
  state_ = State::kDone;
  command->large_ = large_.get();
  command->base_ = base;
  command->slices_ = slices_.data();
  command->size_ = large_ == nullptr ? slices_.size() : large_->size();
  if (command->size_ == 0) {
    command->kind_ = Command::Kind::kNothing;
  } else {
    command->kind_ =
        IsHttp((*command)[0]) ? Command::Kind::kSilentClose : Command::Kind::kArguments;
  }
  return ParseStatus::kDone;
}

bool RequestReader::MakeRoom() {
  const size_t wanted = std::max<size_t>(2 * slices_.capacity(), kMinArguments);
  return TryAllocate([&] { slices_.reserve(wanted); });
}

ParseStatus RequestReader::Fail(ReadError error) {
  error_ = error;
  ClearArguments();
  large_.reset();
  state_ = State::kDone;
  return ParseStatus::kError;
}

std::string RequestReader::error_text() const {
  const bool printable = no_dollar_ != '\r' && no_dollar_ != '\n' && no_dollar_ != '\0';
  switch (error_) {
    case ReadError::kNone:
      return {};
    case ReadError::kTooBigInline:
      return "Protocol error: too big inline request";
    case ReadError::kNulInInline:
      return "Protocol error: NUL in inline request";
    case ReadError::kUnbalancedQuotes:
      return "Protocol error: unbalanced quotes in request";
    case ReadError::kTooBigCount:
      return "Protocol error: too big mbulk count string";
    case ReadError::kInvalidCount:
      return "Protocol error: invalid multibulk length";
    case ReadError::kUnauthenticatedCount:
      return "Protocol error: unauthenticated multibulk length";
    case ReadError::kTooBigLength:
      return "Protocol error: too big bulk count string";
    case ReadError::kNoDollar:
      return std::string("Protocol error: expected '$', got '") + (printable ? no_dollar_ : ' ') +
             "'";
    case ReadError::kInvalidLength:
      return "Protocol error: invalid bulk length";
    case ReadError::kUnauthenticatedLength:
      return "Protocol error: unauthenticated bulk length";
    case ReadError::kTooBigCommand:
      return "Protocol error: too big request";
    case ReadError::kMemory:
      return "out of memory for so many arguments";
  }
  return {};
}

}  // namespace rp::resp
