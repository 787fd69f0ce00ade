// RequestBuilder: makes commands into requests of a connection: answers that are ready, keys to be
// looked up, and commands for Redis. Hides the pipeline, groups, and what happens when there is no
// memory for a key or a command.
//
// With CLIENT REPLY OFF or SKIP, reads are skipped.
//
// Owner: RespSession, for one command. Thread safety: the reactor's thread. Cost: a request from
// the pool for each answer and key; a hit allocates nothing.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/connection.h"
#include "resp/request_reader.h"
#include "resp_front/answers.h"
#include "resp_front/client_state.h"
#include "resp_front/commands.h"
#include "resp_front/reply.h"
#include "resp_front/resp_options.h"

namespace rp::resp_front {

class RequestBuilder {
 public:
  // Everything borrowed outlives the builder.
  RequestBuilder(const RespOptions* options, const ClientState* client,
                 core::Connection* connection)
      : options_(options), client_(client), connection_(connection) {}

  // Adds an answer that is ready, unless the client wants none, and closes if the reply says so.
  void Answer(Reply reply);

  // Reads `key` through the cache.
  void Read(WriteAnswer* write, std::string_view key);
  // Reads the part of a key's value that GETRANGE's arguments name.
  void ReadRange(const resp::Command& command);

  // A fact that a command asks for. The cache knows a key's TTL (kLife) only without -max-age,
  // because only then its deadlines are those of Redis.
  enum class Fact : unsigned char { kType, kLife };
  // Answers from the cache if it knows the fact. Otherwise asks Redis, and does not cache the
  // answer.
  void ReadOrAsk(WriteAnswer* write, Fact fact, const resp::Command& command);
  // Sends a command that only reads to Redis.
  void Ask(const resp::Command& command);

  // Reads all keys of the command, and answers them together.
  void ReadGroup(core::Group::Keeps keeps, const resp::Command& command);

  // Sends the client's own command to Redis, and holds back the commands after it until it is
  // answered. `row` is its row, or null.
  void Forward(const resp::Command& command, const CommandRow* row);
  // Sends a transaction to Redis in the same way. REQUIRES: it has a command.
  void ForwardTransaction(std::vector<resp::OwnedCommand> commands);
  // Holds back all commands until the table of Redis's commands has been loaded anew, or the
  // attempt has failed. Adds no answer.
  void AwaitTable();
  // Adds the answer of a command that could not be forwarded.
  void Fail(const Error& error);

 private:
  // Adds a request that `write` answers. Returns null if there is none.
  core::Request* AddRequest(WriteAnswer* write);
  // Does the same, but returns null if the client wants no answer.
  core::Request* AddWanted(WriteAnswer* write) {
    return client_->is_silent() ? nullptr : AddRequest(write);
  }
  // Copy the key or the command into the request. Return false if there is no memory for it; then
  // the request is answered with that error.
  [[nodiscard]] bool SetKey(core::Request* request, std::string_view key);
  [[nodiscard]] bool SetCommand(core::Request* request, proxy::Question::Kind kind,
                                const resp::Command& command);
  void AnswerNoMemory(core::Request* request);
  void SendAlone(core::Request* request);
  void Send(core::Request* request, proxy::Question::Kind kind, const resp::Command& command);
  [[nodiscard]] size_t AppendHits(core::Group::Keeps keeps, const resp::Command& command,
                                  core::Request* request);

  const RespOptions* const options_;
  const ClientState* const client_;
  core::Connection* const connection_;
};

}  // namespace rp::resp_front
