#include "server/stop_signals.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "base/log.h"

namespace rp::server {
namespace {

constexpr std::array<int, 3> kStopSignals = {SIGTERM, SIGINT, SIGQUIT};

// How long threads may take to end after everything in flight is finished.
constexpr unsigned kMaxSecondsToJoin = 2;

// Also called by signal handlers.
[[noreturn]] void EndAtOnce(int status) {
  FlushLog();
  _exit(status);
}

// Returns "SIGHUP" and so on, or the number of a real-time signal.
std::string NameOfSignal(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

void HandleFromNowOn(int signal, void (*handler)(int)) {
  std::signal(signal, handler);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
}

}  // namespace

StopSignals::StopSignals(net::EventLoop* loop, std::function<void()> stop)
    : stop_(std::move(stop)), signals_(loop, [this](int signal) { OnSignal(signal); }) {}

void StopSignals::EndAtOnceFromNowOn() {
  for (const int signal : kStopSignals) HandleFromNowOn(signal, [](int) { EndAtOnce(1); });
}

void StopSignals::EndSoon() {
  HandleFromNowOn(SIGALRM, [](int) { EndAtOnce(0); });
  alarm(kMaxSecondsToJoin);
}

void StopSignals::OnSignal(int signal) {
  const std::string name = NameOfSignal(signal);
  if (std::find(kStopSignals.begin(), kStopSignals.end(), signal) == kStopSignals.end()) {
    return Log(LogLevel::kInfo, "%s: ignored", name.c_str());
  }
  if (stopping_) {
    Log(LogLevel::kWarn, "%s again: stopping at once", name.c_str());
    EndAtOnce(1);
  }
  stopping_ = true;
  Log(LogLevel::kInfo, "%s: finishing requests in flight, then stopping", name.c_str());
  stop_();
}

}  // namespace rp::server
