// RespSession: the Redis protocol on one connection, for reading, as redis-server 7.0 speaks it.
//
// A command is looked up in the table of commands (commands.h) and admitted or refused
// (admission.h). Its function answers it, or makes requests of its keys (request_builder.h). Any
// other command is refused by name or, with -forward, sent to Redis, as are some that have a row.
// It is sent alone, when all commands before it are answered, and those after it wait for its
// answer, because commands on different connections to Redis can overtake each other.
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
struct Admission;

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
  void Run(const resp::Command& command, const CommandRow* row, core::Connection* connection);
  void Forward(const resp::Command& command, const Admission& admission, RequestBuilder* requests);

  const RespOptions* const options_;
  ClientState client_;
  resp::RequestReader reader_;
  Rest rest_ = Rest::kNothing;
  Phase phase_ = Phase::kServing;
};

// Returns the factory of the sessions of one reactor's listener.
[[nodiscard]] core::SessionFactory RespSessions(const RespOptions& options);

}  // namespace rp::resp_front
