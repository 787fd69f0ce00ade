// Runs commands as a session does, without a connection: the bytes of a command, the client's state
// and the facts of a server in, the bytes of the reply out.
//
// Owner: the test. Thread safety: the test's thread. Cost: none to speak of.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "resp_front/admission.h"
#include "test/resp/request_table.h"

namespace rp::resp_front {

// Facts of which each is another number.
inline ServerFacts SomeFacts() {
  ServerFacts facts{.cache = {},
                    .clients = 3,
                    .max_clients = 10,
                    .connections_received = 5,
                    .uptime = std::chrono::milliseconds(2999),
                    .resident_bytes = 4096,
                    .process_id = 99};
  facts.cache.hits = 11;
  return facts;
}

class FixedServer final : public ServerView {
 public:
  [[nodiscard]] ServerFacts Facts() const override { return facts; }
  [[nodiscard]] std::string RedisVersion() const override { return "7.2.14"; }

  ServerFacts facts;
};

class CommandRunner {
 public:
  CommandRunner() {
    options.server = &server;
    client.connected.number = 7;
    client.authenticated = true;
  }

  // A password is asked for.
  void RequirePassword(const std::string& credentials) {
    options.credentials = *Credentials::Parse(credentials);
    client.authenticated = false;
  }

  // Returns what the client is sent. REQUIRES: the command reads no key.
  std::string Run(const std::vector<std::string>& arguments) {
    client.BeginCommand();
    const Reply reply = ReplyTo(arguments);
    then = reply.then;
    if (client.is_silent()) return {};
    return reply.bytes.empty() ? std::string(reply.constant) : reply.bytes;
  }

  // Returns what becomes of the command.
  Verdict VerdictOn(const std::vector<std::string>& arguments) {
    return Admitted(Parsed(arguments).command).verdict;
  }

  FixedServer server;
  RespOptions options;
  ClientState client;
  Reply::Then then = Reply::Then::kGoOn;  // of the last command

 private:
  struct Parsed {
    explicit Parsed(const std::vector<std::string>& arguments) : bytes(resp::Array(arguments)) {
      EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
    }

    const std::string bytes;
    resp::RequestReader reader{resp::kDefaultLimits};
    resp::Command command;  // of the bytes
  };

  Admission Admitted(const resp::Command& command) {
    return Admit(command, FindCommand(command[0]), client, options.forward);
  }

  Reply ReplyTo(const std::vector<std::string>& arguments) {
    const Parsed parsed(arguments);
    const Admission admission = Admitted(parsed.command);
    if (admission.verdict != Verdict::kRun) return Refusal(admission, parsed.command);
    return admission.row->answer({*admission.row, parsed.command, options, &client});
  }
};

}  // namespace rp::resp_front
