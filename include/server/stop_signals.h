// StopSignals: stops the server on SIGTERM, SIGINT and SIGQUIT. Logs all other signals and ignores
// them.
//
//   serving --first signal--> draining --second signal--> the process ends at once, status 1
//                                 |
//                                 +-- all is finished --> EndSoon: status 0
//
// Owner: the server. Thread safety: the loop's thread. Cost: none without signals.
#pragma once

#include <functional>

#include "net/event_loop.h"

namespace rp::server {

class StopSignals {
 public:
  // Calls `stop` in the loop's thread at the first signal. REQUIRES: the signals of
  // net::Signals::Mask are blocked in every thread.
  StopSignals(net::EventLoop* loop, std::function<void()> stop);

  // Makes each of these signals end the process at once, with status 1. For use after the loop has
  // ended, when nothing reads its signals.
  static void EndAtOnceFromNowOn();
  // Makes the process end with status 0 after some seconds, because some threads cannot be
  // interrupted.
  static void EndSoon();

 private:
  void OnSignal(int signal);

  const std::function<void()> stop_;
  bool stopping_ = false;
  net::Signals signals_;
};

}  // namespace rp::server
