#include "cache/expiry_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace rp::cache {
namespace {

TimePoint At(int64_t ns) { return TimePoint(Duration(ns)); }

EntryRef Make(std::string_view key = "k") { return MakeEntry(0, key, "", At(0), kNever); }

TEST(ExpiryHeapTest, IsNeverDueWhileEmpty) {
  const ExpiryHeap heap;
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.top_bound(), kNever);
}

TEST(ExpiryHeapTest, KeepsTheEarliestBoundOnTop) {
  ExpiryHeap heap;
  const EntryRef later = Make();
  const EntryRef earlier = Make();
  EXPECT_TRUE(heap.Push(later.get(), At(20)));
  EXPECT_EQ(heap.top(), later.get());
  EXPECT_TRUE(heap.Push(earlier.get(), At(10)));
  EXPECT_EQ(heap.top(), earlier.get());
  EXPECT_EQ(heap.top_bound(), At(10));
  heap.PostponeTop(At(30));
  EXPECT_EQ(heap.top(), later.get());
  EXPECT_EQ(heap.top_bound(), At(20));
  EXPECT_EQ(heap.size(), 2u);
}

TEST(ExpiryHeapTest, ErasingWhatIsNotInAHeapDoesNothing) {
  ExpiryHeap heap;
  const EntryRef inside = Make();
  const EntryRef outside = Make();
  EXPECT_TRUE(heap.Push(inside.get(), At(1)));
  heap.Erase(outside.get());
  EXPECT_EQ(heap.size(), 1u);
  heap.Erase(inside.get());
  EXPECT_EQ(inside->heap_index, kNotInHeap);
  heap.Erase(inside.get());
  EXPECT_TRUE(heap.empty());
}

// The case that a heap with erasure gets wrong: what fills the hole belongs above it.
TEST(ExpiryHeapTest, ErasingInOneBranchMayMoveAnEntryOfAnotherUp) {
  ExpiryHeap heap;
  std::vector<EntryRef> entries;
  // The root's first child is late with late children; the last item lies below an early one.
  const std::vector<int64_t> bounds = {0, 100, 1, 1, 1, 101, 102, 103, 104, 2};
  for (int64_t bound : bounds) {
    entries.push_back(Make());
    EXPECT_TRUE(heap.Push(entries.back().get(), At(bound)));
  }
  heap.Erase(entries[5].get());  // 101; 2 takes its place and has to rise over 100
  EXPECT_LT(entries[9]->heap_index, entries[1]->heap_index);
}

// The heap, and beside it a multimap and the bound of each entry.
struct Model {
  using ByBound = std::multimap<TimePoint, Entry*>;

  ExpiryHeap heap;
  ByBound by_bound;
  std::map<Entry*, ByBound::iterator> inside;

  void Push(Entry* entry, TimePoint bound) {
    EXPECT_TRUE(heap.Push(entry, bound));
    inside[entry] = by_bound.emplace(bound, entry);
  }
  void Erase(Entry* entry) {
    heap.Erase(entry);
    by_bound.erase(inside.at(entry));
    inside.erase(entry);
  }
  void PostponeTop(TimePoint bound) {
    Entry* top = heap.top();
    heap.PostponeTop(bound);
    by_bound.erase(inside.at(top));
    inside[top] = by_bound.emplace(bound, top);
  }

  void Check() {
    ASSERT_EQ(heap.size(), by_bound.size());
    ASSERT_EQ(heap.top_bound(), by_bound.empty() ? kNever : by_bound.begin()->first);
    if (!heap.empty()) {
      ASSERT_EQ(inside.at(heap.top())->first, heap.top_bound());
    }
  }

  // Each entry has a place of its own: together they fill the heap.
  void CheckIndices() {
    std::vector<bool> taken(heap.size());
    for (const auto& [entry, position] : inside) {
      ASSERT_LT(entry->heap_index, taken.size());
      ASSERT_FALSE(taken[entry->heap_index]);
      taken[entry->heap_index] = true;
    }
  }
};

TEST(ExpiryHeapTest, BehavesAsAMultimapUnderRandomOperations) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    Model model;
    std::vector<EntryRef> entries;
    for (int i = 0; i < 500; ++i) entries.push_back(Make());
    for (int step = 0; step < 10'000; ++step) {
      Entry* entry = entries[random() % entries.size()].get();
      // Few different bounds, so that many are equal.
      const TimePoint bound = At(random() % 200);
      const bool is_inside = model.inside.count(entry) != 0;
      const bool grows = step / 2500 % 2 == 0;
      ASSERT_EQ(entry->heap_index != kNotInHeap, is_inside);
      if (random() % 5 == 0 && !model.heap.empty()) {
        model.PostponeTop(std::max(bound, model.heap.top_bound()));
      } else if (is_inside && (!grows || random() % 4 == 0)) {
        model.Erase(entry);
      } else if (!is_inside && (grows || random() % 4 == 0)) {
        model.Push(entry, bound);
      }
      ASSERT_NO_FATAL_FAILURE(model.Check()) << "seed " << seed << " step " << step;
      if (step % 100 == 0) {
        ASSERT_NO_FATAL_FAILURE(model.CheckIndices()) << "seed " << seed;
      }
    }
    while (!model.heap.empty()) {
      model.Erase(model.heap.top());
      ASSERT_NO_FATAL_FAILURE(model.Check()) << "seed " << seed;
    }
  }
}

TEST(ExpiryHeapTest, KeepsTheOrderOfMoreItemsThanOneChunkHolds) {
  constexpr int kItems = 3 * 4096 + 1;
  std::mt19937 random(1);
  ExpiryHeap heap;
  std::vector<EntryRef> entries;
  for (int i = 0; i < kItems; ++i) entries.push_back(Make());
  for (int round = 0; round < 2; ++round) {
    for (const EntryRef& entry : entries)
      EXPECT_TRUE(heap.Push(entry.get(), At(random() % 1'000'000)));
    for (int i = 0; i < kItems; i += 3) heap.Erase(entries[static_cast<size_t>(i)].get());
    ASSERT_EQ(heap.size(), 2u * 4096);
    TimePoint last = At(0);
    for (size_t left = heap.size(); left > 0; --left) {
      ASSERT_EQ(heap.size(), left);
      ASSERT_GE(heap.top_bound(), last);
      last = heap.top_bound();
      heap.Erase(heap.top());
    }
    ASSERT_TRUE(heap.empty());
  }
}

}  // namespace
}  // namespace rp::cache
