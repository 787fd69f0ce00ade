#include "core/group.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "cache/entry.h"

namespace rp::core {
namespace {

using Keeps = Group::Keeps;

class NumberedKeys final : public GroupKeys {
 public:
  explicit NumberedKeys(size_t count) {
    for (size_t i = 0; i < count; ++i) keys_.push_back("key" + std::to_string(i));
  }
  [[nodiscard]] size_t size() const override { return keys_.size(); }
  [[nodiscard]] std::string_view operator[](size_t index) const override { return keys_[index]; }

 private:
  std::vector<std::string> keys_;
};

cache::EntryRef Entry(std::string_view value, cache::Kind kind = cache::Kind::kValue) {
  return cache::MakeEntry(1, "key", value, TimePoint(), kNever, kind);
}

void Answer(Request* request, std::string_view value) {
  request->answer.outcome = proxy::Outcome::kValue;
  request->answer.value = Entry(value);
}

// The value of each key from the group's first on, "-" for none.
std::vector<std::string> ValuesOf(Group* group) {
  std::vector<std::string> values;
  while (group->NextPart())
    values.emplace_back(group->value() == nullptr ? "-" : group->value()->value());
  return values;
}

TEST(GroupTest, LooksUpKeysInOrderFromTheFirstOn) {
  Group group(Keeps::kValues, std::make_unique<NumberedKeys>(3), 1);
  EXPECT_FALSE(group.is_done());
  EXPECT_EQ(group.next_key(), "key1");
  group.Take(Entry("a"));
  EXPECT_EQ(group.next_key(), "key2");
  group.Take(Entry("", cache::Kind::kMissing));
  EXPECT_FALSE(group.may_go_on());
  EXPECT_TRUE(group.is_done());
  EXPECT_EQ(ValuesOf(&group), (std::vector<std::string>{"a", "-"}));
}

TEST(GroupTest, AnswersOfMembersTakeTheirKeysPlace) {
  Group group(Keeps::kValues, std::make_unique<NumberedKeys>(3), 0);
  Request a;
  Request b;
  group.AddMember(&a);
  group.Take(Entry("hit"));
  group.AddMember(&b);
  EXPECT_FALSE(group.is_done());
  Answer(&b, "second");
  group.OnAnswered(&b);
  EXPECT_EQ(b.member_of, nullptr);
  EXPECT_FALSE(group.is_done());
  Answer(&a, "first");
  group.OnAnswered(&a);
  EXPECT_TRUE(group.is_done());
  EXPECT_EQ(ValuesOf(&group), (std::vector<std::string>{"first", "hit", "second"}));
}

TEST(GroupTest, HasOnlySoManyMembersInFlight) {
  Group group(Keeps::kCount, std::make_unique<NumberedKeys>(Group::kMaxInFlight + 1), 0);
  std::vector<std::unique_ptr<Request>> members;
  while (group.may_go_on()) group.AddMember(members.emplace_back(new Request).get());
  EXPECT_EQ(members.size(), Group::kMaxInFlight);
  Answer(members[5].get(), "");
  group.OnAnswered(members[5].get());
  EXPECT_TRUE(group.may_go_on());
  EXPECT_EQ(group.next_key(), "key" + std::to_string(Group::kMaxInFlight));
  for (size_t count = 1; group.RemoveMember() != nullptr; ++count)
    ASSERT_LT(count, Group::kMaxInFlight);
  EXPECT_EQ(members[7]->member_of, nullptr);
}

TEST(GroupTest, CountsKeysThatExist) {
  Group group(Keeps::kCount, std::make_unique<NumberedKeys>(5), 0);
  group.Take(Entry("value"));
  group.Take(Entry("WRONGTYPE", cache::Kind::kWrongType));
  group.Take(Entry("", cache::Kind::kMissing));
  Request missing;
  group.AddMember(&missing);
  missing.answer.outcome = proxy::Outcome::kMissing;
  group.OnAnswered(&missing);
  Request list;
  group.AddMember(&list);
  list.Fail(ErrorCode::kWrongType);
  group.OnAnswered(&list);
  EXPECT_FALSE(group.has_failed()) << "a key of another type exists";
  EXPECT_TRUE(group.is_done());
  EXPECT_EQ(group.existing(), 3u);
}

TEST(GroupTest, AFailureStopsItAndTheFirstKeysIsTheAnswer) {
  Group group(Keeps::kValues, std::make_unique<NumberedKeys>(4), 0);
  Request a;
  Request b;
  group.AddMember(&a);
  group.AddMember(&b);
  b.Fail(ErrorCode::kBusy);
  group.OnAnswered(&b);
  EXPECT_FALSE(group.may_go_on());
  EXPECT_FALSE(group.is_done()) << "a member is in flight";
  a.Fail(ErrorCode::kTimeout);
  group.OnAnswered(&a);
  EXPECT_TRUE(group.is_done());
  EXPECT_EQ(group.failure().error, ErrorCode::kTimeout);
  EXPECT_FALSE(group.NextPart()) << "the error is the whole answer";
}

TEST(GroupTest, FailsWhereAKeyCannotBeAskedFor) {
  Group group(Keeps::kValues, std::make_unique<NumberedKeys>(2), 0);
  group.Take(Entry("a"));
  group.Fail(ErrorCode::kNoMemory);
  EXPECT_TRUE(group.is_done());
  EXPECT_EQ(group.failure().error, ErrorCode::kNoMemory);
}

TEST(GroupTest, ValuesAreReleasedWhenTheyAreSentAndNotBefore) {
  const cache::EntryRef a = Entry("a");
  const cache::EntryRef b = Entry("b");
  Group group(Keeps::kValues, std::make_unique<NumberedKeys>(2), 0);
  group.Take(a);
  group.Take(b);
  EXPECT_TRUE(group.NextPart());
  EXPECT_TRUE(group.NextPart());
  group.Rewind();
  EXPECT_EQ(group.part(), 0u) << "what was not sent is written again";
  EXPECT_TRUE(group.NextPart());
  EXPECT_TRUE(group.NextPart());
  group.OnSent();
  EXPECT_EQ(a->references.load(), 1u) << "the group has no reference left";
  EXPECT_EQ(b->references.load(), 2u);
  group.Rewind();
  EXPECT_EQ(group.part(), 2u);
  EXPECT_EQ(group.value()->value(), "b");
}

}  // namespace
}  // namespace rp::core
