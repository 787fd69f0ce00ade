#include "core/deadline_list.h"

#include <gtest/gtest.h>

namespace rp::core {
namespace {

struct Item : DeadlineNode {};

TimePoint At(int64_t ns) { return TimePoint(Duration(ns)); }

TEST(DeadlineListTest, HasNoEndWhileEmpty) {
  DeadlineList<Item> list(Duration(10));
  EXPECT_EQ(list.next(), kNever);
  EXPECT_EQ(list.TakeEnded(kNever - Duration(1)), nullptr);
}

TEST(DeadlineListTest, GivesOutInTheOrderOfTheStartsWhatHasEnded) {
  DeadlineList<Item> list(Duration(10));
  Item a;
  Item b;
  Item c;
  list.Start(&a, At(1));
  list.Start(&b, At(2));
  list.Start(&c, At(2));
  EXPECT_EQ(list.next(), At(11));
  EXPECT_EQ(list.TakeEnded(At(10)), nullptr);
  EXPECT_EQ(list.TakeEnded(At(11)), &a);
  EXPECT_FALSE(a.waits());
  EXPECT_EQ(list.TakeEnded(At(11)), nullptr);
  EXPECT_EQ(list.next(), At(12));
  EXPECT_EQ(list.TakeEnded(At(12)), &b);
  EXPECT_EQ(list.TakeEnded(At(12)), &c);
  EXPECT_EQ(list.next(), kNever);
}

TEST(DeadlineListTest, StartingAgainMovesANodeToTheEnd) {
  DeadlineList<Item> list(Duration(10));
  Item a;
  Item b;
  list.Start(&a, At(1));
  list.Start(&b, At(2));
  list.Start(&a, At(3));
  EXPECT_EQ(list.next(), At(12));
  EXPECT_EQ(list.TakeEnded(At(100)), &b);
  EXPECT_EQ(list.TakeEnded(At(100)), &a);
  EXPECT_EQ(list.TakeEnded(At(100)), nullptr);
}

TEST(DeadlineListTest, ANodeIsInOneListAtMost) {
  DeadlineList<Item> first(Duration(10));
  DeadlineList<Item> second(Duration(20));
  Item a;
  first.Start(&a, At(1));
  second.Start(&a, At(1));
  EXPECT_EQ(first.next(), kNever);
  EXPECT_EQ(second.next(), At(21));
}

TEST(DeadlineListTest, ANodeMayLeaveFromAnyPlaceAndTwice) {
  DeadlineList<Item> list(Duration(10));
  Item a;
  Item b;
  Item c;
  for (Item* item : {&a, &b, &c}) list.Start(item, At(1));
  b.Leave();
  b.Leave();
  EXPECT_FALSE(b.waits());
  EXPECT_TRUE(a.waits());
  EXPECT_EQ(list.TakeEnded(At(11)), &a);
  EXPECT_EQ(list.TakeEnded(At(11)), &c);
  EXPECT_EQ(list.TakeEnded(At(11)), nullptr);
}

TEST(DeadlineListTest, ANodeThatIsDestroyedLeaves) {
  DeadlineList<Item> list(Duration(10));
  {
    Item a;
    list.Start(&a, At(1));
  }
  EXPECT_EQ(list.next(), kNever);
}

TEST(DeadlineListTest, AWaitBeyondTheClockNeverEnds) {
  DeadlineList<Item> list(Duration::max());
  Item a;
  list.Start(&a, At(1));
  EXPECT_EQ(list.next(), kNever);
  EXPECT_EQ(list.TakeEnded(kNever - Duration(1)), nullptr);
  EXPECT_TRUE(a.waits());
}

}  // namespace
}  // namespace rp::core
