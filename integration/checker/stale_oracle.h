// What the stale-read checker knows of every key: which writes were sent when, which were
// acknowledged when, and so from when on an answer was out of date.
//
// Where the order of two events cannot be known, because both were under way at the same time or
// because a connection broke before the acknowledgement, the answer gets the benefit of the doubt:
// what is called stale is stale.
//
// Owner: the checker.
// Thread safety: any thread; of each key only one thread writes. Cost: a judgement looks at the
// writes after the one it is about, and at every wipe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/time.h"

namespace rp::integration {

class StaleOracle {
 public:
  explicit StaleOracle(int keys) : keys_(static_cast<size_t>(keys)) {}

  enum class Write { kSet, kDelete };

  // A write of `key` is about to be sent. The result, counted from 1, is what a SET stamps its
  // value with.
  uint64_t BeginWrite(int key, Write write, TimePoint now);
  // The outcome of the last one: acknowledged, or not and never to be carried out after `now`.
  void EndWrite(int key, bool acknowledged, TimePoint now);

  // All keys are about to be deleted, by a flush or the end of a Redis that keeps nothing; and they
  // are. A flush that failed may have deleted them or not.
  void BeginWipe(TimePoint now);
  void EndWipe(bool acknowledged, TimePoint now);

  // When the value with this stamp was overwritten for certain: kNever if it may be current.
  // Nothing if it was never written.
  [[nodiscard]] std::optional<TimePoint> ValueEnded(int key, uint64_t stamp) const;
  // When the key was created for certain after it had last been missing, as far as an answer that
  // came at `answered` can know; kNever if it may be missing.
  [[nodiscard]] TimePoint AbsenceEnded(int key, TimePoint answered) const;

  // The versions of a key in their order, as numbers: a value has one, and each absence, that
  // before the first write among them, which is 0.
  [[nodiscard]] static uint64_t ValuePosition(uint64_t stamp) { return 2 * stamp; }
  // The least position from `floor` on of an absence that an answer which came at `answered` may
  // show; nothing if there is none. A wipe whose place among the writes is uncertain may have any.
  [[nodiscard]] std::optional<uint64_t> AbsencePosition(int key, uint64_t floor,
                                                        TimePoint answered) const;

 private:
  struct Event {
    TimePoint sent;
    TimePoint done = kNever;
    bool acknowledged = false;
    Write write = Write::kDelete;
  };
  struct Key {
    mutable std::mutex mutex;
    std::vector<Event> writes;
  };

  // The positions that a wipe may have among the writes of a key.
  struct Places {
    uint64_t first;
    uint64_t last;
  };
  [[nodiscard]] static Places PlacesOf(const Event& wipe, const std::vector<Event>& writes);

  std::vector<Key> keys_;
  mutable std::mutex wipes_mutex_;
  std::vector<Event> wipes_;
};

}  // namespace rp::integration
