// StuckPipe: a full pipe that is not read until the test reads it. Hides how to fill it without
// changing the flags that a writer sees.
//
// Owner: the test.
// Thread safety: one thread at a time.
// Cost: one pipe.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/unique_fd.h"

namespace rp {

class StuckPipe {
 public:
  StuckPipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read_end_.Reset(ends[0]);
    write_end_.Reset(ends[1]);
    EXPECT_GT(fcntl(write_fd(), F_SETPIPE_SZ, 1), 0);  // the least there is, a page
    EXPECT_EQ(fcntl(write_fd(), F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    while (write(write_fd(), "x", 1) == 1) ++filling_bytes_;
    EXPECT_EQ(fcntl(write_fd(), F_SETFL, O_WRONLY), 0);
  }

  [[nodiscard]] int write_fd() const { return write_end_.get(); }

  // Makes room for 4096 bytes.
  void Empty() {
    while (filling_bytes_ > 0) static_cast<void>(Read());
  }

  // Reads at most `most_bytes` when there are any within `limit_ms`, and returns them without the
  // filling.
  std::string Read(int limit_ms = 0, size_t most_bytes = 4096) {
    pollfd end{read_end_.get(), POLLIN, 0};
    if (poll(&end, 1, limit_ms) != 1) return "";
    std::string bytes(most_bytes, '\0');
    const ssize_t count = read(end.fd, bytes.data(), bytes.size());
    bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
    const size_t filling = std::min(filling_bytes_, bytes.size());
    filling_bytes_ -= filling;
    return bytes.substr(filling);
  }

  void CloseReadEnd() { read_end_.Reset(); }

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
  size_t filling_bytes_ = 0;  // that were not read yet
};

}  // namespace rp
