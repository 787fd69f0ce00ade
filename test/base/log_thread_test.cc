#include "base/log_thread.h"

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/log_ring.h"
#include "test/support/stuck_pipe.h"

namespace rp {
namespace {

constexpr size_t kPrefixBytes = 31;  // "2026-11-22T15:28:21.123Z info  "
constexpr int kMuchMoreThanFits = 3 * static_cast<int>(LogRing::kMaxLines);

// What is read until `end` is, or a minute has passed.
std::string ReadUntil(StuckPipe* pipe, const std::string& end, size_t most_bytes_at_once = 4096) {
  const TimePoint deadline = Now() + std::chrono::minutes(1);
  std::string text;
  while (text.find(end) == std::string::npos && Now() < deadline) {
    text += pipe->Read(1, most_bytes_at_once);
  }
  return text;
}

// Whether the numbers in the lines "line N" count up from `*next`, with a line that tells of N lost
// ones wherever N are missing. Sets `*next` to the number that would follow, `*lost` to the sum.
::testing::AssertionResult TellsWhatIsMissing(const std::string& text, uint64_t* next,
                                              uint64_t* lost) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    uint64_t number = 0;
    if (line.size() <= kPrefixBytes || line[23] != 'Z') {
      return ::testing::AssertionFailure() << "torn: '" << line << "'";
    }
    const char* message = line.c_str() + kPrefixBytes;
    if (std::sscanf(message, "log: %" SCNu64 " line", &number) == 1) {
      *next += number;
      *lost += number;
    } else if (std::sscanf(message, "line %" SCNu64, &number) != 1 || number != (*next)++) {
      return ::testing::AssertionFailure() << "after " << *next << ": '" << line << "'";
    }
  }
  return ::testing::AssertionSuccess();
}

TEST(LogThreadTest, WhatWasLoggedBeforeItsEndIsWritten) {
  StuckPipe pipe;
  pipe.Empty();
  {
    const LogThread thread(pipe.write_fd());
    for (int i = 0; i < 50; ++i) Log(LogLevel::kInfo, "line %d", i);
    LogPlain("plain %d", 50);
  }
  std::string text = pipe.Read();
  ASSERT_TRUE(text.ends_with("\nplain 50\n")) << text;
  text.resize(text.size() - std::string("plain 50\n").size());
  uint64_t next = 0;
  uint64_t lost = 0;
  EXPECT_TRUE(TellsWhatIsMissing(text, &next, &lost));
  EXPECT_EQ(next, 50u);
  EXPECT_EQ(lost, 0u);
}

TEST(LogThreadTest, NobodyWaitsForAPipeThatNobodyReadsAndWhatIsMissingIsTold) {
  StuckPipe pipe;
  const uint64_t lost_at_first = CountLogLines().lost;
  const LogThread thread(pipe.write_fd());
  for (int i = 0; i < kMuchMoreThanFits; ++i) Log(LogLevel::kInfo, "line %d", i);
  const uint64_t lost = CountLogLines().lost - lost_at_first;
  // The ring's, and one that is being written.
  EXPECT_GE(lost, kMuchMoreThanFits - LogRing::kMaxLines - 1);
  EXPECT_LE(lost, kMuchMoreThanFits - LogRing::kMaxLines);

  // The reader comes back.
  uint64_t next = 0;
  uint64_t told = 0;
  EXPECT_TRUE(TellsWhatIsMissing(ReadUntil(&pipe, "lost here\n"), &next, &told));
  Log(LogLevel::kInfo, "line %d", kMuchMoreThanFits);
  const std::string last = "line " + std::to_string(kMuchMoreThanFits) + "\n";
  EXPECT_TRUE(TellsWhatIsMissing(ReadUntil(&pipe, last), &next, &told));
  EXPECT_EQ(next, kMuchMoreThanFits + 1u);
  EXPECT_EQ(told, lost);
  EXPECT_EQ(CountLogLines().lost - lost_at_first, lost);
}

TEST(LogThreadTest, ASlowReaderGetsAllThatFits) {
  StuckPipe pipe;
  const LogThread thread(pipe.write_fd());
  const int count = static_cast<int>(LogRing::kMaxLines);
  for (int i = 0; i < count; ++i) Log(LogLevel::kInfo, "line %d", i);
  uint64_t next = 0;
  uint64_t lost = 0;
  const std::string last = "line " + std::to_string(count - 1) + "\n";
  EXPECT_TRUE(TellsWhatIsMissing(ReadUntil(&pipe, last, 100), &next, &lost));
  EXPECT_EQ(lost, 0u);
}

TEST(LogThreadTest, LinesOfManyThreadsAreNeitherMixedNorOutOfOrder) {
  StuckPipe pipe;
  const LogThread thread(pipe.write_fd());
  constexpr int kLines = static_cast<int>(LogRing::kMaxLines) / 8;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kLines; ++i) Log(LogLevel::kInfo, "%d %d end", t, i);
    });
  }
  for (std::thread& each : threads) each.join();
  Log(LogLevel::kInfo, "last");
  std::istringstream lines(ReadUntil(&pipe, "last\n"));
  std::array<int, 4> next{};
  for (std::string line; std::getline(lines, line) && !line.ends_with("last");) {
    int t = -1;
    int i = -1;
    ASSERT_EQ(std::sscanf(line.c_str() + kPrefixBytes, "%d %d end", &t, &i), 2) << line;
    EXPECT_EQ(i, next.at(static_cast<size_t>(t))++);
  }
  EXPECT_EQ(next, (std::array<int, 4>{kLines, kLines, kLines, kLines}));
}

