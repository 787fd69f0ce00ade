// The signals that stop the server: SIGTERM, SIGINT and SIGQUIT. All others are logged and have no
// meaning.
//
//   serving --first signal--> draining --second signal--> the process ends at once, status 1
//                                 |
//                                 +-- all is finished --> EndSoon: status 0
//
// Owner: the server. Thread safety: the loop's thread. Cost: none but for signals.
#pragma once

#include <functional>

#include "net/event_loop.h"

namespace rp::server {

class StopSignals {
 public:
  // Calls `stop` in the loop's thread at the first signal. REQUIRES: the signals of
  // net::Signals::Mask are blocked in every thread.
  StopSignals(net::EventLoop* loop, std::function<void()> stop);

  // Nobody reads the loop's signals any more: from now on one that stops ends the process at once,
  // with status 1.
  static void EndAtOnceFromNowOn();
  // Ends the process with status 0 after some seconds, if threads that cannot be interrupted have
  // not ended by then.
  static void EndSoon();

 private:
  void OnSignal(int signal);

  const std::function<void()> stop_;
  bool stopping_ = false;
  net::Signals signals_;
};

}  // namespace rp::server
