// A TCP relay between the proxy and its Redis, for what a real network does and loopback does not:
// delay, connections that are open and dead at the same time, connections cut from outside. It
// hides the sockets and the thread that serves them.
//
// A frozen connection is neither read nor written nor closed: what either side sends waits in the
// kernel, and the end of one side does not reach the other.
//
// Owner: a test.
// Thread safety: the functions below may be called from any thread. Cost: one thread; delays are in
// whole milliseconds.
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "integration/harness/support.h"

namespace rp::integration {

class Relay {
 public:
  // Forwards to 127.0.0.1:target_port. Each piece of data waits for up to `most_delay`, but seldom
  // for so long; that is drawn anew for each, so that what travels on one connection overtakes what
  // travels on another.
  explicit Relay(int target_port, Duration most_delay = Duration::zero(), unsigned seed = 1);
  // The same for connections to `listener`, a socket that listens.
  Relay(UniqueFd listener, int target_port, Duration most_delay, unsigned seed);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] int port() const { return port_; }
  // Of a relay that has made its listener itself.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Where connections that come from now on lead; those that there are stay where they are.
  void TurnTo(int target_port) { target_port_ = target_port; }
  // All connections, and those that come while it lasts: the kernel accepts them.
  void Freeze() { Become(State::kFrozen); }
  // Only connections on which CLIENT TRACKING was asked for; the others go on.
  void FreezeSubscribers() { Become(State::kSubscribersFrozen); }
  // What Redis says on the other connections; what it is asked goes on.
  void HoldReplies() { Become(State::kRepliesHeld); }
  // The first of the other connections on which `text` is sent from now on, in one piece, is held
  // from then until Release() or Thaw(); IsHolding() tells. HoldRepliesTo holds what Redis says on
  // it, HoldRequest what it is asked, that piece included. New connections are open.
  void HoldRepliesTo(const std::string& text) { Hold(text, Held::kReplies); }
  void HoldRequest(const std::string& text) { Hold(text, Held::kRequests); }
  [[nodiscard]] bool IsHolding() const { return holding_; }
  void Release();
  void Thaw() {
    Release();
    Become(State::kOpen);
  }
  // Closes every connection that there is.
  void DropAll();
  // Only those on which CLIENT TRACKING was asked for.
  void DropSubscribers();

 private:
  enum class Held { kReplies, kRequests };
  enum class State { kOpen, kSubscribersFrozen, kRepliesHeld, kFrozen };
  struct Piece {
    std::string bytes;
    TimePoint due;
  };
  struct Direction {
    std::deque<Piece> pieces;
    bool ended = false;  // nothing more comes from the source
  };
  struct Pair {
    UniqueFd client;
    UniqueFd server;
    Direction to_server;
    Direction to_client;
    bool is_subscriber = false;
    unsigned hold = 0;  // the number of the hold, or 0
  };

  void Start();
  void Hold(const std::string& text, Held what);
  void Become(State state);
  void Wake() const;
  void Run();
  void Accept();
  // Closes what it was told to.
  void Drop();
  void LookAtRequest(Pair* pair, const std::string& bytes);
  [[nodiscard]] bool Frozen(const Pair& pair, const Direction& direction) const;
  // Each returns false if the pair is to be closed.
  bool Serve(Pair* pair, short client_events, short server_events);
  bool Receive(Pair* pair, const UniqueFd& source, Direction* direction);
  bool SendDue(Direction* direction, const UniqueFd& target);
  [[nodiscard]] int PollTimeout() const;

  std::atomic<int> target_port_;
  const Duration most_delay_;
  int port_ = 0;
  UniqueFd listener_;
  UniqueFd wake_;
  std::atomic<State> state_ = State::kOpen;
  std::atomic<bool> drop_ = false;
  std::atomic<bool> drop_subscribers_ = false;
  std::atomic<bool> holding_ = false;
  std::atomic<unsigned> hold_ = 1;  // the number of the next hold, or of the present one
  std::atomic<Held> held_ = Held::kReplies;
  std::mutex text_mutex_;
  std::string held_text_;  // empty where there is none to wait for
  std::atomic<bool> stop_ = false;
  // Of the thread alone.
  std::mt19937 random_;
  std::list<Pair> pairs_;

  std::thread thread_;
};

}  // namespace rp::integration
