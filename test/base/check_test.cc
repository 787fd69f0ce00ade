#include "base/check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <stdexcept>

#include "base/log.h"
#include "base/log_thread.h"
#include "test/support/stuck_pipe.h"

namespace rp {
namespace {

// For a child that must end by itself: it ends otherwise than by SIGABRT.
constexpr unsigned kPatienceSeconds = 60;

void UseAsStandardError(const StuckPipe& pipe) {
  alarm(kPatienceSeconds);
  dup2(pipe.write_fd(), STDERR_FILENO);
}

TEST(CheckTest, AFailureIsPrintedBehindTheLinesThatWaitToBeWritten) {
  EXPECT_EXIT(
      {
        const LogThread thread(STDERR_FILENO);
        for (int i = 0; i < 100; ++i) Log(LogLevel::kInfo, "line %d", i);
        RP_CHECK(1 + 1 == 3);
      },
      ::testing::KilledBySignal(SIGABRT),
      "line 99\n[^\n]*check_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3\n");
}

TEST(CheckTest, AFailureEndsTheProgramThoughNobodyReadsItsLine) {
  StuckPipe pipe;
  EXPECT_EXIT(
      {
        UseAsStandardError(pipe);
        RP_CHECK(1 + 1 == 3);
      },
      ::testing::KilledBySignal(SIGABRT), "");
  EXPECT_EXIT(
      {
        UseAsStandardError(pipe);
        const LogThread thread(STDERR_FILENO);
        Log(LogLevel::kInfo, "x");
        RP_CHECK(1 + 1 == 3);
      },
      ::testing::KilledBySignal(SIGABRT), "");
}

[[noreturn]] void EndByException() {
  try {
    throw std::runtime_error("too large");
  } catch (const std::exception&) {
    std::terminate();
  }
}

TEST(CheckTest, AnExceptionThatNobodyCatchesIsNamed) {
  EXPECT_EXIT(
      {
        AbortOnTerminate();
        EndByException();
      },
      ::testing::KilledBySignal(SIGABRT), "check failed: uncaught exception: too large\n");
}

TEST(CheckTest, AnExceptionThatNobodyCatchesEndsTheProgramThoughNobodyReadsItsLine) {
  StuckPipe pipe;
  EXPECT_EXIT(
      {
        UseAsStandardError(pipe);
        AbortOnTerminate();
        EndByException();
      },
      ::testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace rp
