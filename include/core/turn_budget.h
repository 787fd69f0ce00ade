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
  // Requests that are read, and as many that are answered, or keys that are looked up for groups.
  static constexpr size_t kRequests = 8192;
  static constexpr size_t kAnswers = 2048;  // taken from the mailbox at a time
  static constexpr size_t kTimeouts = 512;  // of requests, and as many of connections
  // What those that wait get in any case, however much the others want.
  static constexpr size_t kWaitingBytes = size_t{1} << 20;
  static constexpr size_t kWaitingFlushes = 64;

  // What counts as much as a request: to flush a connection counts as some, and a reply or a key of
  // many bytes as one more for each part of this size.
  static constexpr size_t kFlushCost = 4;
  static constexpr size_t kPartBytes = 256;

  // The share of one connection, each time that it is flushed. The bytes are somewhat more than the
  // largest usual answer, a value of 1 MB with its head, for which a second call would cost a tenth
  // more.
  static constexpr size_t kSentBytesOfOne = size_t{2} << 20;
  static constexpr size_t kCallsOfOne = 4;  // of send or sendmsg
  static constexpr size_t kKeysOfOne = 1024;
  // Answers up to this size need not wait for those that are larger.
  static constexpr size_t kSmallBytes = 16 * 1024;

  [[nodiscard]] bool may_read() const { return read_bytes_ > 0 && made_ > 0; }
  [[nodiscard]] bool may_send() const { return sent_bytes_ > 0; }
  [[nodiscard]] bool may_answer() const { return requests_ > 0 && made_ > 0; }

  // Ends the reading of a turn. What flushing makes counts anew.
  void BeginFlush() { made_ = kRequests; }
  // Ends the flushing of the dirty connections.
  void BeginWaiting() { sent_bytes_ = std::max(sent_bytes_, kWaitingBytes); }

  // Note what was done; it may exceed what was left.
  void OnRead(size_t bytes) { read_bytes_ -= std::min(bytes, read_bytes_); }
  void OnSent(size_t bytes) { sent_bytes_ -= std::min(bytes, sent_bytes_); }
  void OnAnswered(size_t requests) { requests_ -= std::min(requests, requests_); }
  // A request was made, or a reply of so many bytes.
  void OnRequest() { made_ -= made_ > 0 ? 1 : 0; }
  void OnReply(size_t bytes) { made_ -= std::min(bytes / kPartBytes, made_); }

 private:
  size_t read_bytes_ = kReadBytes;
  size_t sent_bytes_ = kSentBytes;
  size_t requests_ = kRequests;
  size_t made_ = kRequests;
};

}  // namespace rp::core
