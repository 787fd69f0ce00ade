#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace rp {
namespace {

struct Item : ListNode<Item> {
  explicit Item(char c) : name(c) {}
  ~Item() { Unlink(); }
  char name;
};

using List = IntrusiveList<Item>;

// The items' names from front to back.
std::string NamesOf(List* list) {
  std::string names;
  for (const Item& item : *list) names += item.name;
  return names;
}

TEST(IntrusiveListTest, IsEmptyAtFirst) {
  List list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(NamesOf(&list), "");
  EXPECT_FALSE(Item('a').linked());
}

TEST(IntrusiveListTest, KeepsTheOrderOfBothEnds) {
  List list;
  Item a('a'), b('b'), c('c');
  list.PushBack(&b);
  EXPECT_EQ(list.front(), &b);
  EXPECT_EQ(list.back(), &b);
  list.PushFront(&a);
  list.PushBack(&c);
  EXPECT_EQ(NamesOf(&list), "abc");
  EXPECT_EQ(list.front(), &a);
  EXPECT_EQ(list.back(), &c);
  EXPECT_TRUE(b.linked());
}

TEST(IntrusiveListTest, UnlinksAnItemAtAnyPlaceAndTwice) {
  for (const std::string left : {"bc", "ac", "ab"}) {
    List list;
    std::array<Item, 3> items{Item('a'), Item('b'), Item('c')};
    for (Item& item : items) list.PushBack(&item);
    for (Item& item : items) {
      if (left.find(item.name) != std::string::npos) continue;
      item.Unlink();
      item.Unlink();
      EXPECT_FALSE(item.linked());
    }
    EXPECT_EQ(NamesOf(&list), left);
  }
}

TEST(IntrusiveListTest, IsEmptyAfterItsOnlyItem) {
  List list;
  Item a('a');
  list.PushBack(&a);
  a.Unlink();
  EXPECT_TRUE(list.empty());
  list.PushFront(&a);
  EXPECT_EQ(NamesOf(&list), "a");
}

TEST(IntrusiveListTest, PopsFromTheFront) {
  List list;
  Item a('a'), b('b');
  list.PushBack(&a);
  list.PushBack(&b);
  EXPECT_EQ(list.PopFront(), &a);
  EXPECT_FALSE(a.linked());
  EXPECT_EQ(list.PopFront(), &b);
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveListTest, MovesAnItemWithinTheListAndFromAnother) {
  List list;
  List other;
  Item a('a'), b('b'), c('c'), d('d');
  for (Item* item : {&a, &b, &c}) list.PushBack(item);
  list.MoveToFront(&c);
  EXPECT_EQ(NamesOf(&list), "cab");
  list.MoveToFront(&c);
  EXPECT_EQ(NamesOf(&list), "cab") << "it was the first";
  list.MoveToBack(&c);
  EXPECT_EQ(NamesOf(&list), "abc");
  list.MoveToBack(&c);
  EXPECT_EQ(NamesOf(&list), "abc") << "it was the last";
  other.MoveToBack(&a);
  other.MoveToFront(&d);
  EXPECT_EQ(NamesOf(&list), "bc");
  EXPECT_EQ(NamesOf(&other), "da") << "d was in no list";
}

TEST(IntrusiveListTest, AppendsAllOfAnother) {
  List list;
  List other;
  Item a('a'), b('b'), c('c'), d('d');
  list.Append(&other);
  EXPECT_TRUE(list.empty());
  other.PushBack(&a);
  other.PushBack(&b);
  list.Append(&other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(NamesOf(&list), "ab");
  other.PushBack(&c);
  list.Append(&other);
  list.Append(&other);
  EXPECT_EQ(NamesOf(&list), "abc");
  other.PushBack(&d);
  EXPECT_EQ(NamesOf(&other), "d");
}

TEST(IntrusiveListTest, MovesAllItsItems) {
  Item a('a'), b('b');
  List empty;
  EXPECT_TRUE(List(std::move(empty)).empty());
  List list;
  list.PushBack(&a);
  list.PushBack(&b);
  List moved(std::move(list));
  EXPECT_EQ(NamesOf(&moved), "ab");
  a.Unlink();
  EXPECT_EQ(NamesOf(&moved), "b");
}

TEST(IntrusiveListTest, ACopyOfAnItemIsInNoList) {
  List list;
  Item a('a');
  list.PushBack(&a);
  Item copy = a;
  EXPECT_FALSE(copy.linked());
  copy = a;
  EXPECT_FALSE(copy.linked());
  a = copy;
  EXPECT_EQ(NamesOf(&list), "a");
}

TEST(IntrusiveListTest, AnItemMayBeUnlinkedBehindTheIterator) {
  List list;
  Item a('a'), b('b'), c('c');
  for (Item* item : {&a, &b, &c}) list.PushBack(item);
  for (auto next = list.begin(); next != list.end();) {
    Item* const item = &*next;
    ++next;
    if (item->name != 'b') item->Unlink();
  }
  EXPECT_EQ(NamesOf(&list), "b");
}

TEST(IntrusiveListTest, ItemsMayBeUnlinkedAfterTheListIsGone) {
  Item a('a'), b('b');
  {
    List list;
    list.PushBack(&a);
    list.PushBack(&b);
  }
  a.Unlink();
  EXPECT_FALSE(a.linked());
  EXPECT_FALSE(b.linked());
  List list;
  list.PushBack(&a);
  list.PushBack(&b);
  EXPECT_EQ(NamesOf(&list), "ab");
}

}  // namespace
}  // namespace rp
