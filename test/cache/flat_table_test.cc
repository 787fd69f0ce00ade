#include "cache/flat_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/siphash.h"

namespace rp::cache {
namespace {

struct Node {
  uint32_t tag = 0;
  std::string name;

  [[nodiscard]] std::string_view key() const { return name; }
};

// Nodes that stay where they are, as entries do.
class Nodes {
 public:
  Node* Make(uint32_t tag, std::string name) {
    return &nodes_.emplace_back(Node{tag, std::move(name)});
  }

 private:
  std::deque<Node> nodes_;
};

TEST(FlatTableTest, FindsNothingAndErasesNothingWhileEmpty) {
  FlatTable<Node> table;
  const Node stranger{7, "a"};
  EXPECT_EQ(table.Find(7, "a"), nullptr);
  EXPECT_FALSE(table.Erase(&stranger));
  EXPECT_EQ(table.size(), 0u);
}

TEST(FlatTableTest, TellsKeysOfOneTagApart) {
  FlatTable<Node> table;
  Nodes nodes;
  Node* a = nodes.Make(7, "a");
  Node* b = nodes.Make(7, "b");
  EXPECT_TRUE(table.Insert(a));
  EXPECT_TRUE(table.Insert(b));
  EXPECT_EQ(table.Find(7, "a"), a);
  EXPECT_EQ(table.Find(7, "b"), b);
  EXPECT_EQ(table.Find(7, "c"), nullptr);
  EXPECT_EQ(table.Find(15, "a"), nullptr) << "the same position, another tag";
}

TEST(FlatTableTest, ErasesTheVeryNodeAndNotOneWithTheSameKey) {
  FlatTable<Node> table;
  Nodes nodes;
  Node* inside = nodes.Make(7, "a");
  const Node* outside = nodes.Make(7, "a");
  EXPECT_TRUE(table.Insert(inside));
  EXPECT_FALSE(table.Erase(outside));
  EXPECT_EQ(table.Find(7, "a"), inside);
  EXPECT_TRUE(table.Erase(inside));
  EXPECT_FALSE(table.Erase(inside));
  EXPECT_EQ(table.Find(7, "a"), nullptr);
}

TEST(FlatTableTest, TakesAnyBytesForAKey) {
  FlatTable<Node> table;
  Nodes nodes;
  Node* empty = nodes.Make(1, "");
  Node* nul = nodes.Make(1, std::string(1, '\0'));
  EXPECT_TRUE(table.Insert(empty));
  EXPECT_TRUE(table.Insert(nul));
  EXPECT_EQ(table.Find(1, ""), empty);
  EXPECT_EQ(table.Find(1, std::string_view("\0", 1)), nul);
}

TEST(FlatTableTest, GrowsWhenThreeQuartersOfTheSlotsAreTaken) {
  FlatTable<Node> table;
  Nodes nodes;
  for (uint32_t i = 0; i < 6; ++i) EXPECT_TRUE(table.Insert(nodes.Make(i, std::to_string(i))));
  EXPECT_EQ(table.slot_count(), 8u);
  EXPECT_TRUE(table.Insert(nodes.Make(6, "6")));
  EXPECT_EQ(table.slot_count(), 12u) << "by half";
  for (uint32_t i = 0; i < 7; ++i) EXPECT_NE(table.Find(i, std::to_string(i)), nullptr) << i;
}

TEST(FlatTableTest, ShrinksBelowThreeThirtySecondsAndNeverBelowTheLeastSize) {
  FlatTable<Node> table;
  Nodes nodes;
  std::vector<Node*> inside;
  for (uint32_t i = 0; i < 768; ++i) {
    inside.push_back(nodes.Make(i * 2654435761u, std::to_string(i)));
    EXPECT_TRUE(table.Insert(inside.back()));
  }
  ASSERT_EQ(table.slot_count(), 1531u);
  while (table.size() > 144) {
    ASSERT_TRUE(table.Erase(inside.back()));
    inside.pop_back();
  }
  EXPECT_EQ(table.slot_count(), 1531u) << "3/32 of the slots are taken still";
  ASSERT_TRUE(table.Erase(inside.back()));
  inside.pop_back();
  EXPECT_EQ(table.slot_count(), 765u);
  for (const Node* node : inside) EXPECT_EQ(table.Find(node->tag, node->key()), node);
  for (const Node* node : inside) ASSERT_TRUE(table.Erase(node));
  EXPECT_EQ(table.slot_count(), 344u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(FlatTableTest, MovesARunThatWrapsRoundTheEndBackOverAHole) {
  FlatTable<Node> table;
  Nodes nodes;
  // Eight slots: the run takes 6, 7, 0, 1 and 2.
  Node* first = nodes.Make(6, "first");
  Node* at_home = nodes.Make(7, "at home");
  Node* wrapped = nodes.Make(6, "wrapped");
  Node* in_front = nodes.Make(0, "in front");
  Node* last = nodes.Make(7, "last");
  const std::vector<Node*> all = {first, at_home, wrapped, in_front, last};
  for (Node* node : all) EXPECT_TRUE(table.Insert(node));
  ASSERT_EQ(table.slot_count(), 8u);
  for (size_t gone = 0; gone < all.size(); ++gone) {
    ASSERT_TRUE(table.Erase(all[gone]));
    for (size_t i = gone + 1; i < all.size(); ++i)
      EXPECT_EQ(table.Find(all[i]->tag, all[i]->key()), all[i]) << gone << ' ' << i;
  }
}

// The least tag whose position is `home` among `slot_count`.
uint32_t TagOfHome(uint64_t home, uint64_t slot_count) {
  return static_cast<uint32_t>(((home << 32) + slot_count - 1) / slot_count);
}

constexpr uint32_t kFullSlots = 1531;  // of 1148 nodes: one more makes it grow

// Fills the table at those positions of kFullSlots for which `takes` says so.
template <typename Takes>
void FillUntilItGrows(FlatTable<Node>* table, Nodes* nodes, Takes takes) {
  for (uint32_t home = 0; home < kFullSlots; ++home) {
    if (!takes(home)) continue;
    EXPECT_TRUE(table->Insert(nodes->Make(TagOfHome(home, kFullSlots), std::to_string(home))));
  }
  ASSERT_EQ(table->size(), 1148u);
  ASSERT_EQ(table->slot_count(), kFullSlots);
  ASSERT_EQ(table->unmoved_count(), 0u);
}

TEST(FlatTableTest, MovesSixtyFourPositionsWithEachInsertAndErase) {
  FlatTable<Node> table;
  Nodes nodes;
  FillUntilItGrows(&table, &nodes, [](uint32_t home) { return home % 4 != 0; });
  Node* extra = nodes.Make(0, "extra");
  EXPECT_TRUE(table.Insert(extra));
  EXPECT_EQ(table.slot_count(), 2296u);
  EXPECT_EQ(table.unmoved_count(), kFullSlots - 64);
  ASSERT_TRUE(table.Erase(extra));
  EXPECT_EQ(table.unmoved_count(), kFullSlots - 128);
  EXPECT_NE(table.Find(TagOfHome(1530, kFullSlots), "1530"), nullptr);
  EXPECT_EQ(table.unmoved_count(), kFullSlots - 128) << "a find moves nothing";
  for (int i = 2; i < 23; ++i) {
    ASSERT_NE(table.unmoved_count(), 0u);
    EXPECT_TRUE(table.Insert(nodes.Make(0, "more " + std::to_string(i))));
  }
  EXPECT_EQ(table.unmoved_count(), kFullSlots - 23 * 64);
  EXPECT_TRUE(table.Insert(nodes.Make(0, "last")));
  EXPECT_EQ(table.unmoved_count(), 0u);
}

TEST(FlatTableTest, MovesARunThatItIsInToItsEnd) {
  FlatTable<Node> table;
  Nodes nodes;
  // 61 to 67 are taken.
  FillUntilItGrows(&table, &nodes,
                   [](uint32_t home) { return home == 64 || (home % 4 != 0 && home != 1); });
  EXPECT_TRUE(table.Insert(nodes.Make(0, "extra")));
  EXPECT_EQ(table.unmoved_count(), kFullSlots - 68);
}

TEST(FlatTableTest, FindsEveryNodeAtEveryStepOfAMove) {
  FlatTable<Node> table;
  std::vector<Node*> inside;
  Nodes nodes;
  std::mt19937 random(1);
  size_t steps_of_moves = 0;
  const auto check = [&] {
    if (table.unmoved_count() != 0) ++steps_of_moves;
    for (const Node* node : inside) ASSERT_EQ(table.Find(node->tag, node->key()), node);
    ASSERT_EQ(table.Find(static_cast<uint32_t>(random()), "stranger"), nullptr);
  };
  for (int i = 0; i < 3000; ++i) {
    inside.push_back(nodes.Make(static_cast<uint32_t>(random()), std::to_string(i)));
    EXPECT_TRUE(table.Insert(inside.back()));
    ASSERT_NO_FATAL_FAILURE(check()) << i;
  }
  EXPECT_GT(steps_of_moves, 100u) << "of growing";
  steps_of_moves = 0;
  while (!inside.empty()) {
    std::swap(inside[random() % inside.size()], inside.back());
    ASSERT_TRUE(table.Erase(inside.back()));
    inside.pop_back();
    ASSERT_NO_FATAL_FAILURE(check()) << inside.size();
  }
  EXPECT_GT(steps_of_moves, 30u) << "of shrinking";
}

// A table of many pages, so that a move gives some back, which the next insert makes grow.
struct LargeTable {
  static constexpr uint32_t kSlots = 58'839;

  LargeTable() {
    while (table.slot_count() != kSlots || (table.size() + 1) * 4 <= kSlots * 3) {
      Insert(static_cast<uint32_t>(random()));
    }
  }

  void Insert(uint32_t tag) {
    inside.push_back(nodes.Make(tag, std::to_string(inside.size())));
    EXPECT_TRUE(table.Insert(inside.back()));
  }

  void Check() {
    for (const Node* node : inside) ASSERT_EQ(table.Find(node->tag, node->key()), node);
  }

  std::mt19937 random{1};
  Nodes nodes;
  std::vector<Node*> inside;
  FlatTable<Node> table;
};

// Before its end a move comes upon a run that has since been made longer, round the end, into
// positions that it has already been over and whose pages it gives back.
TEST(FlatTableTest, KeepsWhatIsInsertedRoundTheEndDuringAMove) {
  LargeTable large;
  large.Insert(0);
  ASSERT_GT(large.table.unmoved_count(), LargeTable::kSlots - 200);
  while (large.table.unmoved_count() != 0) large.Insert(0xffffffffu);
  large.Check();
  for (const Node* node : large.inside) ASSERT_TRUE(large.table.Erase(node));
}

TEST(FlatTableTest, KeepsWhatLiesBeforeTheFirstEmptyPositionUntilAMoveComesRoundToIt) {
  LargeTable large;
  // In front of the others, so that a move begins behind them.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(large.table.Erase(large.inside.back()));
    large.inside.pop_back();
  }
  const size_t others = large.inside.size();
  for (uint32_t home = 0; home < 3; ++home) large.Insert(TagOfHome(home, LargeTable::kSlots));
  ASSERT_EQ(large.table.unmoved_count(), 0u);
  large.Insert(0x80000000u);
  ASSERT_NE(large.table.unmoved_count(), 0u);
  ASSERT_TRUE(large.table.Erase(large.inside[others]));
  large.inside.erase(large.inside.begin() + static_cast<ptrdiff_t>(others));
  while (large.table.unmoved_count() != 0) large.Insert(static_cast<uint32_t>(large.random()));
  large.Check();
}

// Few tags, near each other and at the end of the 32 bits, make long runs that wrap round.
uint32_t ClusteredTag(std::mt19937* random) {
  const auto below = [random](uint32_t limit) {
    return static_cast<uint32_t>((*random)() % limit);
  };
  const uint32_t base = below(4) == 0 ? 0xfffffff8u : below(3) * 64;
  return base + below(12);
}

TEST(FlatTableTest, BehavesAsAnUnorderedMapUnderRandomOperationsWithClusteredTags) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    FlatTable<Node> table;
    std::unordered_map<std::string, Node> model;
    std::unordered_map<std::string, uint32_t> tags;  // a key has one hash for ever
    const uint32_t key_count = seed % 2 == 0 ? 40 : 400;
    for (int step = 0; step < 5000; ++step) {
      const std::string name = std::to_string(random() % key_count);
      const uint32_t tag = tags.try_emplace(name, ClusteredTag(&random)).first->second;
      const auto found = model.find(name);
      Node* const expected = found == model.end() ? nullptr : &found->second;
      ASSERT_EQ(table.Find(tag, name), expected) << "seed " << seed << " step " << step;
      // Phases of growth and of decline, so that the table is rebuilt both ways.
      const bool inserts = random() % 10 < (step / 1000 % 2 == 0 ? 7u : 3u);
      if (inserts && expected == nullptr) {
        EXPECT_TRUE(table.Insert(&model.emplace(name, Node{tag, name}).first->second));
      } else if (!inserts && expected != nullptr) {
        ASSERT_TRUE(table.Erase(expected)) << "seed " << seed << " step " << step;
        model.erase(found);
      }
      ASSERT_EQ(table.size(), model.size());
    }
    for (auto& [name, node] : model) ASSERT_EQ(table.Find(node.tag, name), &node) << seed;
  }
}

TEST(FlatTableTest, BehavesAsAnUnorderedMapWhileThousandsOfKeysComeGoAndAreReplaced) {
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    std::mt19937 random(seed);
    FlatTable<Node> table;
    std::unordered_map<uint32_t, Node> model;
    size_t steps_of_moves = 0;
    for (int step = 0; step < 120'000; ++step) {
      const auto id = static_cast<uint32_t>(random() % 30'000);
      const uint32_t tag = id % 5 == 0 ? 0xffffffffu - id : id * 2654435761u;
      const auto found = model.find(id);
      Node* const expected = found == model.end() ? nullptr : &found->second;
      ASSERT_EQ(table.Find(tag, std::to_string(id)), expected) << seed << ' ' << step;
      if (table.unmoved_count() != 0) ++steps_of_moves;
      const bool inserts = random() % 10 < (step / 60'000 == 0 ? 8u : 1u);
      if (expected != nullptr && (!inserts || id % 3 == 0)) {
        ASSERT_TRUE(table.Erase(expected)) << seed << ' ' << step;
        model.erase(found);
      }
      if (inserts && model.count(id) == 0) {
        EXPECT_TRUE(table.Insert(&model.emplace(id, Node{tag, std::to_string(id)}).first->second));
      }
    }
    EXPECT_GT(steps_of_moves, 500u);
    ASSERT_EQ(table.size(), model.size());
    for (auto& [id, node] : model) ASSERT_EQ(table.Find(node.tag, node.name), &node) << seed;
  }
}

constexpr size_t kCollidingKeys = 20'000;

// The inverse of an odd number modulo 2^64, by Newton's iteration.
uint64_t Inverse(uint64_t odd) {
  uint64_t inverse = odd;
  for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}

// Keys of 16 bytes with one std::hash: libstdc++'s is MurmurHash2 with a constant seed, whose
// every step can be turned round, so the second half is computed to undo the first.
std::vector<std::string> KeysThatCollideUnderStdHash() {
  constexpr uint64_t kMul = 0xc6a4a7935bd1e995;
  constexpr uint64_t kSeed = 0xc70f6907;
  const auto mix = [](uint64_t value) { return value ^ (value >> 47); };
  const uint64_t inverse = Inverse(kMul);
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < kCollidingKeys; ++i) {
    const uint64_t state = (kSeed ^ (16 * kMul) ^ (mix(i * kMul) * kMul)) * kMul;
    const uint64_t second = mix(state * inverse) * inverse;
    std::string key(16, '\0');
    std::memcpy(key.data(), &i, sizeof(i));
    std::memcpy(key.data() + 8, &second, sizeof(second));
    keys.push_back(std::move(key));
  }
  return keys;
}

struct CountingNode {
  uint32_t tag = 0;
  std::string name;
  static inline size_t comparisons = 0;

