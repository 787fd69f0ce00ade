#include "redis/status_log.h"

#include <functional>
#include <optional>
#include <string_view>

#include "redis/reply.h"

namespace rp::redis {
namespace {

// Returns the end of a line, which says how many others were suppressed, or nothing if this line is
// to be suppressed.
std::optional<std::string> EndOfLine(LogLimiter* limiter) {
  uint64_t suppressed = 0;
  if (!limiter->Allow(Now(), &suppressed)) return std::nullopt;
  return suppressed == 0 ? "" : " (" + std::to_string(suppressed) + " similar lines suppressed)";
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
  // This line names the error, which need not be logged once more.
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
      return Log(LogLevel::kWarn, "redis: cannot connect to %s: %s; retrying%s", name, why,
                 end->c_str());
    case CircuitBreaker::Change::kLost:
      return Log(LogLevel::kWarn, "redis: lost the connection to %s: %s; retrying%s", name, why,
                 end->c_str());
    case CircuitBreaker::Change::kRefused:
      return Log(LogLevel::kError, "redis: %s%s", RefusalText(name_, error).c_str(), end->c_str());
  }
}

void StatusLog::OnTrouble(const Error& error, Renewed renewed) {
  // Both limiters count a line that either allows, so that it is not logged twice.
  auto end = EndOfLine(LimiterOf(error));
  if (renewed == Renewed::kYes) {
    const auto end_of_renewal = EndOfLine(&renewal_limiter_);
    if (!end) end = end_of_renewal;
  }
  if (!end) return;
  Log(LogLevel::kWarn, "redis: %s answers %s%s%s", name_.c_str(), error.message.c_str(),
      renewed == Renewed::kYes ? " (reconnecting: its name may lead to another server now)" : "",
      end->c_str());
}

void StatusLog::OnAttemptFailed(const Error& error) {
  Log(LogLevel::kDebug, "redis: an attempt to connect to %s failed: %s", name_.c_str(),
      error.message.c_str());
}

void StatusLog::OnOpened(size_t connections) {
  Log(LogLevel::kDebug, "redis: opened a connection to %s (%zu open)", name_.c_str(), connections);
}

void StatusLog::OnClosed(const Error& reason, size_t connections, size_t retried, size_t failed) {
  Log(LogLevel::kDebug,
      "redis: closed a connection to %s: %s (%zu open; %zu requests retried, %zu failed)",
      name_.c_str(), reason.message.empty() ? "refused credentials" : reason.message.c_str(),
      connections, retried, failed);
}

void StatusLog::OnQueueFull() {
  const auto end = EndOfLine(&trouble_limiters_[static_cast<size_t>(ErrorCode::kBusy)]);
  if (!end) return;
  Log(LogLevel::kWarn, "redis: too many requests wait for %s; new ones are refused%s",
      name_.c_str(), end->c_str());
}

}  // namespace rp::redis
