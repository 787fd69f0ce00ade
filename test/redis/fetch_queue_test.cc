#include "redis/fetch_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace rp::redis {
namespace {

class FetchQueueTest : public testing::Test {
 protected:
  FetchQueueTest() {
    for (size_t i = 0; i < fetches_.size(); ++i) {
      fetches_[i].key = std::string_view("abcd").substr(i, 1);
      fetches_[i].SetDeadline(TimePoint(std::chrono::seconds(10 - i)));
    }
  }
  Fetch* operator[](size_t index) { return &fetches_[index]; }

  static std::string Drain(FetchQueue* queue) {
    std::string keys;
    while (!queue->empty()) keys += queue->PopFront()->key;
    return keys;
  }

  std::array<Fetch, 4> fetches_;
  FetchQueue queue_;
};

TEST_F(FetchQueueTest, ReturnsFirstWhatCameFirst) {
  for (Fetch& fetch : fetches_) queue_.PushBack(&fetch);
  EXPECT_EQ(queue_.size(), 4u);
  EXPECT_EQ(Drain(&queue_), "abcd");
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(FetchQueueTest, PutsWhatComesBackBeforeWhatWaits) {
  queue_.PushBack((*this)[2]);
  queue_.PushFront((*this)[1]);
  queue_.PushFront((*this)[0]);
  queue_.PushBack((*this)[3]);
  EXPECT_EQ(Drain(&queue_), "abcd");
}

TEST_F(FetchQueueTest, WorksAgainAfterItWasEmpty) {
  queue_.PushFront((*this)[0]);
  EXPECT_EQ(Drain(&queue_), "a");
  queue_.PushBack((*this)[1]);
  queue_.PushBack((*this)[2]);
  EXPECT_EQ(Drain(&queue_), "bc");
}

TEST_F(FetchQueueTest, TakesOutWhatMatchesAndKeepsBothInOrder) {
  for (Fetch& fetch : fetches_) queue_.PushBack(&fetch);
  FetchQueue taken = queue_.TakeIf([](Fetch* f) { return f->key == "a" || f->key == "c"; });
  EXPECT_EQ(taken.size(), 2u);
  EXPECT_EQ(Drain(&taken), "ac");
  EXPECT_EQ(Drain(&queue_), "bd");
}

TEST_F(FetchQueueTest, KnowsTheEarliestDeadline) {
  EXPECT_EQ(queue_.earliest(), kNever);
  for (Fetch& fetch : fetches_) queue_.PushBack(&fetch);
  EXPECT_EQ(queue_.earliest(), TimePoint(std::chrono::seconds(7)));
  FetchQueue taken = queue_.TakeIf([](Fetch* fetch) { return fetch->key == "d"; });
  EXPECT_EQ(queue_.earliest(), TimePoint(std::chrono::seconds(8)));
  Drain(&queue_);
  EXPECT_EQ(queue_.earliest(), kNever);
  Drain(&taken);
}

}  // namespace
}  // namespace rp::redis
