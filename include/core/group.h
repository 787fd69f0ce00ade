// Group: one command about many keys, such as MGET. It looks up one key after the other, keeps what
// is known of each, and is answered as a whole when all are known or one of them has failed.
//
//   keys:  0 ........... next ................................ size
//          known, or asked | to be looked up, until one fails
//
// A key that is in the cache takes 8 bytes here. Any other takes a request, a member of the group,
// until it is answered; at most kMaxInFlight at a time. So a command about many keys neither fills
// the queue to Redis nor the pool of requests, and a client that reads slowly holds values alone.
//
// Owner: the pipeline. Thread safety: the reactor's thread. Cost: O(1) per key; no allocation after
// the constructor, but for the list of members.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "cache/entry.h"
#include "core/request.h"

namespace rp::core {

// The keys of a group, which the session keeps.
class GroupKeys {
 public:
  virtual ~GroupKeys() = default;
  [[nodiscard]] virtual size_t size() const = 0;
  // REQUIRES: index < size(). The bytes stay where they are.
  [[nodiscard]] virtual std::string_view operator[](size_t index) const = 0;
};

class Group {
 public:
  // Maximum keys of one group.
  static constexpr size_t kMaxKeys = 65536;
  // Maximum members in flight.
  static constexpr size_t kMaxInFlight = 1024;

  enum class Keeps : unsigned char {
    kValues,  // the value of each key
    kCount,   // how many keys exist
  };

  // Looks up the keys from index `first` on. May throw std::bad_alloc (base/memory.h).
  Group(Keeps keeps, std::unique_ptr<const GroupKeys> keys, size_t first);

  [[nodiscard]] size_t keys() const { return keys_->size(); }

  // --- Looking up. ---

  // Returns whether the next key may be looked up.
  [[nodiscard]] bool may_go_on() const {
    return next_ < keys_->size() && !has_failed() && members_.size() < kMaxInFlight;
  }
  // Returns the next key. REQUIRES: may_go_on().
  [[nodiscard]] std::string_view next_key() const { return (*keys_)[next_]; }
  // Takes what the cache knows of the next key, and goes on to the one after it.
  void Take(const cache::EntryRef& entry);
  // Makes `request` a member, which asks for the next key. Goes on to the one after it.
  void AddMember(Request* request);
  // Takes the answer of a member, which leaves the group.
  void OnAnswered(Request* member);
  // Returns how many members are in flight.
  [[nodiscard]] size_t members() const { return members_.size(); }
  // Removes any member and returns it, or null if there is none.
  [[nodiscard]] Request* RemoveMember();
  // Fails the group, because the next key cannot be asked for.
  void Fail(ErrorCode code);

  // Returns whether the answer is known: no member is in flight, and no key is left or one failed.
  [[nodiscard]] bool is_done() const {
    return members_.empty() && (has_failed() || next_ == keys_->size());
  }

  // --- The answer. ---

  [[nodiscard]] bool has_failed() const { return failure_.outcome == proxy::Outcome::kError; }
  // Returns the error of the first of the keys that have failed. REQUIRES: has_failed().
  [[nodiscard]] const proxy::Answer& failure() const { return failure_; }
  // Returns how many of the keys exist. With Keeps::kValues, 0.
  [[nodiscard]] size_t existing() const { return existing_; }

  // The answer is written in parts: its beginning, and then, with Keeps::kValues and unless the
  // group has failed, one element for each key from `first` on.
  //
  // Returns the part to be written next, from 0 on.
  [[nodiscard]] size_t part() const { return part_; }
  // Returns the value of the element that is the next part; null if its key has none. REQUIRES:
  // part() > 0.
  [[nodiscard]] cache::Entry* value() const { return values_[part_ - 1].get(); }
  // Notes that the part was written. Returns whether another one follows.
  [[nodiscard]] bool NextPart() {
    ++part_;
    return !has_failed() && part_ <= values_.size();
  }
  // Notes that the parts written so far were sent, or are kept with a reference of their own.
  void OnSent();
  // Takes back the parts that were written after the last OnSent.
  void Rewind() { part_ = sent_parts_; }

 private:
  void Note(Request* member);
  void FailAt(size_t index, const proxy::Answer& answer);

  const std::unique_ptr<const GroupKeys> keys_;
  const size_t first_;
  const Keeps keeps_;
  size_t next_;                          // index of a key
  std::vector<cache::EntryRef> values_;  // from first_ on, null for none; with kCount, empty
  std::vector<Request*> members_;        // in flight, in any order
  proxy::Answer failure_;
  size_t failed_index_ = kMaxKeys;
  size_t existing_ = 0;
  size_t part_ = 0;
  size_t sent_parts_ = 0;
};

}  // namespace rp::core
