// Where answered requests go in tests of the proxy and of the core: a list of the chains that were
// delivered.
//
// Thread safety: any thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "proxy/request.h"

namespace rp::proxy {

class TestHome final : public ReplyBox {
 public:
  using Chain = std::vector<Request*>;

  void Deliver(Request* first, Request* last) override {
    last->mail_next = nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    Chain& chain = chains_.emplace_back();
    for (; first != nullptr; first = RequestChain::Next(first)) {
      if (on_each) on_each();
      chain.push_back(first);
      delivered_.push_back(first);
    }
    condition_.notify_all();
  }

  void Wake() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_with_ = delivered_.size();
  }

  // Waits until `count` requests are delivered, and fails the test if that takes long.
  void Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    EXPECT_TRUE(condition_.wait_for(lock, std::chrono::seconds(60),
                                    [&] { return delivered_.size() >= count; }));
  }

  // The requests in the order in which they were delivered.
  [[nodiscard]] std::vector<Request*> delivered() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return delivered_;
  }

  // The same, in the chains in which they came.
  [[nodiscard]] std::vector<Chain> chains() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return chains_;
  }

  // How often the request was delivered.
  [[nodiscard]] size_t CountOf(const Request* request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<size_t>(std::count(delivered_.begin(), delivered_.end(), request));
  }

  // How many had been delivered at the last wake-up.
  [[nodiscard]] size_t woken_with() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return woken_with_;
  }

  // Called before a request counts as delivered. Set it before any is sent.
  std::function<void()> on_each;

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<Chain> chains_;
  std::vector<Request*> delivered_;
  size_t woken_with_ = 0;
};

}  // namespace rp::proxy
