#include "base/log_thread.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

#include <atomic>

#include "base/check.h"
#include "base/event_count.h"
#include "base/line_writer.h"
#include "base/log.h"
#include "base/log_ring.h"
#include "base/signals_blocked.h"

namespace rp {
namespace {

// A line's way:
//
//   Log -> Push --> ring --> Pop -> Write --> the reader
//            | ring full              | reader gone, disk full
//            v                        v
//          LogRing's count  --> unreported_ --> "log: n lines lost here"
//
// The thread sleeps on an event count while the ring is empty. It ends when the program asks it to
// and nothing is left:
//
//   running --Stop--> stopping --ring empty--> finished
//                        | GivesUp
//                        v
//                     detached: it is in a write that may never end

std::atomic<LogThread*> current_thread{nullptr};

bool IsWritable(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLOUT) != 0;
}

// Polls without a lock: the caller may be about to abort, or a signal handler. Returns whether the
// condition became true before LogThread::GivesUp.
template <typename Condition>
bool AwaitLastLines(int fd, const Condition& holds) {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};
  const TimePoint start = Now();
  while (!holds()) {
    if (LogThread::GivesUp(Now() - start, IsWritable(fd))) return false;
    nanosleep(&kPause, nullptr);
  }
  return true;
}

}  // namespace

class LogThread::Shared {
 public:
  explicit Shared(int fd) : fd_(fd), writer_(fd) {}

  [[nodiscard]] bool Add(LogLine* line) {
    const bool added = ring_.Push(line);
    event_count_.WakeOne();  // after a lost line as well: it is to be reported
    return added;
  }

  void Run() noexcept {
    for (;;) {
      while (Work()) {
      }
      const uint32_t ticket = event_count_.PrepareWait();
      if (Work()) {
        event_count_.CancelWait();
      } else if (stopping_.load(std::memory_order_seq_cst)) {
        event_count_.CancelWait();
        break;
      } else {
        event_count_.Wait(ticket);
      }
    }
    finished_.store(true, std::memory_order_release);
  }

  [[nodiscard]] bool Flush() const {
    return AwaitLastLines(fd_, [this, pushes = ring_.pushes()] {
      return done_.load(std::memory_order_acquire) >= pushes;
    });
  }

  // Ends Run when nothing is left to do. Returns whether it ended before GivesUp.
  [[nodiscard]] bool Stop() {
    stopping_.store(true, std::memory_order_seq_cst);
    event_count_.WakeAll();
    return AwaitLastLines(fd_, [this] { return finished_.load(std::memory_order_acquire); });
  }

 private:
  // Writes one line or reports lost ones. Returns false if there was nothing to do.
  bool Work() {
    LogLine line;
    if (ring_.Pop(&line)) {
      unreported_ += line.lost_before;
      if (!ReportLost(line.time) || !writer_.Write(line.text())) {
        ++unreported_;
        internal::CountLostLine();
      }
      done_.fetch_add(1, std::memory_order_release);
      return true;
    }
    const uint64_t lost = ring_.TakeLost();
    if (lost == 0) return false;
    unreported_ += lost;
    static_cast<void>(ReportLost(std::chrono::system_clock::now()));
    return true;
  }

  // Writes how many lines are missing here, if any. Returns false if that cannot be written either.
  bool ReportLost(WallTime time) {
    if (unreported_ == 0) return true;
    LogLine line;
    FormatEvent(LogLevel::kWarn, time, &line, "log: %llu line%s lost here",
                static_cast<unsigned long long>(unreported_), unreported_ == 1 ? "" : "s");
    if (!writer_.Write(line.text())) return false;
    unreported_ = 0;
    return true;
  }

  const int fd_;
  LogRing ring_;
  EventCount event_count_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> finished_{false};
  std::atomic<uint64_t> done_{0};  // lines of the ring that were written or lost
  // The thread's own:
  LineWriter writer_;
  uint64_t unreported_ = 0;  // lines lost after the last one that was written
};

LogThread::LogThread(int fd) : shared_(std::make_shared<Shared>(fd)) {
  RP_CHECK(Current() == nullptr);
  // The thread inherits the mask: with SIGPIPE and SIGXFSZ blocked, a write fails and no more.
  const SignalsBlocked blocked;
  thread_ = std::thread([shared = shared_] { shared->Run(); });
  pthread_setname_np(thread_.native_handle(), "log");
  current_thread.store(this, std::memory_order_release);
}

LogThread::~LogThread() {
  current_thread.store(nullptr, std::memory_order_release);
  if (shared_->Stop()) {
    thread_.join();
  } else {
    // It is in a write that may never end, and keeps what it needs.
    thread_.detach();
  }
}

LogThread* LogThread::Current() { return current_thread.load(std::memory_order_acquire); }

bool LogThread::Add(LogLine* line) { return shared_->Add(line); }

bool LogThread::Flush() const { return shared_->Flush(); }

}  // namespace rp
