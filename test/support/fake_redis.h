// A scripted Redis in this process, on a free port of 127.0.0.1 or on a Unix socket: answers from a
// table unless a script says otherwise, and can be late, drip, lie, hang, close and go away.
// Records every command.
//
// Thread safety: any thread, but the script runs on the server's own thread and must not call back.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"

namespace rp::redis {

class FakeRedis {
 public:
  enum class Transport { kTcp, kUnix };

  struct Command {
    int connection;  // counted from 1 in the order of acceptance
    std::vector<std::string> arguments;

    [[nodiscard]] const std::string& name() const { return arguments.front(); }
    [[nodiscard]] std::string key() const { return arguments.size() > 1 ? arguments[1] : ""; }
  };

  struct Answer {
    std::string bytes{};  // none: no reply
    Duration delay{};     // before the first byte
    Duration drip{};      // before each further byte; 0 sends all at once
    bool held = false;    // until Release
    bool close = false;   // the connection, after the bytes
  };

  // Empty: answer from the table.
  using Script = std::function<std::optional<Answer>(const Command&)>;

  explicit FakeRedis(Script script = {}, Transport transport = Transport::kTcp);
  ~FakeRedis();

  [[nodiscard]] std::string address() const;

  static std::string Bulk(std::string_view value);

  void Set(const std::string& key, const std::string& value, int64_t ttl_ms = -1);
  // From now on each key K that was not Set holds `prefix` + K, without a time to live.
  void SetAllOthers(std::string prefix);
  void SetScript(Script script);
  void Release();  // all replies held so far
  void Freeze();   // like SIGSTOP: the kernel goes on accepting connections and bytes
  void Thaw();
  void CloseConnections();
  void GoDown();                  // closes all and refuses connections
  void ComeUp();                  // at the same address
  void CloseEachAtOnce(bool on);  // close every connection as soon as it is accepted

  [[nodiscard]] std::vector<Command> commands();
  [[nodiscard]] size_t Count(std::string_view name);
  [[nodiscard]] std::vector<std::string> Keys(std::string_view name);  // first arguments, in order
  [[nodiscard]] int connections_accepted();
  [[nodiscard]] int connections_open();
  [[nodiscard]] int unanswered_gets_max();

 private:
  struct Outgoing {
    Answer answer;
    size_t sent = 0;
    TimePoint due;
    bool is_get = false;
  };
  struct Client {
    UniqueFd fd;
    int number = 0;
    std::string input;
    std::deque<Outgoing> output;
  };

  void Listen();
  void Serve();
  void Accept();
  bool Read(Client* client);
  bool Pump(Client* client, TimePoint now);
  void Handle(Client* client, std::vector<std::string> arguments);
  Answer FromTable(const Command& command) const;
  void Forget(size_t index);
  void Run(std::function<void()> task);
  template <typename T>
  T Ask(std::function<T()> question);

  const Transport transport_;
  std::string directory_;  // of the Unix socket
  uint16_t port_ = 0;
  const UniqueFd wake_;

  // The server's thread runs these one after another, so that it alone touches what follows.
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;

  Script script_;
  UniqueFd listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<std::string, std::pair<std::string, int64_t>> table_;
  std::optional<std::string> prefix_of_others_;
  std::vector<Command> commands_;
  bool frozen_ = false;
  bool quit_ = false;
  bool close_each_ = false;
  int accepted_ = 0;
  int unanswered_gets_ = 0;
  int unanswered_gets_max_ = 0;

  std::thread thread_;
};

}  // namespace rp::redis
