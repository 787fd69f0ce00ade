#include "redis/tracking.h"

#include <utility>

#include "redis/reply.h"
#include "redis/server_info.h"
#include "resp/grammar.h"
#include "resp/reply_cursor.h"
#include "resp/writer.h"

namespace rp::redis {
namespace {

using resp::ReplyCursor;
using resp::ReplyElement;

// The buffer is freed after a reply of more bytes than this.
constexpr size_t kKeptBufferBytes = size_t{64} << 10;

void AppendCommand(const std::vector<std::string_view>& arguments, std::string* out) {
  resp::Writer writer(2, out);
  writer.ArrayHeader(arguments.size());
  for (const std::string_view argument : arguments) writer.Bulk(argument);
}

Error Unexpected(std::string_view what) {
  return Error{ErrorCode::kProtocol, "Redis sent " + std::string(what)};
}

bool IsText(const ReplyElement& element) {
  return (element.type == '$' || element.type == '+') && !element.null;
}

// Passes over the elements that belong to `element`, and over theirs.
bool Skip(ReplyCursor* cursor, const ReplyElement& element) {
  if (!resp::IsAggregate(element.type)) return true;
  for (int64_t left = element.number; left > 0; --left) {
    ReplyElement inner;
    if (!cursor->Next(&inner)) return false;
    // An attribute is one element more than those that were counted.
    if (resp::IsAggregate(inner.type)) left += inner.number + (inner.type == '|' ? 1 : 0);
  }
  return true;
}

// The fields of a reply to HELLO 3 that matter (https://redis.io/docs/latest/commands/hello/).
struct Hello {
  std::string_view role;
  std::string_view mode;
};

// Returns false if the reply is not a map of names.
bool ReadHello(std::string_view reply, Hello* hello) {
  ReplyCursor cursor(reply);
  ReplyElement map;
  if (!cursor.Next(&map) || map.type != '%') return false;
  for (int64_t i = 0; i < map.number; i += 2) {
    ReplyElement name;
    ReplyElement value;
    if (!cursor.Next(&name) || !IsText(name) || !cursor.Next(&value)) return false;
    if (IsText(value) && name.text == "role") hello->role = value.text;
    if (IsText(value) && name.text == "mode") hello->mode = value.text;
    if (!Skip(&cursor, value)) return false;
  }
  return cursor.rest().empty();
}

// While Redis cannot write to its disk it refuses PING along with the writes. That answer has come
// the same way as a PONG, and proves as much.
bool IsAsGoodAsPong(std::string_view error) { return error.starts_with("MISCONF "); }

}  // namespace

Tracking::Tracking(TrackingOptions options, InvalidationSink* sink, TimePoint now)
    : options_(std::move(options)), sink_(sink), started_at_(now) {
  Ask(Asked::kHello);
  Ask(Asked::kTracking);
  Ask(Asked::kPing);
}

void Tracking::Ask(Asked what) {
  std::vector<std::string_view> command;
  switch (what) {
    case Asked::kHello:
      command = {"HELLO", "3"};  // without the version Redis 6.0 does not take it
      break;
    case Asked::kTracking:
      command = {"CLIENT", "TRACKING", "ON", "BCAST"};
      for (const std::string& prefix : options_.prefixes) {
        command.insert(command.end(), {"PREFIX", prefix});
      }
      break;
    case Asked::kPing:
      command = {"PING"};
      break;
    case Asked::kClusterInfo:
      command = {"CLUSTER", "INFO"};
      break;
  }
  AppendCommand(command, &output_);
  asked_.push_back(what);
}

Result<void> Tracking::OnReceived(size_t bytes, TimePoint now) {
  input_.Grow(bytes);
  for (;;) {
    const ParseStatus status = framer_.Parse(input_.bytes());
    if (status == ParseStatus::kError) return Unexpected(framer_.error_text());
    if (status == ParseStatus::kNeedMore) return {};
    const size_t reply_bytes = framer_.consumed();
    if (Result<void> taken = Take(input_.bytes().substr(0, reply_bytes), now); !taken) return taken;
    input_.DropFront(reply_bytes);
    if (reply_bytes > kKeptBufferBytes && input_.bytes().empty()) input_ = ReplyBuffer();
  }
}

Result<void> Tracking::OnTime(TimePoint now) {
  if (now >= WaitLimit() && state_ == State::kSetUp) {
    return Error{ErrorCode::kTimeout, std::string("no answer in time")};
  }
  if (state_ == State::kSetUp) return {};
  // The sink has dealt with what had come, and the time for that is not silence.
  if (std::exchange(has_reported_, false)) lease_->OnReport(now);
  if (now >= lease_->LossTime()) return lease_->LossReason();
  if (!lease_->IsProofDue(now)) return {};
  lease_->OnProofSent(now);
  Ask(Asked::kHello);
  Ask(Asked::kPing);
  if (is_cluster_) Ask(Asked::kClusterInfo);
  return {};
}

TimePoint Tracking::WaitLimit() const {
  return state_ == State::kLive ? lease_->WaitLimit()
                                : DeadlineAfter(started_at_, options_.timeout);
}

Result<void> Tracking::Take(std::string_view reply, TimePoint now) {
  if (framer_.is_push()) return TakePush(reply);
  if (asked_.empty()) return Unexpected("a reply that nothing had asked for");
  const Asked what = asked_.front();
  asked_.pop_front();
  if (Result<void> taken = TakeAnswer(what, reply); !taken) return taken;
  if (asked_.empty()) OnAllAnswered(now);
  return {};
}

Result<void> Tracking::TakeAnswer(Asked what, std::string_view reply) {
  if (resp::IsError(reply)) {
    const std::string_view text = resp::ErrorText(reply);
    if (what == Asked::kPing && IsAsGoodAsPong(text)) return {};
    return Error{ClassifyErrorReply(text), std::string(text)};
  }
  switch (what) {
    case Asked::kHello:
      return TakeHello(reply);
    case Asked::kTracking:
      if (reply == "+OK\r\n") return {};
      return Unexpected("no OK for CLIENT TRACKING");
    case Asked::kPing:
      if (reply == "+PONG\r\n") return {};
      return Unexpected("no PONG for PING");
    case Asked::kClusterInfo:
      break;
  }
  ReplyCursor cursor(reply);
  ReplyElement info;
  if (!cursor.Next(&info) || !resp::IsBulk(info.type) || info.null) {
    return Unexpected("no text for CLUSTER INFO");
  }
  // Behind the format, as in "txt:", of a verbatim string.
  const std::string_view text = info.text.substr(info.type == '=' ? info.text.find(':') + 1 : 0);
  if (FieldOfInfo(text, "cluster_state") != "ok") {
    return Error{ErrorCode::kClusterDown, std::string("cluster_state is not ok")};
  }
  return {};
}

Result<void> Tracking::TakeHello(std::string_view reply) {
  Hello hello;
  if (!ReadHello(reply, &hello)) return Unexpected("no map for HELLO 3");
  if (hello.role.empty()) return Unexpected("a HELLO without a role");
  is_cluster_ = hello.mode == "cluster";
  if (is_cluster_ && state_ == State::kSetUp) Ask(Asked::kClusterInfo);
  if (hello.role == "master") return {};
  return Error{ErrorCode::kReadOnly, "its role is " + std::string(hello.role)};
}

Result<void> Tracking::TakePush(std::string_view push) {
  ReplyCursor cursor(push);
  ReplyElement head;
  ReplyElement kind;
  ReplyElement keys;
  if (!cursor.Next(&head) || head.type != '>' || head.number != 2 || !cursor.Next(&kind) ||
      !IsText(kind) || kind.text != "invalidate" || !cursor.Next(&keys)) {
    return Unexpected("a push that is no report of writes");
  }
  // What was written before the sink is told that Redis is live is nothing to it.
  const bool is_live = state_ == State::kLive;
  if (keys.null) {
    if (is_live) sink_->OnFlush();
  } else if (keys.type == '*') {
    for (int64_t i = 0; i < keys.number; ++i) {
      ReplyElement key;
      if (!cursor.Next(&key) || key.type != '$' || key.null) {
        return Unexpected("a report that names no key");
      }
      if (is_live) sink_->OnInvalidated(key.text);
    }
  } else {
    return Unexpected("a report that names no key");
  }
  has_reported_ = true;
  return {};
}

void Tracking::OnAllAnswered(TimePoint now) {
  if (state_ == State::kLive) {
    lease_->OnProofAnswered();
    sink_->OnLease(lease_->end());
  } else {
    state_ = State::kLive;
    lease_.emplace(options_.max_stale, started_at_, now);
    const uint64_t generation = options_.on_ready ? options_.on_ready() : options_.generation;
    sink_->OnLive(options_.server, generation, lease_->end());
  }
}

}  // namespace rp::redis