TEST(LogThreadTest, ItsEndDoesNotWaitForWhoDoesNotRead) {
  StuckPipe pipe;
  const TimePoint start = Now();
  {
    const LogThread thread(pipe.write_fd());
    Log(LogLevel::kInfo, "line 0");
    FlushLog();
    EXPECT_GE(Now() - start, LogThread::kLastLinesWait) << "they are given so long";
  }
  EXPECT_GE(Now() - start, 2 * LogThread::kLastLinesWait);
  // The thread that was left behind may still do its work.
  EXPECT_TRUE(ReadUntil(&pipe, "\n").ends_with("line 0\n"));
}

TEST(LogThreadTest, FlushReturnsWhenTheLinesAreWritten) {
  StuckPipe pipe;
  pipe.Empty();
  const LogThread thread(pipe.write_fd());
  Log(LogLevel::kInfo, "line 0");
  ASSERT_TRUE(thread.Flush());
  EXPECT_TRUE(pipe.Read().ends_with("line 0\n"));
}

TEST(LogThreadTest, AReaderThatHasGoneCostsTheLinesAndNothingElse) {
  StuckPipe pipe;
  const LogThread thread(pipe.write_fd());
  pipe.CloseReadEnd();
  const uint64_t lost = CountLogLines().lost;
  for (int i = 0; i < 3; ++i) Log(LogLevel::kInfo, "line %d", i);
  ASSERT_TRUE(thread.Flush());
  EXPECT_EQ(CountLogLines().lost - lost, 3u);
}

TEST(LogThreadTest, LinesThatCouldNotBeWrittenAreToldOfWhenTheNextOneCanBe) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const UniqueFd log(dup(full.get()));
  const LogThread thread(log.get());
  for (int i = 0; i < 3; ++i) Log(LogLevel::kInfo, "line %d", i);
  ASSERT_TRUE(thread.Flush());
  StuckPipe pipe;
  pipe.Empty();
  ASSERT_EQ(dup2(pipe.write_fd(), log.get()), log.get());
  Log(LogLevel::kInfo, "line 3");
  ASSERT_TRUE(thread.Flush());
  const std::string text = pipe.Read();
  EXPECT_EQ(text.substr(23, text.find('\n') - 22), "Z warn  log: 3 lines lost here\n");
  uint64_t next = 0;
  uint64_t lost = 0;
  EXPECT_TRUE(TellsWhatIsMissing(text, &next, &lost));
  EXPECT_EQ(next, 4u);
}

TEST(LogThreadTest, ItHasANameAndTakesNoSignals) {
  StuckPipe pipe;
  const LogThread thread(pipe.write_fd());
  std::string blocked;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    std::stringstream text;
    text << status.rdbuf();
    if (!text.str().starts_with("Name:\tlog\n")) continue;
    const size_t at = text.str().find("SigBlk:\t");
    blocked = text.str().substr(at + 8, 16);
  }
  ASSERT_FALSE(blocked.empty()) << "there is no thread of that name";
  // SIGHUP to SIGSYS, but for SIGKILL and SIGSTOP, which cannot be blocked.
  EXPECT_EQ(std::stoull(blocked, nullptr, 16) & 0x7fffffff, 0x7ffbfeffu);
}

TEST(LogCountsTest, CountEachLevelAboveTheOneThatIsSet) {
  StuckPipe pipe;
  pipe.Empty();
  const LogThread thread(pipe.write_fd());
  const LogCounts before = CountLogLines();
  EXPECT_TRUE(IsLogged(LogLevel::kInfo));
  EXPECT_FALSE(IsLogged(LogLevel::kDebug));
  Log(LogLevel::kDebug, "x");
  Log(LogLevel::kInfo, "x");
  Log(LogLevel::kWarn, "x");
  Log(LogLevel::kWarn, "x");
  const LogCounts counts = CountLogLines();
  EXPECT_EQ(counts.events[0] - before.events[0], 0u);
  EXPECT_EQ(counts.events[1] - before.events[1], 1u);
  EXPECT_EQ(counts.events[2] - before.events[2], 2u);
  EXPECT_EQ(counts.events[3] - before.events[3], 0u);
  EXPECT_EQ(counts.lost, before.lost);
}

// A machine so busy that the log's thread did not run for 200 ms lost the message of a wrong flag.
TEST(LogThreadTest, GivesUpSoonOnlyWhereTheReaderTakesNothing) {
  constexpr Duration kOne{1};
  EXPECT_FALSE(LogThread::GivesUp(LogThread::kLastLinesWait - kOne, false));
  EXPECT_TRUE(LogThread::GivesUp(LogThread::kLastLinesWait, false));
  EXPECT_FALSE(LogThread::GivesUp(LogThread::kSlowThreadWait - kOne, true));
  EXPECT_TRUE(LogThread::GivesUp(LogThread::kSlowThreadWait, true));
}

}  // namespace
}  // namespace rp
