// Tracking: the RESP3 connection on which Redis reports its writes, as a state machine: bytes and
// the time go in, bytes to be sent and calls of the sink come out. Hides the commands, the replies
// and the pushes. Contains no thread, lock, clock or socket: Subscriber has those.
//
// One connection is enough, and the data connections need no set-up
// (https://redis.io/docs/latest/develop/reference/client-side-caching/): in broadcasting mode Redis
// reports all writes, as pushes ">2 invalidate <keys>".
//
//   state     event                                                            next state
//   kSetUp    HELLO 3, CLIENT TRACKING and PING are answered well: OnLive      kLive
//   kLive     a proof is due: HELLO 3 and PING are sent in one write           kLive
//   kLive     both are answered well: OnLease                                  kLive
//   any       another answer, no answer in time, or what is neither an         failed: the result
//             answer nor a report                                              is an error
//
// HELLO 3 is answered well if Redis says that it is the master, and needs no permission; PING says
// that Redis serves. A node of a cluster must also say "cluster_state:ok" to CLUSTER INFO, since it
// answers PING even where it refuses every GET.
//
// Owner: the subscriber's thread.
// Thread safety: one thread at a time. Time is an argument.
// Cost: O(1) per byte and one call of the sink per key. No allocation while reports are small.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "redis/invalidation_sink.h"
#include "redis/lease.h"
#include "redis/reply_buffer.h"
#include "resp/reply_framer.h"

namespace rp::redis {

struct TrackingOptions {
  Duration max_stale = std::chrono::seconds(1);  // the length of a lease
  Duration timeout = std::chrono::seconds(1);    // for the set-up
  std::vector<std::string> prefixes;             // of the keys to report; none: all keys
  // Told to the sink by OnLive: the server and the generation of the connection.
  uint64_t server = 0;
  uint64_t generation = 0;
  // Called just before OnLive, and returns the generation for it; may be empty.
  std::function<uint64_t()> on_ready = nullptr;
};

// The functions that fail return one of these codes, and the connection is of no use any more:
//   kReadOnly      Redis says that it is a replica
//   kClusterDown   Redis says that its cluster does not serve
//   kTimeout       no answer came in time
//   kProtocol      what came is neither an answer nor a report of keys, or is too large
//   kNoMemory      there is none for what came
//   another        that of ClassifyErrorReply: Redis answered with an error
class Tracking {
 public:
  enum class State : uint8_t { kSetUp, kLive };

  // Maximum bytes of a reply or of one report. Redis reports the keys that were written in one turn
  // together, which may be all the keys of a script.
  static constexpr size_t kMaxReplyBytes = size_t{64} << 20;

  // `sink` outlives the object.
  Tracking(TrackingOptions options, InvalidationSink* sink, TimePoint now);

  [[nodiscard]] State state() const { return state_; }

  // Returns the bytes that are to be sent, and takes out the first `bytes` of them.
  [[nodiscard]] std::string_view output() const { return output_; }
  void OnSent(size_t bytes) { output_.erase(0, bytes); }

  // Returns where to receive bytes to; empty if there is no memory.
  [[nodiscard]] std::span<char> Room() { return input_.Room(framer_.wanted()); }
  // The first `bytes` bytes of the room have been received.
  [[nodiscard]] Result<void> OnReceived(size_t bytes, TimePoint now);

  // Call it before each wait, which ends at WaitLimit(): a proof may be due, or an answer late.
  [[nodiscard]] Result<void> OnTime(TimePoint now);
  [[nodiscard]] TimePoint WaitLimit() const;

  // Returns whether a proof was ever answered.
  [[nodiscard]] bool was_renewed() const { return lease_ && lease_->was_renewed(); }
  // Returns whether Redis has said that it is a node of a cluster.
  [[nodiscard]] bool is_cluster() const { return is_cluster_; }

 private:
  enum class Asked : uint8_t { kHello, kTracking, kPing, kClusterInfo };

  void Ask(Asked what);
  [[nodiscard]] Result<void> Take(std::string_view reply, TimePoint now);
  [[nodiscard]] Result<void> TakePush(std::string_view push);
  [[nodiscard]] Result<void> TakeHello(std::string_view reply);
  [[nodiscard]] Result<void> TakeAnswer(Asked what, std::string_view reply);
  void OnAllAnswered(TimePoint now);

  const TrackingOptions options_;
  InvalidationSink* const sink_;
  const TimePoint started_at_;  // the tracking was asked for then
  State state_ = State::kSetUp;
  std::string output_;
  ReplyBuffer input_;
  resp::ReplyFramer framer_{kMaxReplyBytes};
  std::deque<Asked> asked_;  // in the order in which the answers come
  bool is_cluster_ = false;
  std::optional<Lease> lease_;  // in kLive
  bool has_reported_ = false;   // since the last OnTime
};

}  // namespace rp::redis
