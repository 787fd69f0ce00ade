// ReplyCursor: walks over the elements of a whole reply of a server, in RESP2 and RESP3, without
// building a tree. Hides: the grammar of the reply types.
//
// It is stricter than ReplyFramer, which only finds the end of a reply, and as strict as Redis
// where the protocol's text is not: lengths and integers in canonical form, lines that end with CR
// LF and contain neither, doubles and big numbers that are numbers.
//
// Owner: the caller. It owns nothing: elements are slices of the caller's bytes.
// Thread safety: one thread at a time.
// Cost: O(n) over the whole walk; no allocation.
#pragma once

#include <cstdint>
#include <string_view>

namespace rp::resp {

struct ReplyElement {
  // The type's byte in RESP: + - : $ ! = * ~ % > | _ # , (
  char type = '_';
  bool null = false;  // $-1, *-1 and _
  // The value of ':', 1 or 0 for '#', or the number of elements that follow an aggregate or
  // attribute; a key and its value in a map are two.
  int64_t number = 0;
  // The text of + - $ ! = , and (, a slice of the reply. For '=' it includes the format, as in
  // "txt:".
  std::string_view text;
};

// Walks in the order in which the elements were sent, which is depth first.
class ReplyCursor {
 public:
  // REQUIRES: `reply` outlives the cursor and the elements.
  explicit ReplyCursor(std::string_view reply) : rest_(reply) {}

  // Reads the next element. Returns false at the end of the reply, and before an element that is
  // malformed or incomplete.
  [[nodiscard]] bool Next(ReplyElement* element);

  // Returns the bytes that were not read yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// Returns whether `bytes` are exactly one whole reply, all of which a cursor can read.
[[nodiscard]] bool IsWholeReply(std::string_view bytes);

}  // namespace rp::resp
