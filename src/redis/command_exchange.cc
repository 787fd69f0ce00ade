#include "redis/command_exchange.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "redis/reply_buffer.h"
#include "resp/grammar.h"
#include "resp/reply_framer.h"

namespace rp::redis {
namespace {

constexpr std::string_view kHello2 = "*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n";
constexpr std::string_view kHello3 = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";

// Redis does not know us, which is not the client's doing. A script may answer with any other error
// of that name, and that is the client's own.
bool AsksForCredentials(std::string_view reply) {
  return reply.starts_with("-NOAUTH Authentication required.\r\n");
}

// Returns whether Redis closes the connection after this reply, mostly because of an argument of
// more than its proto-max-bulk-len.
bool IsLastWord(std::string_view reply) { return reply.starts_with("-ERR Protocol error"); }

// Returns whether the connection may still be inside MULTI after this reply to EXEC: where EXEC has
// another name, Redis does not know it.
bool LeavesMultiOpen(std::string_view reply) {
  return resp::IsError(reply) && !reply.starts_with("-EXECABORT ") &&
         !reply.starts_with("-ERR EXEC without MULTI");
}

// Returns whether an error of this code is about the server. A script may answer with any error. So
// where connections are replaced because of it, and caches emptied, only the texts that Redis,
// Valkey and KeyDB themselves send count; any other is the error of a command.
bool IsFromServer(ErrorCode code, std::string_view text) {
  switch (code) {
    case ErrorCode::kReadOnly:
      return text.starts_with("READONLY You can't write against a read only ") ||
             text.starts_with("READONLY Can not run script with write flag on readonly replica");
    case ErrorCode::kLoading:  // the name of the server comes before
      return text.ends_with(" is loading the dataset in memory");
    case ErrorCode::kMasterDown:
      return text.starts_with("MASTERDOWN Link with MASTER is down");
    default:
      return IsAboutServer(code);
  }
}

class CommandExchange {
 public:
  CommandExchange(Connection* connection, size_t max_reply_bytes, Batch* batch)
      : connection_(connection), batch_(batch), framer_(max_reply_bytes) {}

  // Returns false if there is no memory for the commands.
  [[nodiscard]] bool Prepare() {
    const Fetch& first = (*batch_)[0];
    return TryAllocate(first.IsLarge() ? kSmallBytes : SIZE_MAX, [this, &first] {
      if (first.IsLarge()) {
        large_ = first.command;
        pieces_.reserve(large_->pieces().size() + 2);
      }
      uint8_t version = 2;
      for (size_t i = 0; i < batch_->size(); ++i) {
        const Fetch& fetch = (*batch_)[i];
        plan_[i] = {fetch.replies, fetch.resp_version, fetch.IsLarge(), fetch.is_transaction};
        Switch(&version, fetch.resp_version);
        for (const std::string_view piece : fetch.command->pieces()) Add(piece);
      }
      Switch(&version, 2);
      if (large_ == nullptr) pieces_.emplace_back(copy_);
    });
  }

  Result<void> Run() {
    uint8_t version = 2;
    for (size_t i = 0; i < batch_->size(); ++i) {
      if (Result<void> read = ReadSwitch(&version, plan_[i].resp_version); !read) return read;
      if (Result<void> read = ReadReplies(i); !read) return read;
    }
    if (Result<void> read = ReadSwitch(&version, 2); !read) return read;
    if (!buffer_.bytes().empty()) {
      return Error{ErrorCode::kProtocol, std::string("Redis sent more replies than were due")};
    }
    return {};
  }

 private:
  // A copy of what is needed of a fetch, which may be failed and freed before its replies come.
  struct Plan {
    uint32_t replies = 0;
    uint8_t resp_version = 2;
    bool is_large = false;
    bool is_transaction = false;
  };

  void Switch(uint8_t* version, uint8_t wanted) {
    if (*version == wanted) return;
    Add(wanted == 3 ? kHello3 : kHello2);
    *version = wanted;
  }

  // Small commands are sent as one piece, a large one from where it lies.
  void Add(std::string_view piece) {
    if (large_ == nullptr) {
      copy_ += piece;
    } else {
      pieces_.push_back(piece);
    }
  }

  Result<void> ReadSwitch(uint8_t* version, uint8_t wanted) {
    if (*version == wanted) return {};
    *version = wanted;
    Result<size_t> bytes = ReadReply(0);
    if (!bytes) return bytes.error();
    const bool refused = resp::IsError(buffer_.bytes());
    buffer_.DropFront(*bytes);
    if (wanted == 3) {
      in_resp3_ = !refused;
    } else if (in_resp3_ && refused) {
      return Error{ErrorCode::kProtocol, std::string("Redis does not return to RESP2")};
    }
    return {};
  }

