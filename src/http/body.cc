#include "http/body.h"

#include <algorithm>

#include "http/chars.h"

namespace rp::http {

void BodySkipper::Start(const RequestHead& head, uint64_t limit_bytes) {
  budget_bytes_ = limit_bytes;
  left_bytes_ = head.content_length;
  if (head.chunked) {
    left_bytes_ = 0;
    state_ = State::kFirstSizeDigit;
  } else if (left_bytes_ == 0) {
    state_ = State::kDone;
  } else {
    state_ = left_bytes_ > budget_bytes_ ? State::kTooLarge : State::kCounted;
  }
}

ParseStatus BodySkipper::Skip(std::string_view bytes, size_t* consumed) {
  size_t position = 0;
  while (position < bytes.size() && state_ != State::kDone && !failed()) {
    if (budget_bytes_ == 0) {
      state_ = State::kTooLarge;
      break;
    }
    size_t step = 1;
    if (state_ == State::kCounted || state_ == State::kData) {
      // Data is within the budget: Start and kSizeLineFeed have checked it.
      step = static_cast<size_t>(std::min<uint64_t>(left_bytes_, bytes.size() - position));
      left_bytes_ -= step;
      if (left_bytes_ == 0) state_ = state_ == State::kData ? State::kDataReturn : State::kDone;
    } else {
      state_ = Next(bytes[position]);
    }
    position += step;
    budget_bytes_ -= step;
  }
  *consumed = position;
  if (state_ == State::kDone) return ParseStatus::kDone;
  return failed() ? ParseStatus::kError : ParseStatus::kNeedMore;
}

BodySkipper::State BodySkipper::Next(char c) {
  const auto expect = [c](char wanted, State next) { return c == wanted ? next : State::kError; };
  switch (state_) {
    case State::kFirstSizeDigit:
      left_bytes_ = 0;
      return AddSizeDigit(c);
    case State::kSize:
      if (Is(kHexChar, c)) return AddSizeDigit(c);
      if (IsOws(c)) return State::kBeforeExtension;
      return c == ';' ? State::kExtensionName : expect('\r', State::kSizeLineFeed);
    case State::kBeforeExtension:
      return IsOws(c) ? state_ : expect(';', State::kExtensionName);
    case State::kExtensionName:
      if (IsOws(c)) return state_;
      return Is(kTokenChar, c) ? State::kExtension : State::kError;
    case State::kExtension:
      if (c == ';') return State::kExtensionName;
      if (c == '"') return State::kQuoted;
      return Is(kFieldChar, c) ? state_ : expect('\r', State::kSizeLineFeed);
    case State::kQuoted:
      if (c == '"') return State::kExtension;
      if (c == '\\') return State::kQuotedPair;
      return Is(kFieldChar, c) ? state_ : State::kError;
    case State::kQuotedPair:
      return Is(kFieldChar, c) ? State::kQuoted : State::kError;
    case State::kSizeLineFeed:
      if (c == '\n' && left_bytes_ >= budget_bytes_) return State::kTooLarge;  // the LF costs one
      return expect('\n', left_bytes_ == 0 ? State::kTrailerStart : State::kData);
    case State::kDataReturn:
      return expect('\r', State::kDataLineFeed);
    case State::kDataLineFeed:
      return expect('\n', State::kFirstSizeDigit);
    case State::kTrailerStart:
      return Is(kTokenChar, c) ? State::kTrailerName : expect('\r', State::kLastLineFeed);
    case State::kTrailerName:
      return Is(kTokenChar, c) ? state_ : expect(':', State::kTrailerValue);
    case State::kTrailerValue:
      return Is(kFieldChar, c) ? state_ : expect('\r', State::kTrailerLineFeed);
    case State::kTrailerLineFeed:
      return expect('\n', State::kTrailerStart);
    case State::kLastLineFeed:
      return expect('\n', State::kDone);
    case State::kCounted:
    case State::kData:
    case State::kDone:
    case State::kError:
    case State::kTooLarge:
      break;
  }
  return State::kError;
}

// The chunk size must not overflow (RFC 9112 section 7.1), so one more digit is refused when the
// top four bits are in use.
BodySkipper::State BodySkipper::AddSizeDigit(char c) {
  if (!Is(kHexChar, c) || left_bytes_ > UINT64_MAX >> 4) return State::kError;
  left_bytes_ = left_bytes_ << 4 | HexValue(c);
  return State::kSize;
}

}  // namespace rp::http
