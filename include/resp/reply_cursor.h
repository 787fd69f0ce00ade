// What a whole reply of a server is made of, in RESP2 and RESP3, without building a tree. Hides:
// the grammar of the reply types.
//
// It owns nothing: elements are slices of the caller's bytes. Stricter than ReplyFramer, which
// finds where a reply ends, and than the protocol's prose where Redis is: lengths and integers in
// canonical form, lines ended by CR LF with neither inside, numbers that are numbers.
//
// Thread safety: none; one thread at a time. Cost: O(n) over the whole walk; no allocation.
#pragma once

#include <cstdint>
#include <string_view>

namespace rp::resp {

struct ReplyElement {
  // The type's byte in RESP: + - : $ ! = * ~ % > | _ # , (
  char type = '_';
  bool null = false;  // $-1, *-1 and _
  // The value of ':', 1 or 0 for '#', and how many elements an aggregate or attribute consists of,
  // which follow it: keys and values of a map are two.
  int64_t number = 0;
  // What + - $ ! = , and ( hold; "txt:" and the like is part of '='. A slice of the reply.
  std::string_view text;
};

// Walks over the elements of a reply in the order they were sent, depth first.
class ReplyCursor {
 public:
  // `reply` must outlive the cursor and the elements.
  explicit ReplyCursor(std::string_view reply) : rest_(reply) {}

  // The next element, or false behind the last and before what is no element or is cut off.
  [[nodiscard]] bool Next(ReplyElement* element);

  // What was not read yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// Whether `bytes` are one whole reply and nothing else, and a cursor reads all of it.
[[nodiscard]] bool IsWholeReply(std::string_view bytes);

}  // namespace rp::resp
