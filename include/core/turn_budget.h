// TurnBudget: how much one turn of a reactor may still do, for all connections together. What does
// not fit waits for a later turn, so that no client's large answers, or many requests, delay the
// small answers of the others for long: between two turns the reactor looks for events.
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: none.
#pragma once

#include <algorithm>
#include <cstddef>

namespace rp::core {

class TurnBudget {
 public:
  // The budget of a turn. A turn copies its bytes in about 2 ms.
  static constexpr size_t kReadBytes = size_t{4} << 20;
  static constexpr size_t kSentBytes = size_t{2} << 20;
  static constexpr size_t kRequests = 8192;  // answered, or looked up for a group
  static constexpr size_t kTimeouts = 1024;  // of requests, and as many of connections

  // The share of one connection, each time that it is flushed. The bytes are somewhat more than the
  // largest usual answer, a value of 1 MB with its head, for which a second call would cost a tenth
  // more.
  static constexpr size_t kSentBytesOfOne = size_t{2} << 20;
  static constexpr size_t kCallsOfOne = 4;  // of send or sendmsg
  static constexpr size_t kKeysOfOne = 1024;
  // Answers up to this size need not wait for those that are larger.
  static constexpr size_t kSmallBytes = 16 * 1024;

  [[nodiscard]] bool may_read() const { return read_bytes_ > 0; }
  [[nodiscard]] bool may_send() const { return sent_bytes_ > 0; }
  [[nodiscard]] bool may_answer() const { return requests_ > 0; }

  // Note what was done; it may exceed what was left.
  void OnRead(size_t bytes) { read_bytes_ -= std::min(bytes, read_bytes_); }
  void OnSent(size_t bytes) { sent_bytes_ -= std::min(bytes, sent_bytes_); }
  void OnAnswered(size_t requests) { requests_ -= std::min(requests, requests_); }

 private:
  size_t read_bytes_ = kReadBytes;
  size_t sent_bytes_ = kSentBytes;
  size_t requests_ = kRequests;
};

}  // namespace rp::core
