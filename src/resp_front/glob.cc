#include "resp_front/glob.h"

#include <utility>

#include "base/ascii.h"

namespace rp::resp_front {
namespace {

// Removes the class after a `[` from the pattern, to the end if no `]` closes it. Returns whether
// the class contains the byte.
bool TakeClass(std::string_view* pattern, char c) {
  const bool negated = pattern->starts_with('^');
  if (negated) pattern->remove_prefix(1);
  bool found = false;
  while (!pattern->empty() && pattern->front() != ']') {
    if (pattern->front() == '\\' && pattern->size() >= 2) {
      found |= (*pattern)[1] == c;
      pattern->remove_prefix(2);
    } else if (pattern->size() >= 3 && (*pattern)[1] == '-') {
      char low = ToLowerAscii(pattern->front());
      char high = ToLowerAscii((*pattern)[2]);
      if (low > high) std::swap(low, high);
      found |= ToLowerAscii(c) >= low && ToLowerAscii(c) <= high;
      pattern->remove_prefix(3);
    } else {
      found |= ToLowerAscii(pattern->front()) == ToLowerAscii(c);
      pattern->remove_prefix(1);
    }
  }
  if (!pattern->empty()) pattern->remove_prefix(1);
  return found != negated;
}

// Removes the part of the pattern that matches one byte, and returns whether it matches `c`.
// REQUIRES: the pattern is not empty and does not begin with `*`.
bool TakeOne(std::string_view* pattern, char c) {
  const char first = pattern->front();
  pattern->remove_prefix(1);
  if (first == '?') return true;
  if (first == '[') return TakeClass(pattern, c);
  char wanted = first;
  if (first == '\\' && !pattern->empty()) {
    wanted = pattern->front();
    pattern->remove_prefix(1);
  }
  return ToLowerAscii(wanted) == ToLowerAscii(c);
}

}  // namespace

bool MatchesGlobIgnoringCase(std::string_view pattern, std::string_view text) {
  // Only the last `*` has to be tried with other lengths: the part before it has matched, and a
  // longer match there would leave less text for the rest.
  bool has_star = false;
  std::string_view behind_star;
  std::string_view text_at_star;
  for (;;) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      has_star = true;
      behind_star = pattern;
      text_at_star = text;
      continue;
    }
    if (pattern.empty() && text.empty()) return true;
    if (!pattern.empty() && !text.empty() && TakeOne(&pattern, text.front())) {
      text.remove_prefix(1);
      continue;
    }
    if (!has_star || text_at_star.empty()) return false;
    text_at_star.remove_prefix(1);
    pattern = behind_star;
    text = text_at_star;
  }
}

}  // namespace rp::resp_front
