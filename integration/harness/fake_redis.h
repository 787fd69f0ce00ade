// A Redis made of paper: it answers as the test tells it to, late, wrongly or not at all, and
// counts what it was asked. It reads commands as arrays of bulk strings only, as hiredis sends
// them, and trusts its client to send nothing else.
//
// Thread safety: the functions below may be called from any thread; the handler runs on the fake's
// own thread. Cost: one thread.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "integration/harness/support.h"

namespace rp::integration {

struct FakeReply {
  std::string bytes{};      // sent as they are; empty: never answer this nor the commands behind it
  Duration delay{0};        // from the arrival of the command; later replies wait behind this one
  bool then_close = false;  // close the connection after the bytes
};

// The RESP forms of a value and of an error.
std::string Bulk(std::string_view value);
std::string ErrorReply(std::string_view message);

class FakeRedis {
 public:
  using Command = std::vector<std::string>;
  // What to answer; nothing means what a Redis does that holds the value "value of K" for each key
  // K, none with a time to live, and says OK to every other command.
  using Handler = std::function<std::optional<FakeReply>(const Command&)>;

  explicit FakeRedis(Handler handler = {});
  ~FakeRedis();
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void SetHandler(Handler handler);
  // From now on every connection is closed as soon as it was accepted.
  void CloseAtOnce();

  [[nodiscard]] int accepted() const { return Locked(accepted_); }
  [[nodiscard]] int get_count() const { return Locked(get_count_); }
  // The most GETs that were ever received and unanswered at the same moment, over all connections.
  [[nodiscard]] int max_unanswered_gets() const { return Locked(max_unanswered_gets_); }

 private:
  struct Pending {
    FakeReply reply;
    TimePoint due;
    bool is_get;
  };
  struct Connection {
    UniqueFd fd;
    std::string input;
    std::deque<Pending> replies;
  };

  int Locked(const int& counter) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return counter;
  }
  void Run();
  void Accept();
  // Each returns false if the connection is to be closed.
  bool ReadCommands(Connection* connection);
  bool SendDueReplies(Connection* connection);
  void Enqueue(Connection* connection, const Command& command);
  // Closes the connection; what was not answered on it no longer will be.
  void Abandon(Connection* connection);
  [[nodiscard]] int PollTimeout() const;

  int port_ = 0;
  UniqueFd listener_;
  std::deque<Connection> connections_;  // only the fake's own thread looks at these

  mutable std::mutex mutex_;  // guards everything below
  Handler handler_;
  bool stop_ = false;
  bool close_at_once_ = false;
  int accepted_ = 0;
  int get_count_ = 0;
  int unanswered_gets_ = 0;
  int max_unanswered_gets_ = 0;

  std::thread thread_;
};

}  // namespace rp::integration
