// Writes whole lines to a descriptor whose reader may be slow, full or gone. Hides partial writes:
// a line of which a part was written is finished before anything else is.
//
// Borrows the descriptor, whose flags it leaves alone, since other processes may share them.
//
// Thread safety: one thread. Cost: one system call for each line, so that lines do not mix with
// those of other processes on the same pipe (pipe(7), PIPE_BUF).
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace rp {

class LineWriter {
 public:
  explicit LineWriter(int fd) : fd_(fd) {}

  // Writes `line`, and waits for its reader as long as that takes. False when the line is lost, of
  // which then nothing was written: the disk is full, the reader has gone.
  // REQUIRES: `line` ends with its only newline.
  [[nodiscard]] bool Write(std::string_view line);

 private:
  size_t WriteSome(std::string_view text) const;

  const int fd_;
  std::string rest_;  // of a line that was written in part
};

// Writes `line` if that can be done within about `limit`, for who must not wait for a reader. False
// when the line, or its end, is lost.
[[nodiscard]] bool WriteWithin(int fd, std::string_view line, Duration limit);

}  // namespace rp
