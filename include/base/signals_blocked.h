// Blocks all signals in the calling thread for as long as an object of this class lives. A thread
// that is started meanwhile inherits the mask for its whole life: signals stay the reactor's, and a
// write to a closed connection or pipe fails with EPIPE instead of ending the process.
//
// Owner: a scope, on the stack.
// Thread safety: each object belongs to one thread.
// Cost: two system calls.
#pragma once

#include <pthread.h>
#include <signal.h>

#include "base/check.h"

namespace rp {

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    RP_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
  }
  // Restores the mask from before.
  ~SignalsBlocked() { RP_CHECK(pthread_sigmask(SIG_SETMASK, &before_, nullptr) == 0); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace rp
