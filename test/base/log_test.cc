#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace rp {
namespace {

using std::chrono::seconds;

// Standard error into a pipe for as long as it lives.
class CapturedLog {
 public:
  CapturedLog() : saved_(dup(STDERR_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read_end_.Reset(ends[0]);
    EXPECT_GE(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
  }
  ~CapturedLog() { dup2(saved_.get(), STDERR_FILENO); }

  // What was written since the last call. At most one read, so it is one write if that was short.
  std::string Take() {
    std::array<char, 65536> buffer;
    const ssize_t bytes = read(read_end_.get(), buffer.data(), buffer.size());
    return bytes <= 0 ? "" : std::string(buffer.data(), static_cast<size_t>(bytes));
  }

 private:
  const UniqueFd saved_;
  UniqueFd read_end_;
};

constexpr size_t kPrefixBytes = 31;  // "2026-11-22T15:28:21.123Z info  "

TEST(LogTest, WritesTimeLevelAndMessageOnOneLine) {
  CapturedLog log;
  const time_t before = time(nullptr);
  Log(LogLevel::kInfo, "hello %d %s", 42, "world");
  const time_t after = time(nullptr);
  const std::string line = log.Take();
  ASSERT_GE(line.size(), kPrefixBytes);
  EXPECT_EQ(line.substr(23), "Z info  hello 42 world\n");
  EXPECT_EQ(line[19], '.');

  struct tm fields {};
  ASSERT_NE(strptime(line.substr(0, 19).c_str(), "%Y-%m-%dT%H:%M:%S", &fields), nullptr) << line;
  EXPECT_GE(timegm(&fields), before);
  EXPECT_LE(timegm(&fields), after);
}

TEST(LogTest, NamesEachLevelInAColumnOfItsOwn) {
  CapturedLog log;
  Log(LogLevel::kWarn, "x");
  EXPECT_EQ(log.Take().substr(23), "Z warn  x\n");
  Log(LogLevel::kError, "x");
  EXPECT_EQ(log.Take().substr(23), "Z error x\n");
}

TEST(LogTest, DropsWhatIsBelowTheLevel) {
  CapturedLog log;
  Log(LogLevel::kDebug, "below the level at the start");
  EXPECT_EQ(log.Take(), "");
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "x");
  EXPECT_EQ(log.Take().substr(23), "Z debug x\n");
  SetLogLevel(LogLevel::kError);
  Log(LogLevel::kWarn, "x");
  EXPECT_EQ(log.Take(), "");
  SetLogLevel(LogLevel::kInfo);
}

TEST(LogTest, KeepsAnEventOnOneLineWhateverBytesItHas) {
  CapturedLog log;
  Log(LogLevel::kInfo, "a\nb\rc\td\x1b[31m\x7f\xc3\xa9%c.", '\0');
  EXPECT_EQ(log.Take().substr(kPrefixBytes), "a?b?c?d?[31m?\xc3\xa9?.\n");
}

TEST(LogTest, KeepsALineOf1024BytesAndCutsOneOf1025) {
  CapturedLog log;
  const size_t most = 1024 - kPrefixBytes - 1;
  const std::string message(most, 'm');
  Log(LogLevel::kInfo, "%s", message.c_str());
  EXPECT_EQ(log.Take().substr(kPrefixBytes), message + "\n");
  Log(LogLevel::kInfo, "%s!", message.c_str());
  EXPECT_EQ(log.Take().substr(kPrefixBytes), message + "\n");
}

TEST(LogTest, KeepsErrno) {
  CapturedLog log;
  errno = ENOENT;
  Log(LogLevel::kInfo, "x");
  EXPECT_EQ(errno, ENOENT);
}

TEST(LogTest, DoesNotMixTheLinesOfDifferentThreads) {
  CapturedLog log;
  std::vector<std::thread> threads;
  for (char c : {'a', 'b', 'c'}) {
    threads.emplace_back([c] {
      for (int i = 0; i < 50; ++i) Log(LogLevel::kInfo, "%s", std::string(200, c).c_str());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string rest = log.Take();
  ASSERT_EQ(rest.size(), 150 * (kPrefixBytes + 201));
  for (; !rest.empty(); rest.erase(0, kPrefixBytes + 201)) {
    EXPECT_EQ(rest.substr(kPrefixBytes, 201), std::string(200, rest[kPrefixBytes]) + "\n");
  }
}

TEST(LogLimiterTest, LetsTheFirstEventThroughWhateverTheTime) {
  for (const TimePoint now : {TimePoint(), TimePoint() + seconds(5), kNever}) {
    LogLimiter limiter(seconds(1));
    uint64_t suppressed = 99;
    EXPECT_TRUE(limiter.Allow(now, &suppressed));
    EXPECT_EQ(suppressed, 0u);
  }
}

TEST(LogLimiterTest, RefusesUntilTheIntervalHasPassedAndThenTellsHowMany) {
  LogLimiter limiter(seconds(10));
  const TimePoint start{};
  uint64_t suppressed = 99;
  ASSERT_TRUE(limiter.Allow(start, &suppressed));
  suppressed = 99;
  EXPECT_FALSE(limiter.Allow(start, &suppressed));
  EXPECT_FALSE(limiter.Allow(start + seconds(10) - Duration(1), &suppressed));
  EXPECT_EQ(suppressed, 99u);
  EXPECT_TRUE(limiter.Allow(start + seconds(10), &suppressed));
  EXPECT_EQ(suppressed, 2u);
  EXPECT_TRUE(limiter.Allow(start + seconds(20), &suppressed));
  EXPECT_EQ(suppressed, 0u);
}

TEST(LogLimiterTest, LetsOneOfManyThreadsThroughAndCountsTheOthers) {
  LogLimiter limiter(seconds(10));
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      uint64_t suppressed = 0;
      for (int j = 0; j < 1000; ++j) allowed += limiter.Allow(TimePoint(), &suppressed);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 1);
  uint64_t suppressed = 0;
  EXPECT_TRUE(limiter.Allow(TimePoint() + seconds(10), &suppressed));
  EXPECT_EQ(suppressed, 3999u);
}

}  // namespace
}  // namespace rp
