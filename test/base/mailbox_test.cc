#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace rp {
namespace {

struct Letter : MailboxNode {
  uint64_t sender = 0;
  uint64_t number = 0;
};

std::vector<uint64_t> Numbers(const Letter* letter) {
  std::vector<uint64_t> numbers;
  for (; letter != nullptr; letter = Mailbox<Letter>::Next(letter)) {
    numbers.push_back(letter->number);
  }
  return numbers;
}

class MailboxTest : public testing::Test {
 protected:
  MailboxTest() : letters_(10) {
    for (size_t i = 0; i < letters_.size(); ++i) letters_[i].number = i;
  }

  // Links letters_[first] to letters_[last] as PushChain wants them, and pushes them.
  bool PushChain(size_t first, size_t last) {
    for (size_t i = first; i < last; ++i) letters_[i].mail_next = &letters_[i + 1];
    letters_[last].mail_next = &letters_[0];  // is not to be read
    return box_.PushChain(&letters_[first], &letters_[last]);
  }

  std::vector<Letter> letters_;
  Mailbox<Letter> box_;
};

TEST_F(MailboxTest, IsEmptyAtFirst) {
  EXPECT_TRUE(box_.empty());
  EXPECT_EQ(box_.TakeAll(), nullptr);
}

TEST_F(MailboxTest, GivesAllItemsOldestFirst) {
  for (Letter& letter : letters_) box_.Push(&letter);
  EXPECT_FALSE(box_.empty());
  EXPECT_EQ(Numbers(box_.TakeAll()), (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_TRUE(box_.empty());
}

TEST_F(MailboxTest, SaysThatItWasEmptyOnlyToTheFirstPushAfterEachTakeAll) {
  EXPECT_TRUE(box_.Push(&letters_[0]));
  EXPECT_FALSE(box_.Push(&letters_[1]));
  EXPECT_NE(box_.TakeAll(), nullptr);
  EXPECT_TRUE(box_.Push(&letters_[2]));
  EXPECT_FALSE(PushChain(3, 4));
  EXPECT_NE(box_.TakeAll(), nullptr);
  EXPECT_TRUE(PushChain(5, 6));
}

TEST_F(MailboxTest, KeepsTheOrderOfChainsAndSingleItems) {
  box_.Push(&letters_[0]);
  PushChain(1, 4);
  box_.Push(&letters_[5]);
  PushChain(6, 7);
  PushChain(8, 8);
  EXPECT_EQ(Numbers(box_.TakeAll()), (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_F(MailboxTest, TakesAnItemAgainThatWasTakenOut) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(box_.Push(&letters_[1]));
    EXPECT_FALSE(box_.Push(&letters_[0]));
    EXPECT_EQ(Numbers(box_.TakeAll()), (std::vector<uint64_t>{1, 0}));
  }
}

// Several senders, some sending chains, and an owner that sleeps only on Push's word: each item
// arrives once, in its sender's order, and no wake-up is missed.
TEST(MailboxStressTest, BringsEachItemOnceAndInOrderAndWakesTheOwner) {
  constexpr uint64_t kSenders = 3;
  constexpr uint64_t kLetters = 12000;
  Mailbox<Letter> box;
  std::atomic<uint64_t> wake_ups{0};
  std::vector<std::vector<Letter>> letters(kSenders, std::vector<Letter>(kLetters));

  std::vector<std::thread> threads;
  for (uint64_t sender = 0; sender < kSenders; ++sender) {
    threads.emplace_back([&, sender] {
      std::vector<Letter>& mine = letters[sender];
      for (uint64_t i = 0; i < kLetters;) {
        const uint64_t chain = sender == 0 ? 1 : 1 + i % 3;
        const uint64_t end = std::min(i + chain, kLetters);
        for (uint64_t j = i; j < end; ++j) {
          mine[j].sender = sender;
          mine[j].number = j;
          if (j + 1 < end) mine[j].mail_next = &mine[j + 1];
        }
        if (box.PushChain(&mine[i], &mine[end - 1])) {
          ++wake_ups;
          wake_ups.notify_one();
        }
        i = end;
      }
    });
  }

  std::vector<uint64_t> next(kSenders, 0);
  uint64_t wrong = 0;
  uint64_t known_wake_ups = 0;
  for (uint64_t received = 0; received < kSenders * kLetters;) {
    wake_ups.wait(known_wake_ups);
    known_wake_ups = wake_ups.load();
    for (Letter* letter = box.TakeAll(); letter != nullptr;) {
      Letter* const after = Mailbox<Letter>::Next(letter);
      wrong += letter->number != next[letter->sender]++;
      ++received;
      letter = after;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(box.empty());
}

}  // namespace
}  // namespace rp