  [[nodiscard]] std::string_view key() const {
    ++comparisons;
    return name;
  }
};

TEST(FlatTableTest, TakesKeysThatCollideUnderStdHashWithoutMoreComparisons) {
  const std::vector<std::string> keys = KeysThatCollideUnderStdHash();
  const std::set<std::string> distinct(keys.begin(), keys.end());
  ASSERT_EQ(distinct.size(), kCollidingKeys);
  for (const std::string& key : keys)
    ASSERT_EQ(std::hash<std::string>()(key), std::hash<std::string>()(keys[0]));

  const Hasher hasher = Hasher::Random();
  FlatTable<CountingNode> table;
  std::deque<CountingNode> nodes;
  CountingNode::comparisons = 0;
  for (const std::string& key : keys) {
    const auto tag = static_cast<uint32_t>(hasher(key));
    ASSERT_EQ(table.Find(tag, key), nullptr);
    EXPECT_TRUE(table.Insert(&nodes.emplace_back(CountingNode{tag, key})));
  }
  // Among 20,000 random tags of 32 bits one pair is equal in one run of twenty; colliding ones
  // would make 200 million comparisons.
  EXPECT_LE(CountingNode::comparisons, 10u);

  // The positions in the table are as spread as those of any other keys: 39,226 slots take 20,000
  // random positions on 0.399 of them, give or take 0.01 (far over six sigma).
  std::set<size_t> positions;
  for (const CountingNode& node : nodes) {
    positions.insert((uint64_t{node.tag} * table.slot_count()) >> 32);
  }
  ASSERT_EQ(table.slot_count(), 39'226u);
  EXPECT_NEAR(static_cast<double>(positions.size()) / 39'226, 0.399, 0.015);

  // And so are the stripes, which the top six bits choose: 312 each, sigma 17.5.
  std::vector<size_t> stripes(64);
  for (const std::string& key : keys) ++stripes[hasher(key) >> 58];
  for (size_t count : stripes) EXPECT_NEAR(static_cast<double>(count), 312.5, 130);
}

}  // namespace
}  // namespace rp::cache
