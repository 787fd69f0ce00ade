#include "redis/command_exchange.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "redis/reply_buffer.h"
#include "resp/reply_reader.h"

namespace rp::redis {
namespace {

constexpr std::string_view kHello2 = "*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n";
constexpr std::string_view kHello3 = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";

bool IsError(std::string_view reply) { return reply.starts_with('-'); }

// Redis does not know us, which is not the client's doing.
bool AsksForCredentials(std::string_view reply) { return reply.starts_with("-NOAUTH "); }

class CommandExchange {
 public:
  CommandExchange(Connection* connection, size_t max_reply_bytes, Batch* batch)
      : connection_(connection), batch_(batch), reader_(max_reply_bytes) {
    uint8_t version = 2;
    for (size_t i = 0; i < batch->size(); ++i) {
      const Fetch& fetch = (*batch)[i];
      plan_[i] = {fetch.replies, fetch.resp_version};
      Switch(&version, fetch.resp_version);
      output_ += fetch.command;
    }
    Switch(&version, 2);
  }

  Result<void> Run() {
    uint8_t version = 2;
    for (size_t i = 0; i < batch_->size(); ++i) {
      if (Result<void> read = ReadSwitch(&version, plan_[i].resp_version); !read) return read;
      if (Result<void> read = ReadReplies(i); !read) return read;
    }
    if (Result<void> read = ReadSwitch(&version, 2); !read) return read;
    if (!buffer_.bytes().empty()) {
      return Error{ErrorCode::kProtocol, std::string("Redis sent more than was asked for")};
    }
    return {};
  }

 private:
  // What is left of a fetch here: it may have been failed, and be gone, before its replies come.
  struct Plan {
    uint32_t replies = 0;
    uint8_t resp_version = 2;
  };

  void Switch(uint8_t* version, uint8_t wanted) {
    if (*version == wanted) return;
    output_ += wanted == 3 ? kHello3 : kHello2;
    *version = wanted;
  }

  Result<void> ReadSwitch(uint8_t* version, uint8_t wanted) {
    if (*version == wanted) return {};
    *version = wanted;
    Result<size_t> bytes = ReadReply(0);
    if (!bytes) return bytes.error();
    const bool refused = IsError(buffer_.bytes());
    buffer_.DropFront(*bytes);
    if (wanted == 3) {
      in_resp3_ = !refused;
    } else if (in_resp3_ && refused) {
      return Error{ErrorCode::kProtocol, std::string("Redis does not go back to RESP2")};
    }
    return {};
  }

  Result<void> ReadReplies(size_t index) {
    size_t bytes = 0;
    std::optional<size_t> refusal;  // where it begins
    for (uint32_t i = 0; i < plan_[index].replies; ++i) {
      Result<size_t> reply = ReadReply(bytes);
      if (!reply && reader_.too_large()) {
        batch_->Fail(index, reply.error().code, reply.error().message);
      }
      if (!reply) return reply.error();
      if (AsksForCredentials(buffer_.bytes().substr(bytes))) refusal = bytes;
      bytes += *reply;
    }
    FetchResult result;
    if (refusal) {
      const std::string_view text = buffer_.bytes().substr(*refusal + 1);
      result.error_code = ErrorCode::kAuth;
      result.error_text = text.substr(0, text.find('\r'));
    } else {
      result.kind = FetchResult::Kind::kReply;
      result.value = buffer_.bytes().substr(0, bytes);
    }
    batch_->Answer(index, result, connection_->peer());
    buffer_.DropFront(bytes);
    return {};
  }

  // Waits for the whole reply that begins at `offset` of the buffer and returns its bytes. Pushed
  // messages are nobody's: we follow nothing on these connections.
  Result<size_t> ReadReply(size_t offset) {
    for (;;) {
      const std::string_view received = buffer_.bytes().substr(offset);
      const resp::ParseStatus status = reader_.Parse(received);
      if (status == resp::ParseStatus::kError) {
        const auto code = reader_.too_large() ? ErrorCode::kUpstream : ErrorCode::kProtocol;
        return Error{code, "Redis sent " + std::string(reader_.error_text())};
      }
      if (status == resp::ParseStatus::kDone) {
        if (received[0] != '>') return reader_.consumed();
        buffer_.Erase(offset, reader_.consumed());
      } else if (Result<void> moved = Transfer(); !moved) {
        return moved.error();
      }
    }
  }

  Result<void> Transfer() {
    const std::span<char> room = buffer_.Room(reader_.wanted());
    Result<Connection::Transferred> moved = batch_->WithDeadlines([&](TimePoint deadline) {
      return connection_->Transfer(std::string_view(output_).substr(sent_), room, deadline);
    });
    if (!moved) return moved.error();
    sent_ += moved->sent;
    buffer_.Grow(moved->received);
    return {};
  }

  Connection* const connection_;
  Batch* const batch_;
  std::array<Plan, Batch::kFetchesMax> plan_;
  std::string output_;
  size_t sent_ = 0;  // of the output
  ReplyBuffer buffer_;
  resp::ReplyReader reader_;
  bool in_resp3_ = false;
};

}  // namespace

Result<void> ExchangeCommands(Connection* connection, Duration timeout, size_t max_reply_bytes,
                              Batch* batch) {
  CommandExchange exchange(connection, max_reply_bytes, batch);
  batch->Begin(timeout);
  return exchange.Run();
}

}  // namespace rp::redis
