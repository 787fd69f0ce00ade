#include "core/output.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "core/turn_budget.h"

namespace rp::core {
namespace {

// An Output whose peer reads when the test says so.
class OutputTest : public ::testing::Test {
 protected:
  OutputTest() {
    std::array<int, 2> fds{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    ours_ = UniqueFd(fds[0]);
    theirs_ = UniqueFd(fds[1]);
  }

  // Adds an answer of a head and a value.
  void Add(std::string_view head, const cache::EntryRef& value = {}, std::string_view tail = {}) {
    ASSERT_FALSE(answers_->full());
    std::copy(head.begin(), head.end(), answers_->free_bytes());
    Payload payload;
    if (value) payload.bytes = value->value();
    payload.tail = tail;
    answers_->Add(head.size(), payload, value.get());
  }

  static cache::EntryRef Value(size_t bytes) {
    return cache::MakeEntry(0, "k", std::string(bytes, 'v'), TimePoint(), kNever);
  }

  bool Send(size_t budget_bytes = TurnBudget::kSentBytesOfOne) {
    const bool sent = output_.Send(ours_.get(), answers_.get(), &budget_bytes);
    answers_->Clear();
    return sent;
  }

  // Reads what is there now.
  std::string Read() {
    std::string all;
    std::array<char, 65536> buffer;
    ssize_t count = 0;
    while ((count = recv(theirs_.get(), buffer.data(), buffer.size(), 0)) > 0)
      all.append(buffer.data(), static_cast<size_t>(count));
    return all;
  }

  // Sends and reads in turn until all is sent.
  std::string ReadAll() {
    std::string all = Read();
    while (!output_.empty()) {
      size_t budget_bytes = TurnBudget::kSentBytesOfOne;
      EXPECT_TRUE(output_.SendKept(ours_.get(), answers_.get(), &budget_bytes));
      all += Read();
    }
    return all;
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  const std::unique_ptr<AnswerBuffer> answers_ = std::make_unique<AnswerBuffer>();
  Output output_;
};

TEST_F(OutputTest, SendsHeadsValuesAndTailsInOrder) {
  const cache::EntryRef three = Value(3);
  const cache::EntryRef two = Value(2);
  Add("head1 ", three, " tail1 ");
  Add("head2 ");
  Add("head3 ", two);
  EXPECT_EQ(answers_->total_bytes(), std::strlen("head1 vvv tail1 head2 head3 vv"));
  EXPECT_TRUE(Send());
  EXPECT_TRUE(output_.empty());
  EXPECT_EQ(Read(), "head1 vvv tail1 head2 head3 vv");
}

TEST_F(OutputTest, KeepsWhatTheSocketDoesNotTake) {
  const cache::EntryRef value = Value(4 << 20);
  Add("head ", value, " tail");
  EXPECT_TRUE(Send(SIZE_MAX));
  EXPECT_FALSE(output_.empty());
  EXPECT_EQ(value->references, 2u) << "the value is kept as a reference";
  EXPECT_EQ(ReadAll(), "head " + std::string(4 << 20, 'v') + " tail");
  EXPECT_EQ(value->references, 1u);
}

TEST_F(OutputTest, KeepsALargeReplyAsAReference) {
  const auto reply = std::make_shared<const std::string>(4 << 20, 'r');
  const std::shared_ptr<const void> owner = reply;
  answers_->Add(0, {.bytes = *reply, .tail = {}, .owner = &owner}, nullptr);
  EXPECT_TRUE(Send(SIZE_MAX));
  EXPECT_FALSE(output_.empty());
  EXPECT_EQ(reply.use_count(), 3) << "it is kept as a reference";
  EXPECT_EQ(ReadAll(), *reply);
  EXPECT_EQ(reply.use_count(), 2);
}

TEST_F(OutputTest, SendsNoMoreThanTheBudget) {
  const cache::EntryRef value = Value(10);
  Add("0123456789", value);
  EXPECT_TRUE(Send(12));
  EXPECT_EQ(Read(), "0123456789vv");
  size_t budget_bytes = 5;
  EXPECT_TRUE(output_.SendKept(ours_.get(), answers_.get(), &budget_bytes));
  EXPECT_EQ(budget_bytes, 0u);
  EXPECT_EQ(Read(), "vvvvv");
  budget_bytes = 5;
  EXPECT_TRUE(output_.SendKept(ours_.get(), answers_.get(), &budget_bytes));
  EXPECT_EQ(budget_bytes, 2u);
  EXPECT_EQ(Read(), "vvv");
  EXPECT_TRUE(output_.empty());
}

TEST_F(OutputTest, SaysThatTheConnectionIsBroken) {
  theirs_.Reset();
  Add("head");
  EXPECT_FALSE(Send());
}

TEST_F(OutputTest, TheBufferIsFullBeforeAnAnswerMightNotFit) {
  const std::string head(Session::kMaxAnswerBytes, 'h');
  size_t answers = 0;
  for (; !answers_->full(); ++answers) Add(head);
  EXPECT_EQ(answers, AnswerBuffer::kMaxHeadBytes / Session::kMaxAnswerBytes);
  answers_->Clear();
  const cache::EntryRef value = Value(2000);
  size_t pieces = 0;
  for (; !answers_->full(); pieces += 2) Add("h", value);
  EXPECT_LE(pieces, AnswerBuffer::kMaxPieces);
  EXPECT_GT(pieces, AnswerBuffer::kMaxPieces - 4);
}

TEST_F(OutputTest, ALongListIsGivenBackOnceItIsEmpty) {
  const cache::EntryRef value = Value(2000);
  for (int i = 0; i < 100; ++i) Add("h", value);
  EXPECT_TRUE(Send(1));
  EXPECT_EQ(output_.Shrink(), 0u) << "it is in use";
  EXPECT_EQ(ReadAll().size(), 100u * 2001);
  EXPECT_GT(output_.Shrink(), 100u * sizeof(void*));
  EXPECT_EQ(output_.Shrink(), 0u);
}

TEST_F(OutputTest, TellsWhatItHadCopied) {
  const std::string head(2000, 'h');
  size_t bytes = 0;
  while (output_.empty()) {
    for (; !answers_->full(); bytes += head.size()) Add(head);
    ASSERT_TRUE(Send());
  }
  EXPECT_EQ(output_.Shrink(), 0U) << "it is not sent yet";
  EXPECT_EQ(ReadAll().size(), bytes);
  EXPECT_GT(output_.Shrink(), 0U);
  EXPECT_EQ(output_.Shrink(), 0U);
}

}  // namespace
}  // namespace rp::core