  Result<void> ReadReplies(size_t index) {
    const Plan& plan = plan_[index];
    size_t bytes = 0;
    size_t last = 0;  // where the last reply begins
    bool is_refused = false;
    for (uint32_t i = 0; i < plan.replies; ++i) {
      Result<size_t> reply = ReadReply(bytes);
      if (!reply && (framer_.too_large() || reply.error().code == ErrorCode::kNoMemory)) {
        batch_->Fail(index, reply.error().code, reply.error().message);
      }
      if (!reply) return reply.error();
      last = std::exchange(bytes, bytes + *reply);
      NoteError(last);
      // Of several commands the first is this program's own, so that no script has answered.
      if (i == 0) is_refused = AsksForCredentials(buffer_.bytes());
      const bool is_over = plan.is_large && IsLastWord(buffer_.bytes().substr(last));
      if (is_over && i + 1 < plan.replies) return EndEarly(index, last);
    }
    FetchResult result;
    const std::string_view text = ErrorText(last);
    const ErrorCode code = ClassifyErrorReply(text);
    if (is_refused) {
      // The text may also be that of a script, which has run.
      result.maybe_sent = plan.replies == 1;
      result.error_code = ErrorCode::kAuth;
      result.error_text = text;
    } else if (code == ErrorCode::kMoved) {
      // CLUSTER SLOTS and the like, which ask for the addresses of nodes, go through as they are.
      // A script may answer with this error too.
      result.maybe_sent = true;
      result.error_code = code;
      result.error_text = TextForClients(code, text);
    } else {
      result.kind = FetchResult::Kind::kReply;
      result.value = buffer_.bytes().substr(0, bytes);
      if (bytes >= kSharedReplyBytes) {
        SharedBytes shared = buffer_.Share(bytes);
        if (shared.owner == nullptr) return FailForMemory(index);
        result.value = shared.bytes;
        result.owner = std::move(shared.owner);
      }
    }
    // A script may send the first text as well. It is believed where no other client is concerned.
    const std::string_view last_reply = buffer_.bytes().substr(last);
    const bool is_over = (plan.is_large && IsLastWord(last_reply)) ||
                         (plan.is_transaction && LeavesMultiOpen(last_reply));
    batch_->Answer(index, std::move(result), connection_->identity().id);
    buffer_.DropFront(bytes);
    if (is_over) return Error{ErrorCode::kUnavailable, std::string("Redis refused the request")};
    return {};
  }

  // Notes the reply at `offset` if it is an error that concerns the operator.
  void NoteError(size_t offset) {
    const std::string_view text = ErrorText(offset);
    const ErrorCode code = ClassifyErrorReply(text);
    if (IsFromServer(code, text)) batch_->Note(code, text);
  }

  // Fails the fetch with the error at `offset`, behind which Redis closes the connection. The
  // replies to its further commands do not come.
  Result<void> EndEarly(size_t index, size_t offset) {
    FetchResult result;
    result.error_code = ErrorCode::kUpstream;
    result.error_text = ErrorText(offset);
    result.maybe_sent = true;
    batch_->Answer(index, std::move(result), connection_->identity().id);
    return Error{ErrorCode::kUnavailable, std::string("Redis refused the request")};
  }

  // The error at `offset` of the buffer without its '-', or nothing if another reply is there.
  [[nodiscard]] std::string_view ErrorText(size_t offset) const {
    return resp::ErrorText(buffer_.bytes().substr(offset));
  }

  // Waits for the whole reply that begins at `offset` of the buffer and returns its bytes. Pushed
  // messages are dropped, because these connections subscribe to nothing.
  Result<size_t> ReadReply(size_t offset) {
    for (;;) {
      const std::string_view received = buffer_.bytes().substr(offset);
      const ParseStatus status = framer_.Parse(received);
      if (status == ParseStatus::kError) {
        const auto code = framer_.too_large() ? ErrorCode::kUpstream : ErrorCode::kProtocol;
        return Error{code, "Redis sent " + std::string(framer_.error_text())};
      }
      if (status == ParseStatus::kDone) {
        if (!framer_.is_push()) return framer_.consumed();
        buffer_.Erase(offset, framer_.consumed());
      } else if (Result<void> moved = Transfer(); !moved) {
        return moved.error();
      }
    }
  }

  Result<void> Transfer() {
    const std::span<char> room = buffer_.Room(framer_.wanted());
    if (room.empty()) return NoMemory();
    Result<Connection::Transferred> moved = batch_->WithDeadlines([&](TimePoint deadline) {
      return connection_->Transfer(std::span(pieces_).subspan(sent_pieces_), room, deadline);
    });
    if (!moved) return moved.error();
    DropSent(moved->sent);
    buffer_.Grow(moved->received);
    return {};
  }

  void DropSent(size_t bytes) {
    while (sent_pieces_ < pieces_.size() && bytes >= pieces_[sent_pieces_].size()) {
      bytes -= pieces_[sent_pieces_++].size();
    }
    if (bytes > 0) pieces_[sent_pieces_].remove_prefix(bytes);
  }

  static Error NoMemory() { return Error{ErrorCode::kNoMemory, "out of memory for the reply"}; }

  Error FailForMemory(size_t index) {
    Error error = NoMemory();
    batch_->Fail(index, error.code, error.message);
    return error;
  }

  Connection* const connection_;
  Batch* const batch_;
  std::array<Plan, Batch::kMaxFetches> plan_;
  std::string copy_;                       // of the small commands
  std::shared_ptr<const Outgoing> large_;  // or the large one, alone
  std::vector<std::string_view> pieces_;   // of one of these; what is not sent
  size_t sent_pieces_ = 0;                 // whole pieces
  ReplyBuffer buffer_;
  resp::ReplyFramer framer_;
  bool in_resp3_ = false;
};

}  // namespace

Result<void> ExchangeCommands(Connection* connection, Duration timeout, size_t max_reply_bytes,
                              Batch* batch) {
  CommandExchange exchange(connection, max_reply_bytes, batch);
  if (!exchange.Prepare()) {
    for (size_t i = 0; i < batch->size(); ++i) {
      batch->Fail(i, ErrorCode::kNoMemory, Describe(ErrorCode::kNoMemory).text, false);
    }
    return {};
  }
  batch->Begin(timeout);
  return exchange.Run();
}

}  // namespace rp::redis
