#include "core/request.h"

#include <gtest/gtest.h>

namespace rp::core {
namespace {

struct Note {
  int64_t number = 7;
  bool flag = false;
};

TEST(SessionDataTest, HoldsWhatTheSessionNotes) {
  SessionData data;
  data.Emplace<Note>()->flag = true;
  EXPECT_EQ(data.Get<Note>()->number, 7);
  EXPECT_TRUE(data.Get<Note>()->flag);
  EXPECT_FALSE(data.Emplace<Note>()->flag) << "it is made anew";
}

TEST(QuestionTest, ClearMakesItBlankAndKeepsLittleMemory) {
  proxy::Question question;
  question.kind = proxy::Question::Kind::kKeyOrCommand;
  question.resp_version = 3;
  question.reads_only = true;
  question.key.assign(100'000, 'k');
  EXPECT_GE(question.AllocatedBytes(), 100'000u);
  question.Clear();
  EXPECT_EQ(question.kind, proxy::Question::Kind::kKey);
  EXPECT_EQ(question.resp_version, 2);
  EXPECT_FALSE(question.reads_only);
  EXPECT_EQ(question.key, "");
  EXPECT_LE(question.AllocatedBytes(), proxy::kKeptBytes);
}

TEST(AnswerTest, ClearMakesItBlankAndKeepsLittleMemory) {
  proxy::Answer answer;
  answer.outcome = proxy::Outcome::kError;
  answer.source = proxy::Source::kStale;
  answer.error = ErrorCode::kTimeout;
  answer.value = cache::MakeEntry(0, "k", "v", TimePoint(), kNever);
  const cache::EntryRef value = answer.value;
  answer.error_text.assign(100'000, 'e');
  answer.reply.assign(100'000, 'r');
  EXPECT_GE(answer.AllocatedBytes(), 200'000u);
  answer.Clear();
  EXPECT_EQ(answer.outcome, proxy::Outcome::kPending);
  EXPECT_EQ(answer.source, proxy::Source::kRedis);
  EXPECT_EQ(answer.error, ErrorCode::kInternal);
  EXPECT_EQ(value->references, 1u);
  EXPECT_EQ(answer.error_text + answer.reply, "");
  EXPECT_LE(answer.AllocatedBytes(), 2 * proxy::kKeptBytes);
}

}  // namespace
}  // namespace rp::core
