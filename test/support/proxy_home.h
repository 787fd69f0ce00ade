// Where answered requests go in tests of the proxy: a list of them.
//
// Thread safety: any thread.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "proxy/request.h"

namespace rp::proxy {

class TestHome final : public ReplyBox {
 public:
  void Deliver(Request* first, Request* last) override {
    last->mail_next = nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (; first != nullptr; first = RequestChain::Next(first)) {
      if (on_each) on_each();
      delivered_.push_back(first);
    }
  }

  void Wake() override {}

  std::vector<Request*> delivered() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return delivered_;
  }

  // Called before a request counts as delivered. Set it before any is sent.
  std::function<void()> on_each;

 private:
  std::mutex mutex_;
  std::vector<Request*> delivered_;
};

}  // namespace rp::proxy
