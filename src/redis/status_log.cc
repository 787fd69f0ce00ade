#include "redis/status_log.h"

#include <functional>
#include <optional>
#include <string_view>

namespace rp::redis {
namespace {

// The end of a line, which says how many more there would have been; nothing where this one is not
// to be said.
std::optional<std::string> EndOfLine(LogLimiter* limiter) {
  uint64_t suppressed = 0;
  if (!limiter->Allow(Now(), &suppressed)) return std::nullopt;
  return suppressed == 0 ? "" : " (" + std::to_string(suppressed) + " more like it)";
}

}  // namespace

StatusLog::TroubleLimiter* StatusLog::LimiterOf(const Error& error) {
  if (error.code != ErrorCode::kUpstream) {
    return &trouble_limiters_[static_cast<size_t>(error.code)];
  }
  const std::string_view text = error.message;
  const size_t hash = std::hash<std::string_view>()(text.substr(0, text.find(' ')));
  return &upstream_limiters_[hash % kUpstreamKinds];
}

void StatusLog::OnChange(CircuitBreaker::Change change, const Error& error, Duration outage) {
  if (change == CircuitBreaker::Change::kNone) return;
  const auto end = EndOfLine(&change_limiters_[static_cast<size_t>(change)]);
  if (!end) return;
  // Trouble of the kind that this line names need not follow it.
  if (change == CircuitBreaker::Change::kUnreachable || change == CircuitBreaker::Change::kLost) {
    static_cast<void>(EndOfLine(LimiterOf(error)));
  }
  const char* const name = name_.c_str();
  const char* const why = error.message.c_str();
  switch (change) {
    case CircuitBreaker::Change::kNone:
      return;
    case CircuitBreaker::Change::kConnected:
      return Log(LogLevel::kInfo, "redis: connected to %s%s", name, end->c_str());
    case CircuitBreaker::Change::kReconnected:
      return Log(LogLevel::kInfo, "redis: %s is back after %.1fs%s", name,
                 std::chrono::duration<double>(outage).count(), end->c_str());
    case CircuitBreaker::Change::kUnreachable:
      return Log(LogLevel::kWarn, "redis: cannot connect to %s: %s; trying on%s", name, why,
                 end->c_str());
    case CircuitBreaker::Change::kLost:
      return Log(LogLevel::kWarn, "redis: %s lost: %s%s", name, why, end->c_str());
    case CircuitBreaker::Change::kRefused:
      return Log(LogLevel::kError, "redis: %s refuses this proxy: %s%s", name, why, end->c_str());
  }
}

void StatusLog::OnTrouble(const Error& error, Renewed renewed) {
  // Both limiters count a line that is due by either, so that it is not said twice.
  auto end = EndOfLine(LimiterOf(error));
  if (renewed == Renewed::kYes) {
    const auto end_of_renewal = EndOfLine(&renewal_limiter_);
    if (!end) end = end_of_renewal;
  }
  if (!end) return;
  Log(LogLevel::kWarn, "redis: %s answers %s%s%s", name_.c_str(), error.message.c_str(),
      renewed == Renewed::kYes ? " (connecting anew, in case another server has its name)" : "",
      end->c_str());
}

void StatusLog::OnAttemptFailed(const Error& error) {
  Log(LogLevel::kDebug, "redis: an attempt to connect to %s failed: %s", name_.c_str(),
      error.message.c_str());
}

void StatusLog::OnOpened(size_t connections) {
  Log(LogLevel::kDebug, "redis: opened a connection to %s; there are %zu", name_.c_str(),
      connections);
}

void StatusLog::OnClosed(const Error& reason, size_t connections, size_t retried, size_t failed) {
  Log(LogLevel::kDebug,
      "redis: closed a connection to %s: %s; there are %zu; %zu requests are tried again, %zu fail",
      name_.c_str(), reason.message.empty() ? "refused credentials" : reason.message.c_str(),
      connections, retried, failed);
}

void StatusLog::OnQueueFull() {
  const auto end = EndOfLine(&trouble_limiters_[static_cast<size_t>(ErrorCode::kBusy)]);
  if (!end) return;
  Log(LogLevel::kWarn, "redis: more requests wait for %s than there is room for%s", name_.c_str(),
      end->c_str());
}

}  // namespace rp::redis
