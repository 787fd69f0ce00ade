// RespSession: the Redis protocol on one connection, for reading. Hides which commands there are
// and how their replies are framed in RESP2 and RESP3, as redis-server 7.0 does.
//
// A command that reads one key becomes a request. MGET and EXISTS take what is easily found in the
// cache at once and make a request of each other key; these are a group, so that they make one
// reply. What the cache does not know of a key is asked of Redis.
// The connection's own affairs are answered here. Any other command is refused by name, or with
// -forward let through to Redis: alone, so that it comes after what the client sent before it and
// before what the client sends behind it, whatever connections they take.
//
// Owned by its connection. Thread safety: the reactor's thread.
#pragma once

#include <string>

#include "core/connection.h"
#include "core/credentials.h"
#include "core/session.h"
#include "resp/command_names.h"
#include "resp/request_reader.h"

namespace rp::resp_front {

// What there is to tell about the server as a whole.
struct ServerFacts {
  cache::CacheStats cache;
  size_t clients = 0;
  size_t max_clients = 0;
  uint64_t connections_received = 0;
  Duration uptime{};
};

// Who knows that. Thread safety: the reactors' threads, all at once.
class ServerView {
 public:
  virtual ~ServerView() = default;
  [[nodiscard]] virtual ServerFacts Facts() const = 0;
  // Returns how many keys the cache has.
  [[nodiscard]] virtual uint64_t CacheSize() const = 0;
};

// What all sessions of a listener have in common.
struct RespOptions {
  const ServerView* server = nullptr;
  std::string_view version;  // of the program, for INFO; constant
  core::Credentials credentials;
  bool forward = false;     // other commands are let through to Redis
  bool knows_ttl = true;    // a deadline of the cache is the key's own: -max-age is off
  Duration idle_timeout{};  // what CONFIG GET says
  resp::RequestLimits limits;
};

class RespSession final : public core::Session {
 public:
  // The most keys of one command.
  static constexpr size_t kMaxKeys = core::Pipeline::kMaxGroupSize - 1;

  // `options` outlives the session.
  RespSession(const RespOptions* options, const core::Client& client);

  size_t Consume(std::string_view bytes, core::Connection* connection) override;
  bool Midway() const override { return midway_; }
  Pace pace() const override { return Pace::kPerByte; }
  void OnReceiveTimeout(core::Connection* connection) override;
  void Refuse(core::Connection* connection, Reason why) override;
  size_t Write(const core::Request& request, bool close, const core::Turn& turn, char* out,
               core::Payload* payload) override;

 private:
  // What is made of a request's answer.
  enum class Form : uint8_t {
    kReply,      // ready in the request
    kForwarded,  // Redis's, as it came
    kSilent,     // nothing
    kGet,
    kStrlen,
    kRange,
    kTtl,
    kPttl,
    kType,
    kMget,
    kMgetRest,  // one of a group, but the first, which has no key
    kExists,
    kExistsRest,
  };

  // What is noted with each request for its answer.
  struct Framing {
    Form form = Form::kReply;
    uint8_t version = 2;      // of the protocol, when the command came
    std::string_view text;    // of kReply, where the request has no reply of its own; constant
    int64_t range_start = 0;  // of kRange
    int64_t range_end = 0;
    uint32_t found = 0;  // of kExists: keys that exist, of those without a request
  };
  [[nodiscard]] static const Framing& FramingOf(const core::Request& request) {
    return *request.data.Get<Framing>();
  }

  // Whether the command is none of this endpoint's own and must be alone on its way to Redis.
  [[nodiscard]] bool IsForwarded(const resp::Command& command) const;
  void Run(const resp::Command& command);
  void RunAdmitted(resp::CommandName name, const resp::Command& command);

  // Reading, in resp_session.cc.
  core::Request* AddRequest(Form form);
  void Read(Form form, std::string_view key);
  void ReadRange(const resp::Command& command);
  void ReadOrAsk(Form form, const resp::Command& command);
  // Copies the key or the command into the request; false if there is no memory for it: that is
  // answered.
  [[nodiscard]] bool SetKey(core::Request* request, std::string_view key);
  [[nodiscard]] bool SetCommand(core::Request* request, const resp::Command& command);
  void AnswerNoMemory(core::Request* request);
  void Ask(core::Request* request, proxy::Question::Kind kind, const resp::Command& command);
  void Forward(const resp::Command& command);
  [[nodiscard]] size_t AppendHits(const resp::Command& command, core::Request* first);
  void ReadGroup(Form first, Form rest, const resp::Command& command);

  // Writing, in resp_answers.cc.
  size_t WriteValue(std::string_view value, char* out, core::Payload* payload) const;
  size_t WriteElement(const core::Request& request, char* out, core::Payload* payload) const;

  // The others, in resp_commands.cc.
  // Whether the subcommand, if any, exists and has its arguments; if not, that is answered.
  [[nodiscard]] bool AdmitsSubcommand(const resp::CommandInfo& info, const resp::Command& command);
  void Auth(const resp::Command& command);
  void Hello(const resp::Command& command);
  void Select(const resp::Command& command);
  void Client(const resp::Command& command);
  void ClientReply(std::string_view mode);
  void ClientSetInfo(const resp::Command& command);
  void CommandTable(const resp::Command& command);
  void Info(const resp::Command& command);
  void Config(const resp::Command& command);
  void Reset();
  void Quit();
  [[nodiscard]] std::string ClientLine() const;
  void SetAuthenticated(bool authenticated);

  // Answers the command that is being run, unless the client wants no answer. The first is for
  // constants.
  void Reply(std::string_view constant);
  void ReplyBytes(std::string reply);
  void ReplyError(std::string_view text);  // "ERR " goes before it
  void ReplyVerbatim(std::string_view text);

  const RespOptions* const options_;
  const core::Client client_;
  resp::RequestReader reader_;
  core::Connection* connection_ = nullptr;  // while Consume runs
  int version_ = 2;
  bool authenticated_ = false;
  bool midway_ = false;
  bool drains_ = false;                  // a command was run while the server was stopping
  bool replies_off_ = false;             // CLIENT REPLY OFF
  bool skips_next_ = false;              // CLIENT REPLY SKIP
  bool silent_ = false;                  // this command is not answered
  bool has_input_left_ = false;          // behind what Consume took
  bool in_refused_transaction_ = false;  // since MULTI, up to EXEC or DISCARD
  bool knows_refusal_ = false;           // what Consume has was sent when MULTI was answered
  std::string user_{core::Credentials::kDefaultUser};
  std::string name_;  // CLIENT SETNAME
  std::string library_name_;
  std::string library_version_;
};

// Returns what makes the sessions of one reactor's listener.
[[nodiscard]] core::SessionFactory RespSessions(const RespOptions& options);

}  // namespace rp::resp_front
