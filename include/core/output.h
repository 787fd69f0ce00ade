// AnswerBuffer: answers that are sent in one system call. All connections of a reactor share it.
// Output: bytes that the socket did not take yet. Each connection has its own.
//
// Owner: the reactor owns the AnswerBuffer, each connection its Output. Thread safety: the
// reactor's thread.
// Cost: O(pieces); a head is copied once, a large value is sent from where it lies.
#pragma once

#include <sys/uio.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "cache/entry.h"
#include "core/session.h"

namespace rp::core {

// AnswerBuffer: answers that are sent together.
class AnswerBuffer {
 public:
  static constexpr size_t kMaxHeadBytes = 64 * Session::kMaxAnswerBytes;
  static constexpr size_t kMaxPieces = 256;

  void Clear() { piece_count_ = head_bytes_ = total_bytes_ = 0; }

  // Returns whether another answer might not fit.
  [[nodiscard]] bool full() const {
    return head_bytes_ > kMaxHeadBytes - Session::kMaxAnswerBytes ||
           piece_count_ > kMaxPieces - kPiecesPerAnswer;
  }
  // Returns where to write the next answer of up to Session::kMaxAnswerBytes. REQUIRES: !full().
  [[nodiscard]] char* free_bytes() { return heads_.data() + head_bytes_; }
  // Adds one answer: `bytes` that were written to free_bytes(), and `payload` after them. `value`,
  // or the payload's owner, holds the payload's bytes; or both are null and the request holds them.
  void Add(size_t bytes, const Payload& payload, cache::Entry* value);

  [[nodiscard]] size_t total_bytes() const { return total_bytes_; }

 private:
  friend class Output;

  // An answer is at most a head, a payload and the payload's tail.
  static constexpr size_t kPiecesPerAnswer = 3;

  void AddWritten(size_t bytes);

  size_t piece_count_ = 0;
  size_t head_bytes_ = 0;
  size_t total_bytes_ = 0;
  std::array<iovec, kMaxPieces> pieces_;
  // What holds a piece; both are null for a piece of `heads_` or of a request.
  std::array<cache::Entry*, kMaxPieces> values_;
  std::array<const std::shared_ptr<const void>*, kMaxPieces> owners_;  // not set with a value
  std::array<char, kMaxHeadBytes> heads_;
};

// Output: bytes that the socket did not take yet.
class Output {
 public:
  // Sends the kept bytes, at most `*budget_bytes` and as far as the socket takes them, and
  // subtracts the sent bytes from the budget. Uses `buffer` and leaves it empty. Returns false if
  // the connection is broken.
  [[nodiscard]] bool SendKept(int fd, AnswerBuffer* buffer, size_t* budget_bytes);
  // Sends `*answers` with the same limits, and keeps the bytes that were not sent. Returns false if
  // the connection is broken, or if there is no memory to keep them, because an answer cannot stop
  // halfway. REQUIRES: empty().
  [[nodiscard]] bool Send(int fd, AnswerBuffer* answers, size_t* budget_bytes);

  [[nodiscard]] bool empty() const { return kept_.empty(); }
  // If the list is empty: frees its memory, if that is larger than usual. Returns the bytes freed,
  // those of the pieces that were sent included.
  [[nodiscard]] size_t Shrink();
  // Drops the kept bytes. Returns the bytes of memory that the list still has, or its pieces had.
  size_t Clear();

 private:
  // A piece of output that the socket did not take.
  struct Piece {
    // One of these holds the bytes.
    cache::EntryRef value;
    std::shared_ptr<const void> owner;
    std::unique_ptr<char[]> copy;

    std::string_view rest;  // to be sent
  };

  [[nodiscard]] bool Keep(const AnswerBuffer& answers, size_t sent_bytes);

  std::vector<Piece> kept_;
  size_t copied_bytes_ = 0;  // since the list was last empty
};

}  // namespace rp::core
