// Request: a question that one client has asked and its answer. One object goes the whole way: from
// its reactor, perhaps through a worker, to a flight if the key is missing or to Redis if it is a
// command, and back. It is the job, the waiter and the reply, so that a hit allocates nothing.
//
// The reactor fills in `home`, `deadline` and the question, and hands the request to the Router.
// The thread that has it then may write `hash` and the answer. The request comes back through its
// ReplyBox, with the answer. Meanwhile the reactor may read `deadline` and the question's key,
// which do not change, and nothing else.
//
// Owner: the reactor's pool. Thread safety: one thread at a time, with the exception above.
// Cost: none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mailbox.h"
#include "base/shared_bytes.h"
#include "base/time.h"
#include "cache/cache.h"
#include "resp/owned_command.h"

namespace rp::proxy {

struct Request;

// ReplyBox: where answered requests go, which is the reactor that sent them. Thread safety: any
// thread.
class ReplyBox {
 public:
  // Takes over the chain from `first` to `last`, oldest first, linked by mail_next. The caller
  // calls Wake after one or more calls of this.
  virtual void Deliver(Request* first, Request* last) = 0;
  // Wakes the reactor, if it sleeps, to take what was delivered.
  virtual void Wake() = 0;

 protected:
  ~ReplyBox() = default;
};

// Memory that a blank question or answer keeps for the next one, in each of its texts.
inline constexpr size_t kKeptBytes = 512;

struct Question {
  enum class Kind : unsigned char {
    kKey,           // the key's value
    kCommand,       // the reply of Redis to the command
    kKeyOrCommand,  // what the cache knows of the key, or the reply of Redis to the command
    // The same about when the key ends: an end beyond the clock's range only Redis knows.
    kEndOrCommand,
    kTransaction,  // the reply of Redis to EXEC behind MULTI and the commands of `transaction`
    // No reply: the request comes back when the table of Redis's commands has been loaded anew, or
    // the attempt has failed.
    kTable,
  };

  Kind kind = Kind::kKey;
  // The version of the protocol in which a command's reply is spelled: 2 or 3.
  uint8_t resp_version = 2;
  // True if the proxy itself has chosen the command and it only reads, like TTL for a client that
  // asked for it. Then the table of Redis's commands is not consulted.
  bool reads_only = false;
  std::string key;
  resp::OwnedCommand command;
  std::vector<resp::OwnedCommand> transaction;  // in order

  // Makes the question blank again, and frees each text larger than kKeptBytes. Returns the bytes
  // that malloc got back from texts.
  size_t Clear();
  // Returns the memory taken from malloc, in bytes.
  [[nodiscard]] size_t AllocatedBytes() const;
};

enum class Outcome : unsigned char { kPending, kValue, kMissing, kReply, kError };

// Where an answer comes from.
enum class Source : unsigned char {
  kCache,
  kRedis,            // the key was not in the cache
  kRedisNoLease,     // with -coherent: writes are not reported at the moment
  kRedisNotPrimary,  // with -coherent: Redis is a replica, and this is what it says
  kRedisNoPrefix,    // the key has none of the prefixes, so writes to it are not reported
  kStale,            // the cache, since Redis does not answer
};

struct Answer {
  Outcome outcome = Outcome::kPending;
  Source source = Source::kRedis;
  ErrorCode error = ErrorCode::kInternal;  // of kError
  cache::EntryRef value;                   // of kValue
  std::string error_text;                  // of kError, one line; Redis's own where there is one
  std::string reply;                       // of kReply: the bytes to be sent
  SharedBytes large_reply;                 // the same, if they are many; then `reply` is empty

  // Makes the answer blank again, and frees each text larger than kKeptBytes. An assignment would
  // not: std::string keeps its memory when an empty string is moved to it. Returns the bytes that
  // malloc got back from texts.
  size_t Clear();
  // Returns the memory taken from malloc, in bytes.
  [[nodiscard]] size_t AllocatedBytes() const;

  // Returns whether the key could not be looked up. A value of another type is an answer, not a
  // failure.
  [[nodiscard]] bool has_failed() const {
    return outcome == Outcome::kError && error != ErrorCode::kWrongType;
  }
};

struct Request : cache::Waiter, MailboxNode {
  ReplyBox* home = nullptr;
  uint64_t hash = 0;  // of the key; set by Start
  // Of this request alone: a fetch that others wait for may take longer.
  TimePoint deadline = kNever;
  Question question;
  Answer answer;

  // Answers with an error.
  void Fail(ErrorCode code) {
    answer.outcome = Outcome::kError;
    answer.error = code;
  }
};

// RequestChain: requests in order, linked by mail_next.
class RequestChain {
 public:
  void Append(Request* request) {
    request->mail_next = nullptr;
    (last_ == nullptr ? first_ : last_->mail_next) = request;
    last_ = request;
    ++size_;
  }
  // Takes over the requests of `other`, after its own.
  void Append(const RequestChain& other) {
    if (other.empty()) return;
    (last_ == nullptr ? first_ : last_->mail_next) = other.first_;
    last_ = other.last_;
    size_ += other.size_;
  }
  [[nodiscard]] Request* first() const { return static_cast<Request*>(first_); }
  [[nodiscard]] Request* last() const { return static_cast<Request*>(last_); }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool empty() const { return first_ == nullptr; }

  [[nodiscard]] static Request* Next(const Request* request) {
    return static_cast<Request*>(request->mail_next);
  }

 private:
  MailboxNode* first_ = nullptr;
  MailboxNode* last_ = nullptr;
  int size_ = 0;
};

}  // namespace rp::proxy
