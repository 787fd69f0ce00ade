// Forwarder: sends commands to Redis over the fetchers' connections and hands their replies back
// unchanged.
//
// A command that the proxy itself has chosen for a client (Question::reads_only) is sent without a
// check. A client's own command must be in the table of commands that Redis has given (COMMAND),
// and must not block or change a connection that all clients share. Before its reply is delivered,
// the keys that it may have written are removed from the cache, so that a client reads its own
// writes. That holds for failures too, if the command may have been carried out. If the keys are
// not known, the whole cache is flushed.
//
// There is no order between requests: two that are in flight may overtake each other.
//
// The table of commands; "stale" is a table that lacks the command and is kTableAge old:
//
//   table            event                               next
//   none or stale    LoadTable, or a command needs it    loading; the commands wait
//   loading          Redis has sent its commands         loaded; the commands are forwarded
//   loading          an error, but an old table exists   loaded, with the old table
//   loading          an error, and no table exists       none; the commands fail with it
//   loading          the same, but it was a time-out     loading again, for commands with time left
//
// A transaction (Question::Kind::kTransaction) is sent as one piece, MULTI, its commands and EXEC,
// once Redis is known to take these (multi_probe.h). Its keys leave the cache like those of single
// commands. A connection that fails before all replies have come, or that EXEC may have left inside
// MULTI, is closed, so that no other command gets into the transaction.
//
// Owner: the server; borrows the cache. Both outlive the fetchers. Thread safety: any thread;
// OnFetched comes from fetcher threads.
// Cost: a few allocations and a short lock for each command; for one whose keys only Redis knows,
// twice the bytes to Redis. Large commands and replies are not copied.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/siphash.h"
#include "cache/cache.h"
#include "proxy/command_table.h"
#include "proxy/forward_rules.h"
#include "proxy/multi_probe.h"
#include "proxy/request.h"
#include "proxy/submit_fetch.h"
#include "proxy/transaction_exchange.h"

namespace rp::proxy {

// What is known of Redis's commands at one moment.
struct KnownCommands {
  std::shared_ptr<const CommandTable> table;  // null until Redis has given it once
  bool is_old = true;                         // a command that is not in the table may be new
  Error error;  // without a table: why the last attempt to load it has failed
};

class Forwarder final : public redis::FetchSink {
 public:
  // If a command is not in a table that is older than this, the table is loaded again: Redis may
  // have loaded a module, or another Redis may have taken over.
  static constexpr Duration kTableAge = std::chrono::seconds(10);

  // `on_flush` is called after the cache was flushed, so that the owner schedules a sweep. Any
  // thread calls it.
  Forwarder(const Hasher& hasher, cache::Cache* cache, SubmitFetch submit,
            std::function<void()> on_flush);

  // Begins to load the table of Redis's commands, by `deadline`. If that fails, a request that
  // needs the table loads it again.
  void LoadTable(TimePoint deadline) RP_EXCLUDES(mutex_);

  [[nodiscard]] KnownCommands Known(TimePoint now) const RP_EXCLUDES(mutex_);

  // Answers the request and returns true, or takes it and returns false: then it is delivered to
  // its home by its deadline, also if Redis does not answer. It cannot be taken back meanwhile.
  // REQUIRES: the question's command or transaction, deadline and home are set; the outcome is
  // kPending.
  [[nodiscard]] bool Start(Request* request, TimePoint now) RP_EXCLUDES(mutex_);

  void OnFetched(redis::Fetch* fetch, const redis::FetchResult& result, TimePoint now) override
      RP_EXCLUDES(mutex_);

 private:
  struct Sent;
  struct Written;

  void AwaitTable(Request* request) RP_EXCLUDES(mutex_);
  void OnTable(const redis::FetchResult& result) RP_EXCLUDES(mutex_);
  [[nodiscard]] bool Proceed(Request* request, const CommandTable& table);
  [[nodiscard]] bool Forward(Request* request, const CommandFacts* facts);
  [[nodiscard]] bool ForwardTransaction(Request* request, const CommandTable& table);
  void Resume(Request* request);
  [[nodiscard]] bool Send(Request* request, std::vector<Written> written, bool may_be_repeated);
  void DropWritten(const Sent& sent, const Replies* replies);
  void DropWritten(const Written& written, const resp::Command& command, bool is_error,
                   std::string_view keys_reply);
  void Flush();

  const Hasher hasher_;
  cache::Cache* const cache_;
  const SubmitFetch submit_;
  const std::function<void()> on_flush_;
  MultiProbe probe_;

  mutable Mutex mutex_;
  std::shared_ptr<const CommandTable> table_ RP_GUARDED_BY(mutex_);
  TimePoint loaded_at_ RP_GUARDED_BY(mutex_);  // when the last attempt ended
  Error last_error_ RP_GUARDED_BY(mutex_){ErrorCode::kUnavailable, {}};  // of an attempt
  // The last error of an attempt that was logged; empty after a success.
  std::string table_error_ RP_GUARDED_BY(mutex_);
  LogLimiter table_limiter_{std::chrono::seconds(10)};
  bool loading_ RP_GUARDED_BY(mutex_) = false;
  RequestChain waiting_ RP_GUARDED_BY(mutex_);  // for the table
};

}  // namespace rp::proxy
