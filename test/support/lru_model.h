// LruModel: the cache's contract in its simplest form, an exact LRU of a fixed number of keys, and
// traces to compare the real cache with it.
//
// Owner: the test.
// Thread safety: one thread at a time.
// Cost: a map and a list of the keys held.
#pragma once

#include <cmath>
#include <list>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace rp {

class LruModel {
 public:
  explicit LruModel(size_t capacity) : capacity_(capacity) {}

  // Uses the key, which takes it in if it is not there. Returns whether it was there.
  bool Use(const std::string& key) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (capacity_ == 0) return false;
    if (places_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    places_[key] = order_.begin();
    return false;
  }

 private:
  const size_t capacity_;
  std::list<std::string> order_;  // the most recently used first
  std::unordered_map<std::string, std::list<std::string>::iterator> places_;
};

// `length` key names out of `keys`, the n-th most popular asked for in proportion to 1/n.
inline std::vector<std::string> ZipfTrace(size_t length, size_t keys, unsigned seed) {
  std::vector<double> weights;
  for (size_t n = 1; n <= keys; ++n) weights.push_back(1.0 / static_cast<double>(n));
  std::discrete_distribution<size_t> popular(weights.begin(), weights.end());
  std::mt19937 random(seed);
  std::vector<std::string> trace;
  for (size_t i = 0; i < length; ++i) trace.push_back("key:" + std::to_string(popular(random)));
  return trace;
}

}  // namespace rp
