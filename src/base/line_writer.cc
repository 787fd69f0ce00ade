#include "base/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace rp {
namespace {

// Waits at most `limit_ms` (-1: forever) until a write would not block. Returns false on a
// time-out.
bool AwaitRoom(int fd, int limit_ms) {
  pollfd waiting{fd, POLLOUT, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, limit_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

bool LineWriter::Write(std::string_view line) {
  rest_.erase(0, WriteSome(rest_));
  if (!rest_.empty()) return false;
  const size_t written = WriteSome(line);
  if (written == 0) return false;
  rest_ = line.substr(written);
  return true;
}

// Returns how many bytes were written before an error.
size_t LineWriter::WriteSome(std::string_view text) const {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd_, text.data() + done, text.size() - done);
    if (written > 0) {
      done += static_cast<size_t>(written);
    } else if (written < 0 && errno == EAGAIN) {
      // Another process has made the shared descriptor non-blocking.
      if (!AwaitRoom(fd_, -1)) break;
    } else if (written == 0 || errno != EINTR) {
      break;
    }
  }
  return done;
}

bool WriteWithin(int fd, std::string_view line, Duration limit) {
  const auto limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return AwaitRoom(fd, static_cast<int>(limit_ms)) &&
         write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace rp
