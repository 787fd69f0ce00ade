// LineWriter: writes whole lines to a descriptor whose reader may be slow, full or gone. Hides
// partial writes: a line that was written in part is finished before the next one begins.
//
// Owner: the caller; the descriptor is borrowed. Its flags stay as they are, because other
// processes may share them.
// Thread safety: one thread at a time.
// Cost: one system call per line, so that lines do not mix with those of other processes on the
// same pipe (pipe(7), PIPE_BUF).
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace rp {

class LineWriter {
 public:
  explicit LineWriter(int fd) : fd_(fd) {}

  // Writes `line`, however long its reader takes. Returns false if the line is lost, for example
  // because the disk is full or the reader has gone; then none of it was written.
  // REQUIRES: `line` ends with its only newline.
  [[nodiscard]] bool Write(std::string_view line);

 private:
  size_t WriteSome(std::string_view text) const;

  const int fd_;
  std::string rest_;  // the end of a line that was written in part
};

// Writes `line`, but waits for its reader no longer than about `limit`. Returns false if the line,
// or its end, is lost.
[[nodiscard]] bool WriteWithin(int fd, std::string_view line, Duration limit);

}  // namespace rp
