// All that can break between the proxy and its Redis, and that is made to break at random.
//
// Owner: the checker.
// Thread safety: none; the main thread's.
// Cost: a round of all events takes about half a minute with -max-stale 300ms.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "integration/checker/world.h"

namespace rp::integration {

class Events {
 public:
  // Everything, or what `options` name.
  Events(World* world, const StaleCheckOptions& options);

  // The names that options may give.
  static std::vector<std::string> Names();

  // Breaks one thing upon the other until `until`, or until `enough`.
  void Run(TimePoint until, const std::function<bool()>& enough);

  // How often each has happened.
  [[nodiscard]] const std::map<std::string, int>& counts() const { return counts_; }
  // What could not happen on this machine, and why; empty if all could.
  [[nodiscard]] const std::string& left_out() const { return left_out_; }
  // How often a request that came after a loss hung with a fetch from before it.
  [[nodiscard]] int hung() const { return hung_; }
  // How often a read of its own went backwards.
  [[nodiscard]] uint64_t backwards() const { return backwards_; }

 private:
  using Random = std::mt19937;
  struct Event {
    const char* name;
    void (Events::*happen)();
  };
  enum class Clients { kTracking, kData };
  enum class Answered { kYes, kNo, kUnknown };

  static const std::vector<Event>& All();

  void KillSubscriber();
  void KillDataConnections();
  void CutAll();
  void HalfOpenAll();
  void HalfOpenSubscriber();
  void StopRedis();
  void RestartRedis();
  void RestartUnseen();
  void Flush();
  void DemoteAndPromote();
  void FailOver();
  void FailOverBehindAddress();
  void CutReplicasLink();
  void MoveNewConnections();
  void RepointName();
  void HangAcrossLoss();
  void AnswerLate();

  // Uniform from `from` to `to` times -max-stale.
  [[nodiscard]] Duration Draw(double from, double to);
  void Wait(double from, double to);
  // Shorter than the lease and longer; and so much longer that what is cached without a lease
  // grows too old.
  void Hold() { Wait(0.5, 3); }
  void HoldLong() { Wait(2, 6); }
  [[nodiscard]] bool TossCoin() { return random_() % 2 == 0; }
  void Kill(RedisServer* server, Clients clients);
  void Restart();
  // The old master lives on without a writer; waits until its time is over, and ends it.
  void OutliveMove(TimePoint moved);
  [[nodiscard]] Answered AskAcrossLoss();
  // The name of a key of its own that was never used.
  [[nodiscard]] std::string NewKey();

  World* const world_;
  const Duration max_stale_;
  Random random_;
  std::vector<Event> chosen_;
  std::map<std::string, int> counts_;
  std::string left_out_;
  int hung_ = 0;
  uint64_t backwards_ = 0;
  int own_keys_ = 0;  // so many names were taken for keys of its own
};

}  // namespace rp::integration
