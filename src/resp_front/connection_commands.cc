// The commands about the client's connection.
#include <algorithm>
#include <limits>
#include <string>

#include "base/ascii.h"
#include "base/memory.h"
#include "resp/error_texts.h"
#include "resp/grammar.h"
#include "resp/writer.h"
#include "resp_front/command_functions.h"

namespace rp::resp_front {
namespace {

constexpr std::string_view kWrongPass =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
constexpr std::string_view kNoPassword =
    "AUTH <password> called without any password configured for the default user. Are you sure "
    "your configuration is correct?";
constexpr std::string_view kHelloNoAuth =
    "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
    "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time\r\n";
constexpr std::string_view kNoVersion = "Protocol version is not an integer or out of range";
constexpr std::string_view kNoProto = "-NOPROTO unsupported protocol version\r\n";
constexpr std::string_view kBadName =
    "Client names cannot contain spaces, newlines or special characters.";

// Maximum bytes kept of a client's name for itself.
constexpr size_t kMaxNameBytes = 32 * 1024;

bool IsVisible(std::string_view text) {
  return text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// Carries out the options of HELLO, up to one that fails: then `*error` is the reply.
[[nodiscard]] bool TakeHelloOptions(const Call& call, Reply* error) {
  const resp::Command& arguments = call.arguments;
  const Credentials& credentials = call.options.credentials;
  for (size_t i = 2; i < arguments.size(); ++i) {
    const size_t more = arguments.size() - i - 1;
    if (EqualsIgnoreCase(arguments[i], "auth") && more >= 2) {
      const bool matches = credentials.required()
                               ? credentials.Match(arguments[i + 1], arguments[i + 2])
                               : arguments[i + 1] == Credentials::kDefaultUser;
      if (!matches) {
        *error = Constant(kWrongPass);
        return false;
      }
      call.client->user = arguments[i + 1];
      call.client->authenticated = true;
      i += 2;
    } else if (EqualsIgnoreCase(arguments[i], "setname") && more >= 1) {
      if (!IsVisible(arguments[i + 1])) {
        *error = ErrorReply(kBadName);
        return false;
      }
      call.client->name = std::string(arguments[++i]);
    } else {
      *error = ErrorReply("Syntax error in HELLO option '" +
                          std::string(resp::UpToNul(arguments[i]).substr(0, kMaxNameBytes)) + "'");
      return false;
    }
  }
  return true;
}

}  // namespace

Reply PingCommand(const Call& call) {
  if (call.arguments.size() > 2) return ErrorReply(resp::WrongArityText("ping"));
  return call.arguments.size() == 1 ? Constant("+PONG\r\n") : EchoCommand(call);
}

Reply EchoCommand(const Call& call) {
  if (call.arguments.large() != nullptr) return Large(call.arguments.large()->Bulk(1));
  std::string bytes;
  const bool has_memory =
      TryAllocate([&] { resp::Writer(call.client->version, &bytes).Bulk(call.arguments[1]); });
  return has_memory ? Bytes(std::move(bytes)) : Constant(kOutOfMemory);
}

Reply HelloCommand(const Call& call) {
  int64_t version = call.client->version;
  if (call.arguments.size() > 1) {
    if (!resp::ParseCanonicalInteger(call.arguments[1], &version)) return ErrorReply(kNoVersion);
    if (version < 2 || version > 3) return Constant(kNoProto);
  }
  Reply error;
  if (!TakeHelloOptions(call, &error)) return error;
  if (!call.client->authenticated) return Constant(kHelloNoAuth);
  call.client->version = static_cast<int>(version);
  std::string bytes;
  resp::Writer writer(call.client->version, &bytes);
  writer.MapHeader(7);
  writer.Bulk("server");
  writer.Bulk("redis");
  writer.Bulk("version");
  writer.Bulk(call.options.server->RedisVersion());
  writer.Bulk("proto");
  writer.Integer(version);
  writer.Bulk("id");
  writer.Integer(static_cast<int64_t>(call.client->connected.number));
  writer.Bulk("mode");
  writer.Bulk("standalone");
  writer.Bulk("role");
  writer.Bulk("master");
  writer.Bulk("modules");
  writer.ArrayHeader(0);
  return Bytes(std::move(bytes));
}

Reply AuthCommand(const Call& call) {
  if (call.arguments.size() > 3) return ErrorReply(kSyntax);
  const bool has_user = call.arguments.size() == 3;
  const std::string_view user = has_user ? call.arguments[1] : Credentials::kDefaultUser;
  const Credentials& credentials = call.options.credentials;
  if (!credentials.required()) {
    if (!has_user) return ErrorReply(kNoPassword);
    return Constant(user == Credentials::kDefaultUser ? kOk : kWrongPass);
  }
  if (!credentials.Match(user, call.arguments[call.arguments.size() - 1])) {
    return Constant(kWrongPass);
  }
  call.client->user = user;
  call.client->authenticated = true;
  return Constant(kOk);
}

Reply SelectCommand(const Call& call) {
  int64_t database = 0;
  if (!resp::ParseCanonicalInteger(call.arguments[1], &database)) return ErrorReply(kNotAnInteger);
  if (database < std::numeric_limits<int>::min() || database > std::numeric_limits<int>::max()) {
    return ErrorReply("value is out of range, value must between -2147483648 and 2147483647");
  }
  if (database < 0) return ErrorReply("DB index is out of range");
  if (database != 0) return ErrorReply("DB index is out of range: only database 0 is available");
  return Constant(kOk);
}

// The names of the library stay, as in Redis.
Reply ResetCommand(const Call& call) {
  ClientState* const client = call.client;
  // After CLIENT REPLY OFF this is answered, but CLIENT REPLY SKIP holds for it.
  if (client->reply_mode == ReplyMode::kOff) client->reply_mode = ReplyMode::kOn;
  client->transaction.Reset();
  client->version = 2;
  client->name = std::string();
  client->user = Credentials::kDefaultUser;
  client->authenticated = !call.options.credentials.required();
  return Constant("+RESET\r\n");
}

Reply QuitCommand(const Call&) {
  return {.constant = kOk, .bytes = {}, .then = Reply::Then::kClose};
}

// Nothing is ever watched, since WATCH is refused.
Reply UnwatchCommand(const Call&) { return Constant(kOk); }

Reply ClientGetnameCommand(const Call& call) {
  std::string bytes;
  resp::Writer writer(call.client->version, &bytes);
  call.client->name.empty() ? writer.Null() : writer.Bulk(call.client->name);
  return Bytes(std::move(bytes));
}

Reply ClientIdCommand(const Call& call) {
  std::string bytes;
  resp::Writer(call.client->version, &bytes)
      .Integer(static_cast<int64_t>(call.client->connected.number));
  return Bytes(std::move(bytes));
}

// With every field of redis-server 7.0's, since clients look for them; 0 where there is nothing to
// count here. The query buffer holds this command, whose form as an array has 26 bytes.
Reply ClientInfoCommand(const Call& call) {
  const ClientState& client = *call.client;
  const std::string line =
      "id=" + std::to_string(client.connected.number) + " addr=" + client.connected.Address() +
      " laddr=" + client.connected.LocalAddress() + " fd=" + std::to_string(client.connected.fd) +
      " name=" + client.name +
      " age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=0 argv-mem=0"
      " multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=" +
      client.user + " redir=-1 resp=" + std::to_string(client.version) +
      " lib-name=" + client.library_name + " lib-ver=" + client.library_version + "\n";
  std::string bytes;
  resp::Writer(client.version, &bytes).Verbatim("txt", line);
  return Bytes(std::move(bytes));
}

// NO-EVICT and NO-TOUCH: what they switch, the cache's eviction by use, is not a client's business
// here.
Reply ClientOnOffCommand(const Call& call) {
  const std::string_view word = call.arguments[2];
  if (!EqualsIgnoreCase(word, "on") && !EqualsIgnoreCase(word, "off")) return ErrorReply(kSyntax);
  return Constant(kOk);
}

// OFF and SKIP are not answered themselves: the mode sees to that.
Reply ClientReplyCommand(const Call& call) {
  const std::string_view word = call.arguments[2];
  ReplyMode* const mode = &call.client->reply_mode;
  if (EqualsIgnoreCase(word, "on")) {
    *mode = ReplyMode::kOn;
  } else if (EqualsIgnoreCase(word, "off")) {
    *mode = ReplyMode::kOff;
  } else if (EqualsIgnoreCase(word, "skip")) {
    if (*mode != ReplyMode::kOff) *mode = ReplyMode::kSkipNext;
  } else {
    return ErrorReply(kSyntax);
  }
  return Constant(kOk);
}

Reply ClientSetinfoCommand(const Call& call) {
  const std::string_view option = call.arguments[2];
  const bool is_name = EqualsIgnoreCase(option, "lib-name");
  if (!is_name && !EqualsIgnoreCase(option, "lib-ver")) {
    return ErrorReply("Unrecognized option '" + std::string(option.substr(0, 128)) + "'");
  }
  if (!IsVisible(call.arguments[3])) {
    return ErrorReply(std::string(is_name ? "lib-name" : "lib-ver") +
                      " cannot contain spaces, newlines or special characters.");
  }
  (is_name ? call.client->library_name : call.client->library_version) =
      std::string(call.arguments[3]);
  return Constant(kOk);
}

Reply ClientSetnameCommand(const Call& call) {
  if (!IsVisible(call.arguments[2])) return ErrorReply(kBadName);
  call.client->name = std::string(call.arguments[2]);
  return Constant(kOk);
}

}  // namespace rp::resp_front
