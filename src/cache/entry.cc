#include "cache/entry.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "base/check.h"
#include "base/memory.h"
#include "base/reclaimer.h"

namespace rp::cache {
namespace {

constexpr size_t kEntryHeaderBytes = sizeof(Entry) - sizeof(Entry::bytes);
static_assert(kEntryHeaderBytes == 60, "every byte here is a megabyte at a million keys");

// A slot of the table (12 bytes at a load of 0.5 to 0.75, and the old arrays during a move) and one
// of the heap.
constexpr uint64_t kOverheadBytes = 26 + 16;

// Relaxed: it only counts.
std::atomic<uint64_t> all_charged_bytes = 0;

// A sixteenth of a second: 32 bits of them cover eight years of the monotonic clock.
using Ticks = std::chrono::duration<int64_t, std::ratio<1, 16>>;

}  // namespace

const char* Entry::data() const { return reinterpret_cast<const char*>(this) + kEntryHeaderBytes; }

int64_t Entry::AgeSeconds(TimePoint now) const {
  const Ticks age = std::chrono::floor<Ticks>(now.time_since_epoch()) - Ticks(fetched_ticks);
  return std::max<int64_t>(0, std::chrono::floor<std::chrono::seconds>(age).count());
}

void EntryRef::Unpin() {
  // Release orders this thread's reads of the bytes before the free; acquire pairs with it in the
  // thread that frees.
  if (entry_ != nullptr && entry_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    all_charged_bytes.fetch_sub(ChargeBytes(entry_->key_bytes, entry_->value_bytes),
                                std::memory_order_relaxed);
    const size_t bytes = size_t{entry_->key_bytes} + entry_->value_bytes;
    entry_->~Entry();
    bytes < kSlowDeleteBytes ? std::free(entry_) : FreeElsewhere(entry_, std::free);
  }
}

EntryRef MakeEntry(uint64_t hash, std::string_view key, std::string_view value,
                   TimePoint fetched_at, TimePoint hard_deadline, Kind kind) {
  RP_CHECK(key.size() <= kMaxKeyBytes && value.size() <= kMaxValueBytes);
  void* block = std::malloc(std::max(sizeof(Entry), kEntryHeaderBytes + key.size() + value.size()));
  if (block == nullptr) {
    NoteMemoryIsShort();
    return {};
  }
  auto* entry = new (block) Entry{};
  entry->hard_deadline = hard_deadline;
  entry->tag = static_cast<uint32_t>(hash);
  entry->heap_index = kNotInHeap;
  entry->references.store(1, std::memory_order_relaxed);
  entry->fetched_ticks =
      static_cast<uint32_t>(std::chrono::ceil<Ticks>(fetched_at.time_since_epoch()).count());
  entry->key_bytes = static_cast<uint32_t>(key.size()) & kMaxKeyBytes;
  entry->kind = kind;
  entry->value_bytes = static_cast<uint32_t>(value.size());
  char* bytes = reinterpret_cast<char*>(block) + kEntryHeaderBytes;
  // Not memcpy: an entry that is not cached has no key, and an empty text may be a null pointer.
  std::copy(value.begin(), value.end(), std::copy(key.begin(), key.end(), bytes));
  all_charged_bytes.fetch_add(ChargeBytes(key.size(), value.size()), std::memory_order_relaxed);
  return EntryRef::Adopt(entry);
}

uint64_t ChargeBytes(uint64_t key_bytes, uint64_t value_bytes) {
  return BlockBytes(kEntryHeaderBytes + key_bytes + value_bytes) + kOverheadBytes;
}

uint64_t AllChargedBytes() { return all_charged_bytes.load(std::memory_order_relaxed); }

}  // namespace rp::cache
