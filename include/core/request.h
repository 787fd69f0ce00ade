// Request: a proxy::Request with what the core and the session add to it: its connection, its place
// in the pipeline, and notes on the form of the answer.
//
//   kFree --Take--> kFilling --Send--> kInFlight --delivered or taken back--> kAnswered
//     ^                |  |                |                                    ^   |
//     |                |  +--- answered from the cache or by the session -------+   |
//     +---- PutBack ---+-------------------+----------------------------------------+
//
// A request is put back when its answer is written, or when its client has gone. One that is in
// flight then has no connection any more, and is put back once it is taken back or delivered.
//
// Owner: the RequestPool of a reactor. Thread safety: the fields of this struct belong to the
// reactor's thread, also while others have the proxy::Request part. Cost: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "core/deadline_list.h"
#include "proxy/request.h"

namespace rp::core {

class Connection;
class RequestSlab;
class Group;

// SessionData: room in a request for the session's notes, of a type that the session chooses.
class SessionData {
 public:
  static constexpr size_t kBytes = 48;
  static constexpr size_t kAlignment = alignof(void*);

  // Makes a T with default values and returns it. Its destructor is never called.
  template <typename T>
  T* Emplace() {
    static_assert(sizeof(T) <= kBytes);
    static_assert(alignof(T) <= kAlignment);
    static_assert(std::is_trivially_destructible_v<T>);
    return new (bytes_) T();
  }
  // Return the T. REQUIRES: Emplace<T> was called.
  template <typename T>
  [[nodiscard]] T* Get() {
    return std::launder(reinterpret_cast<T*>(bytes_));
  }
  template <typename T>
  [[nodiscard]] const T* Get() const {
    return std::launder(reinterpret_cast<const T*>(bytes_));
  }

 private:
  alignas(kAlignment) std::byte bytes_[kBytes];
};

struct Request : proxy::Request, DeadlineNode {
  enum class State : uint8_t { kFree, kFilling, kInFlight, kAnswered };

  State state = State::kFree;
  Connection* connection = nullptr;  // null: the client has gone
  Group* group = nullptr;            // of a command about many keys, which this request answers
  Group* member_of = nullptr;        // the group whose key it asks for; then it is in no pipeline
  uint32_t key_index = 0;            // of that key in the group
  uint32_t member_index = 0;         // of this request among the members in flight
  Request* next_in_pipeline = nullptr;  // or in a list of the pool
  RequestSlab* slab = nullptr;          // where it lies; of the pool
  SessionData data;
};

}  // namespace rp::core
