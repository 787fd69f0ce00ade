// Request: one key that one client asked for, on its way from a reactor, perhaps by a worker, to a
// flight if the key is missing, and back; or one command that is Redis's to answer, which goes the
// way of the Forwarder. One object makes the whole way: it is the job, the waiter and the reply, so
// that a hit allocates nothing.
//
// Owned by the reactor's pool; in between it belongs to whoever was handed it last. Before Start
// the reactor fills in the question; when it comes back through its ReplyBox the answer is there.
// Nobody touches it in two places at a time.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/mailbox.h"
#include "base/time.h"
#include "cache/cache.h"

namespace rp::proxy {

struct Request;

// Where answered requests go: the reactor that sent them.
class ReplyBox {
 public:
  // Takes over the chain from `first` to `last`, oldest first, linked by mail_next. The home need
  // not look before Wake, which must follow, once for any number of these. Any thread, both.
  virtual void Deliver(Request* first, Request* last) = 0;
  virtual void Wake() = 0;

 protected:
  ~ReplyBox() = default;
};

enum class Outcome : unsigned char { kPending, kValue, kMissing, kReply, kError };

// Where an answer is from.
enum class Source : unsigned char {
  kCache,
  kRedis,          // the key was not in the cache
  kRedisNoLease,   // the cache is coherent and cannot be trusted just now
  kRedisNoPrefix,  // the key is outside every -prefix, so writes to it are not heard of
  kStale,          // the cache, for want of Redis
};

struct Request : cache::Waiter, MailboxNode {
  // The question.
  ReplyBox* home = nullptr;
  std::string key;
  uint64_t hash = 0;  // set by Start
  TimePoint deadline =
      kNever;  // the waiter's own: a fetch that others wait for may go on beyond it

  // The question, where it is a command and no key: one RESP array of bulk strings, and the version
  // of the protocol, 2 or 3, in which the reply is to be spelled.
  std::string command;
  uint8_t command_version = 2;
  // The command is of the proxy's own choosing and reads only, like TTL for a client that asked for
  // it: Redis's table of commands is not asked.
  bool asks_only = false;

  // The answer.
  Outcome outcome = Outcome::kPending;
  Source source = Source::kRedis;
  ErrorCode error = ErrorCode::kInternal;  // of kError
  cache::EntryRef value;                   // of kValue
  std::string error_text;                  // of kError, one line; Redis's own where there is one
  // Of kReply, or of an answer without proxy: the bytes to be sent, an error among them.
  std::string reply;
};

// Requests in order, linked by mail_next, on their way somewhere.
class RequestChain {
 public:
  void Append(Request* request) {
    request->mail_next = nullptr;
    (last_ == nullptr ? first_ : last_->mail_next) = request;
    last_ = request;
    ++size_;
  }
  // Takes over what `other` has, behind its own.
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
