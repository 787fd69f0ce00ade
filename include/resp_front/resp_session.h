// RespSession: the Redis protocol on one connection, for reading, as redis-server 7.0 speaks it.
//
// A command is looked up in the table of commands (commands.h) and admitted or refused
// (admission.h). Its function answers it, or makes requests of its keys (request_builder.h). Any
// other command is refused by name or, with -forward, sent to Redis, as are some that have a row.
// It is sent alone, when all commands before it are answered, and those after it wait for its
// answer, because commands on different connections to Redis can overtake each other. Between MULTI
// and EXEC every command is queued (transaction.h), and EXEC is forwarded with all of them.
//
//   phase     event                                             next phase
//   kServing  a command is run while the server stops           kEnding
//   kEnding   all commands that have arrived whole are run      the connection finishes
//
// Owner: its connection. Thread safety: the reactor's thread. Cost: O(bytes); a hit allocates
// nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/session.h"
#include "resp/request_reader.h"
#include "resp_front/client_state.h"
#include "resp_front/commands.h"
#include "resp_front/resp_options.h"

namespace rp::resp_front {

class RequestBuilder;

class RespSession final : public core::Session {
 public:
  // `options` outlives the session.
  RespSession(const RespOptions* options, const core::Client& client);

  size_t Consume(std::string_view bytes, core::Connection* connection) override;
  std::span<char> Room() override { return reader_.Room(kMaxRoomBytes); }
  void OnReceived(size_t bytes) override { reader_.Grow(bytes); }
  bool Midway() const override { return rest_ == Rest::kPartOfCommand; }
  Pace pace() const override { return Pace::kPerByte; }
  void OnReceiveTimeout(core::Connection* connection) override;
  void Refuse(core::Connection* connection, Reason why) override;
  size_t Write(const core::Request& request, bool close, const core::Turn& turn, char* out,
               core::Payload* payload) override;

 private:
  // What the last call of Consume left unused.
  enum class Rest : unsigned char { kNothing, kPartOfCommand, kCommands };
  enum class Phase : unsigned char {
    kServing,
    kEnding,  // a command was run while the server was stopping
  };

  // Returns whether the command goes to Redis, and therefore alone.
  [[nodiscard]] bool IsForwarded(const resp::Command& command, const CommandRow* row) const;
  // Returns whether the command is MULTI, EXEC or DISCARD, and these are available, or any command
  // in a transaction but RESET and QUIT.
  [[nodiscard]] bool IsOfTransaction(const resp::Command& command, const CommandRow* row) const;
  // Returns whether the command waits until the table of Redis's commands is loaded anew.
  [[nodiscard]] bool NeedsTable(const resp::Command& command, const CommandRow* row,
                                const core::Connection& connection);
  void Run(const resp::Command& command, const CommandRow* row, core::Connection* connection);
  // REQUIRES: IsOfTransaction.
  void Transact(const resp::Command& command, core::Connection* connection);

  const RespOptions* const options_;
  ClientState client_;
  resp::RequestReader reader_;
  Rest rest_ = Rest::kNothing;
  Phase phase_ = Phase::kServing;
  bool table_is_new_ = false;  // it was loaded anew for the next command, or that has failed
};

// Returns the factory of the sessions of one reactor's listener.
[[nodiscard]] core::SessionFactory RespSessions(const RespOptions& options);

}  // namespace rp::resp_front
