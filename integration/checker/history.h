// The history of a check: every write and read, as lines of JSON in a file, for whoever wants to
// judge them again.
//
//   {"op":"set","key":"key3","stamp":17,"start_ns":1200,"end_ns":1800,"client":"writer-1",
//    "protocol":"redis","outcome":"ok","cache":""}
//
// op        set, delete, wipe (of all keys), read, or event (what broke; "key" is its name)
// stamp     the number of a key's write, counted from 1; of a read that of the value it brought; 0
//           where there is none
// start_ns  when the request was sent, and end_ns when its answer had come, on one clock
// protocol  that of the client: http or resp to the proxy, redis to the server itself
// outcome   of a write ok, or unknown (it may have been carried out, between start and end); of a
//           read value, absent, alien (nothing that was ever written) or failed
// cache     what Cache-Status said behind the name of the proxy; empty for other protocols
//
// Owner: the checker.
// Thread safety: any thread.
// Cost: a line is formatted outside the lock; nothing while it is closed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "base/time.h"

namespace rp::integration {

struct Operation {
  const char* op = "";
  std::string key{};
  uint64_t stamp = 0;
  TimePoint start{};
  TimePoint end{};
  std::string client{};
  const char* protocol = "";
  const char* outcome = "";
  std::string cache{};
};

// The line, with its end.
std::string JsonLine(const Operation& operation);

class History {
 public:
  // With an empty path it stays closed, and Add does nothing.
  explicit History(const std::string& path);

  // Whether the file could be opened, or none was asked for.
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  void Add(const Operation& operation);

 private:
  struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<FILE, Close> file_;
  bool ok_ = true;
  std::mutex mutex_;
};

}  // namespace rp::integration
