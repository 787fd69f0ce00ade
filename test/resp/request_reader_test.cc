#include "resp/request_reader.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "test/resp/request_table.h"
#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::resp {
namespace {

using std::string_literals::operator""s;

const std::string kPing = "*1\r\n$4\r\nPING\r\n";
const std::string kInvalidCount = "error: Protocol error: invalid multibulk length";
const std::string kInvalidLength = "error: Protocol error: invalid bulk length";

// What redis-server 7.0.15 makes of the same bytes, sent whole and byte by byte.
TEST(RequestReaderTest, ReadsArraysOfBulkStrings) {
  RunTable({
      {"no argument but the name", kPing, "[PING] more"},
      {"two arguments", Array({"GET", "key"}), "[GET|key] more"},
      {"any byte in an argument", Array({"ECHO", "\0\r\n*1\r\n$4\r\n\xff"s}),
       "[ECHO|\0\r\n*1\r\n$4\r\n\xff] more"s},
      {"an empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "[ECHO|] more"},
      {"an empty name", "*1\r\n$0\r\n\r\n" + kPing, "[] [PING] more"},
      {"pipelined", Array({"GET", "a"}) + Array({"GET", "b"}) + "*1\r\n", "[GET|a] [GET|b] more"},
      {"inline between arrays", kPing + "GET a\r\n" + kPing, "[PING] [GET|a] [PING] more"},
      {"whatever stands for CR LF behind an argument", "*1\r\n$4\r\nPINGxx" + kPing,
       "[PING] [PING] more"},
      {"whatever stands for LF", "*1\rx$4\ryPINGzz" + kPing, "[PING] [PING] more"},
      {"as many arguments as an int counts", "*2147483647\r\n", "more"},
      {"an argument of 512 MB", "*1\r\n$536870912\r\n", "more"},
  });
}

TEST(RequestReaderTest, IgnoresEmptyArrays) {
  RunTable({
      {"0", "*0\r\n" + kPing, "nothing [PING] more"},
      {"-1", "*-1\r\n" + kPing, "nothing [PING] more"},
      {"-10", "*-10\r\n" + kPing, "nothing [PING] more"},
      {"the least number", "*-9223372036854775808\r\n" + kPing, "nothing [PING] more"},
  });
}

TEST(RequestReaderTest, RefusesCountsThatAreNotCanonical) {
  for (const std::string count : {"",
                                  "+1",
                                  "01",
                                  "00",
                                  " 1",
                                  "1 ",
                                  "-0",
                                  "-01",
                                  "-",
                                  "--1",
                                  "0x1",
                                  "a",
                                  "1a",
                                  "1.",
                                  "1,",
                                  "2147483648",
                                  "9223372036854775807",
                                  "9223372036854775808",
                                  "-9223372036854775809",
                                  "99999999999999999999999",
                                  "1\n$4",
                                  "\xb1"}) {
    SCOPED_TRACE(count);
    ExpectHoweverCut("*" + count + "\r\n" + kPing, kInvalidCount);
  }
}

TEST(RequestReaderTest, RefusesLengthsThatAreNotCanonical) {
  for (const std::string length :
       {"", "-1", "-0", "+4", "04", " 4", "4 ", "0x4", "a", "4a", "536870913",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "4\nPI"}) {
    SCOPED_TRACE(length);
    ExpectHoweverCut("*1\r\n$" + length + "\r\nPING\r\n", kInvalidLength);
  }
}

TEST(RequestReaderTest, RefusesWhatIsNotABulkString) {
  const std::string expected = "error: Protocol error: expected '$', got ";
  RunTable({
      {"a word", "*1\r\nfoo\r\n", expected + "'f'"},
      {"an integer", "*1\r\n:4\r\n", expected + "':'"},
      {"an array", "*1\r\n*1\r\n", expected + "'*'"},
      {"not ASCII", "*1\r\n\xff"s + "4\r\n", expected + "'\xff'"},
      {"an empty line", "*1\r\n\r\n", expected + "' '"},
      {"LF", "*1\r\n\n\r\n", expected + "' '"},
      {"CR for LF, twice", "*1\r\r\r$4\r\nPING\r\n", expected + "' '"},
      {"the second argument", "*2\r\n$3\r\nGET\r\nkey\r\n", expected + "'k'"},
      {"a length that is no number is not looked at", "*1\r\nx\r\n", expected + "'x'"},
      {"behind a command", kPing + "*1\r\nfoo\r\n", "[PING] " + expected + "'f'"},
  });
}

// There redis-server does not see the end of the line, and waits for ever.
TEST(RequestReaderTest, RefusesANulInALine) {
  RunTable({
      {"in a count", "*1\0\r\n"s, kInvalidCount},
      {"before a count", "*\0"s + "1\r\n", kInvalidCount},
      {"in a length", "*1\r\n$4\0\r\n"s, kInvalidLength},
      {"for a dollar", "*1\r\n\0"s + "4\r\n", "error: Protocol error: expected '$', got ' '"},
      {"inline", "ECHO a\0b\r\n"s, "error: Protocol error: NUL in inline request"},
      {"quoted", "ECHO \"a\0b\"\r\n"s, "error: Protocol error: NUL in inline request"},
  });
}

TEST(RequestReaderTest, ClosesSilentlyOnHttp) {
  RunTable({
      {"POST", "POST / HTTP/1.1\r\n", "silent more"},
      {"of any case", "pOsT\r\n", "silent more"},
      {"quoted", "\"POST\"\r\n", "silent more"},
      {"Host:", "Host: x\r\n", "silent more"},
      {"HOST:", "HOST:\r\n", "silent more"},
      {"in an array", Array({"Post"}), "silent more"},
      {"Host: in an array", Array({"hOst:", "a"}), "silent more"},
      {"up to a NUL", Array({"Post\0x"s}), "silent more"},
      {"without its colon", "Host\r\n", "[Host] more"},
      {"joined with its value", "Host:x\r\n", "[Host:x] more"},
      {"longer", "POSTS\r\n", "[POSTS] more"},
      {"shorter", "POS\r\n", "[POS] more"},
      {"not the name", "GET POST\r\n", "[GET|POST] more"},
      {"a GET is a command", "GET / HTTP/1.1\r\nHost: x\r\n", "[GET|/|HTTP/1.1] silent more"},
  });
}

TEST(RequestReaderTest, LimitsClientsThatAreNotAuthenticated) {
  const std::string count = "error: Protocol error: unauthenticated multibulk length";
  const std::string length = "error: Protocol error: unauthenticated bulk length";
  RunTable(
      {
          {"10 arguments", "*10\r\n", "more"},
          {"11 arguments", "*11\r\n", count},
          {"16384 bytes", "*1\r\n$16384\r\n", "more"},
          {"16385 bytes", "*1\r\n$16385\r\n", length},
          {"11 arguments inline", "a b c d e f g h i j k\r\n", "[a|b|c|d|e|f|g|h|i|j|k] more"},
          {"more than anybody may send", "*2147483648\r\n", kInvalidCount},
          {"longer than anybody may send", "*1\r\n$536870913\r\n", kInvalidLength},
          {"an ignored array", "*-1\r\n", "nothing more"},
      },
      false);
}

TEST(RequestReaderTest, LiftsTheLimitsFromTheNextCommandOn) {
  const std::string bytes = Array({"AUTH", "x"}) + "*11\r\n$16385\r\n";
  RequestReader reader(kDefaultLimits);
  reader.SetAuthenticated(false);
  Command command;
  ASSERT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  reader.SetAuthenticated(true);
  const std::string_view rest = std::string_view(bytes).substr(reader.consumed());
  EXPECT_EQ(reader.Parse(rest, &command), ParseStatus::kNeedMore);
}

TEST(RequestReaderTest, KeepsReportingAnError) {
  RequestReader reader(kDefaultLimits);
  Command command;
  ASSERT_EQ(reader.Parse("*x\r\n", &command), ParseStatus::kError);
  EXPECT_EQ(reader.Parse("*x\r\n" + kPing, &command), ParseStatus::kError);
  EXPECT_EQ(reader.error_text(), "Protocol error: invalid multibulk length");
}

// Lines: the default limit is redis-server's, a small one is tried in all cuts.
struct LineKind {
  std::string before;
  std::string begin;
  std::string end;
  std::string error;
};

const LineKind kLineKinds[] = {
    {"", "x", "\n", "error: Protocol error: too big inline request"},
    {"", "*", "\r\n", "error: Protocol error: too big mbulk count string"},
    {"*1\r\n", "$", "\r\n", "error: Protocol error: too big bulk count string"},
};

TEST(RequestReaderTest, BoundsEachKindOfLine) {
  RequestLimits limits;
  limits.line_bytes = 16;
  for (const LineKind& kind : kLineKinds) {
    SCOPED_TRACE(kind.begin);
    const std::string line = kind.begin + std::string(15, 'a');
    EXPECT_EQ(ReadWhole(kind.before + line, limits), "more");
    EXPECT_NE(ReadWhole(kind.before + line + kind.end, limits), kind.error);
    ExpectHoweverCut(kind.before + line + "a", kind.error, limits);
    ExpectHoweverCut(kind.before + line + "a" + kind.end, kind.error, limits);
  }
}

TEST(RequestReaderTest, BoundsLinesTo64KilobytesByDefault) {
  for (const LineKind& kind : kLineKinds) {
    SCOPED_TRACE(kind.begin);
    const std::string line = kind.before + kind.begin + std::string(65535, 'a');
    EXPECT_EQ(ReadWhole(line), "more");
    EXPECT_EQ(ReadWhole(line + "a"), kind.error);
    EXPECT_EQ(ReadCuts(line + "a" + kind.end, {line.size(), line.size() + 3}), kind.error);
  }
  const std::string blanks(65536 - 4, ' ');
  EXPECT_EQ(ReadWhole("PING" + blanks + "\n"), "[PING] more");
  EXPECT_EQ(ReadWhole("PING" + blanks + " \n"), kLineKinds[0].error);
}

TEST(RequestReaderTest, BoundsAnArgument) {
  RequestLimits limits;
  limits.bulk_bytes = 3;
  ExpectHoweverCut(Array({"GET", "a"}), "[GET|a] more", limits);
  ExpectHoweverCut(Array({"GET", "abcd"}), kInvalidLength, limits);
}

TEST(RequestReaderTest, BoundsAWholeCommandButNotAPipeline) {
  const std::string error = "error: Protocol error: too big request";
  RequestLimits limits;
  limits.command_bytes = 20;
  const std::string exact = Array({"GET", "k"});
  ASSERT_EQ(exact.size(), 20U);
  ExpectHoweverCut(exact + exact, "[GET|k] [GET|k] more", limits);
  ExpectHoweverCut(exact + Array({"GET", "kk"}), "[GET|k] " + error, limits);
  ExpectHoweverCut("*2147483647\r\n$0\r\n\r\n$0\r\n\r\n", error, limits);
  EXPECT_EQ(ReadWhole("*2\r\n$3\r\nGET\r\n$9\r\nkk", limits), "more");
  EXPECT_EQ(ReadWhole("*2\r\n$3\r\nGET\r\n$9\r\nkkk", limits), error);
  ExpectHoweverCut("GET " + std::string(15, 'k') + "\n", "[GET|kkkkkkkkkkkkkkk] more", limits);
  ExpectHoweverCut("GET " + std::string(16, 'k') + "\n", error, limits);
}

// The arguments of a command of a million, then of a small one, from another place.
TEST(RequestReaderTest, ReadsManyArguments) {
  std::string bytes = "*1000000\r\n";
  for (int i = 0; i < 1000000; ++i) bytes += "$1\r\nx\r\n";
  RequestReader reader(kDefaultLimits);
  Command command;
  const std::string_view all(bytes);
  ASSERT_EQ(reader.Parse(all.substr(0, bytes.size() / 2), &command), ParseStatus::kNeedMore);
  const std::string_view rest = all.substr(reader.taken());
  ASSERT_EQ(reader.Parse(rest, &command), ParseStatus::kDone);
  EXPECT_EQ(command.size(), 1000000U);
  EXPECT_EQ(command[999999], "x");
  EXPECT_EQ(reader.consumed(), rest.size());
  ASSERT_EQ(reader.Parse(kPing, &command), ParseStatus::kDone);
  EXPECT_EQ(Describe(command), "[PING] ");
}

// Pages of one mapping, which are taken away behind the reader's back: to look at them is to crash.
class HiddenPages {
 public:
  explicit HiddenPages(std::string_view bytes) : size_(bytes.size()) {
    page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RP_CHECK(mapped != MAP_FAILED);
    start_ = static_cast<char*>(mapped);
    std::copy(bytes.begin(), bytes.end(), start_);
  }
  ~HiddenPages() { munmap(start_, size_); }
  HiddenPages(const HiddenPages&) = delete;
  HiddenPages& operator=(const HiddenPages&) = delete;

  // Leaves nothing readable but the pages that hold some of the bytes from `begin` to `end`.
  void ShowOnly(size_t begin, size_t end) {
    RP_CHECK(mprotect(start_, size_, PROT_NONE) == 0);
    const size_t first = begin / page_ * page_;
    RP_CHECK(mprotect(start_ + first, end - first, PROT_READ) == 0);
  }
  [[nodiscard]] std::string_view Prefix(size_t size) const { return {start_, size}; }

 private:
  char* start_ = nullptr;
  size_t size_ = 0;
  size_t page_ = 0;
};

TEST(RequestReaderTest, NeverLooksAtTheBytesOfAnArgumentInTheBuffer) {
  const std::string bytes = Array({"SET", std::string(100000, 'v'), "x"});
  HiddenPages pages(bytes);
  const size_t last_length = bytes.size() - 10;
  RequestLimits limits;
  limits.stored_argument_bytes = limits.stored_command_bytes = bytes.size();
  RequestReader reader(limits);
  Command command;
  pages.ShowOnly(0, 100);
  ASSERT_EQ(reader.Parse(pages.Prefix(100), &command), ParseStatus::kNeedMore);
  pages.ShowOnly(last_length, bytes.size());
  for (size_t size = 101; size < bytes.size(); size += 37) {
    ASSERT_EQ(reader.Parse(pages.Prefix(size), &command), ParseStatus::kNeedMore);
  }
  ASSERT_EQ(reader.Parse(pages.Prefix(bytes.size()), &command), ParseStatus::kDone);
  EXPECT_EQ(command.size(), 3U);
  EXPECT_EQ(command[1].size(), 100000U);
}

TEST(RequestReaderTest, ReadsEachByteOfAGrowingLineOnce) {
  for (const LineKind& kind : kLineKinds) {
    SCOPED_TRACE(kind.begin);
    const std::string bytes = kind.before + kind.begin + std::string(60000, 'a');
    HiddenPages pages(bytes);
    RequestReader reader(kDefaultLimits);
    Command command;
    for (size_t size = 1; size <= bytes.size(); ++size) {
      if (size % 4096 == 1) pages.ShowOnly(size - 1, std::min(size + 4095, bytes.size()));
      ASSERT_EQ(reader.Parse(pages.Prefix(size), &command), ParseStatus::kNeedMore);
    }
  }
}

// Bytes of memory that the reader holds once it has read the command and dealt with it.
size_t HeldAfter(const std::string& bytes) {
  const RequestLimits limits;
  RequestReader reader(limits);
  Command command;
  EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  reader.EndCommand();
  const size_t held = reader.held_bytes();
  // It reads on as before.
  EXPECT_EQ(reader.Parse(kPing, &command), ParseStatus::kDone);
  EXPECT_EQ(command[0], "PING");
  EXPECT_EQ(reader.consumed(), kPing.size());
  return held;
}

TEST(RequestReaderTest, KeepsNothingOfALargeCommandOnceItHasEnded) {
  std::string inline_command = "MGET";
  for (int i = 0; i < 10'000; ++i) inline_command += " key";
  EXPECT_LE(HeldAfter(inline_command + "\r\n"), 16U);
  EXPECT_LE(HeldAfter(Array(std::vector<std::string>(100'000, "a"))), 16U);
  EXPECT_GT(HeldAfter(Array(std::vector<std::string>(1000, "a"))), 8000U)
      << "what is usual is not allocated for each command";
}

TEST(RequestReaderTest, KeepsNothingOfALargeCommandThatIsWrong) {
  const RequestLimits limits;
  RequestReader reader(limits);
  Command command;
  const std::string bytes = Array(std::vector<std::string>(100'000, "a"));
  EXPECT_EQ(reader.Parse(bytes.substr(0, bytes.size() - 7) + "!1\r\n", &command),
            ParseStatus::kError);
  EXPECT_LE(reader.held_bytes(), 16U);
}

TEST(RequestReaderTest, MoreArgumentsThanThereIsMemoryForAreAnError) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  constexpr int kArguments = 4'000'000;
  std::string bytes = "*" + std::to_string(kArguments) + "\r\n";
  for (int i = 0; i < kArguments; ++i) bytes += "$0\r\n\r\n";
  RequestReader reader(kDefaultLimits);
  Command command;
  {
    const ScarceMemory scarce;
    EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kError);
  }
  EXPECT_TRUE(reader.out_of_memory());
  EXPECT_EQ(reader.error_text(), "out of memory for so many arguments");
  RequestReader other(kDefaultLimits);
  EXPECT_EQ(other.Parse(bytes, &command), ParseStatus::kDone);
}

// --- Large commands ---

TEST(RequestReaderTest, ALargeArgumentIsReadToWhereItStays) {
  const std::string value(40'000, 'v');
  const std::string bytes = Array({"SET", "k", value});
  const size_t begin = bytes.size() - value.size() - 2;
  RequestReader reader(kDefaultLimits);
  Command command;
  const std::string_view all(bytes);
  ASSERT_EQ(reader.Parse(all.substr(0, begin + 10), &command), ParseStatus::kNeedMore);
  EXPECT_EQ(reader.taken(), begin + 10);
  const std::span<char> room = reader.Room(SIZE_MAX);
  ASSERT_EQ(room.size(), value.size() - 11) << "the last byte is left for Parse";
  std::copy_n(value.begin(), room.size(), room.begin());
  reader.Grow(room.size());
  EXPECT_TRUE(reader.Room(SIZE_MAX).empty());
  ASSERT_EQ(reader.Parse(all.substr(bytes.size() - 3), &command), ParseStatus::kDone);
  EXPECT_EQ(reader.consumed(), 3u);
  EXPECT_EQ(Describe(command), "[SET|k|" + value + "] ");
  EXPECT_EQ(command[2].data() + 10, room.data()) << "it has been copied";
  ASSERT_NE(command.large(), nullptr);
}

TEST(RequestReaderTest, StoresFromTheLimitsOn) {
  RequestLimits limits;
  limits.stored_argument_bytes = 10;
  limits.stored_command_bytes = 100;
  const auto taken = [&](const std::string& bytes) {
    RequestReader reader(limits);
    Command command;
    EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kNeedMore);
    return reader.taken();
  };
  EXPECT_EQ(taken("*2\r\n$9\r\nx"), 0u);
  EXPECT_EQ(taken("*2\r\n$10\r\nx"), 10u);
  const std::string many = Array(std::vector<std::string>(13, "a"));
  ASSERT_EQ(many.size(), 96u);
  const std::string begin = "*99" + many.substr(3);
  EXPECT_EQ(taken(begin + "$9\r"), 0u);
  EXPECT_EQ(taken(begin + "$9\r\n"), 100u);
  RequestReader reader(limits);
  Command command;
  ASSERT_EQ(reader.Parse(many + "more", &command), ParseStatus::kDone);
  EXPECT_EQ(command.large(), nullptr) << "what has come whole stays where it is";
}

TEST(RequestReaderTest, BoundsACommandWhoseArgumentIsReadElsewhere) {
  RequestLimits limits;
  limits.stored_argument_bytes = 1;
  limits.command_bytes = 100;
  for (const size_t excess : {size_t{0}, size_t{1}}) {
    const std::string bytes = Array({"SET", std::string(80 + excess, 'v')});
    ASSERT_EQ(bytes.size(), limits.command_bytes + excess);
    const std::string_view all(bytes);
    RequestReader reader(limits);
    Command command;
    ASSERT_EQ(reader.Parse(all.substr(0, 18), &command), ParseStatus::kNeedMore);
    ASSERT_EQ(reader.taken(), 18u);
    reader.Grow(reader.Room(SIZE_MAX).size());
    const std::string_view end = all.substr(bytes.size() - 3);
    EXPECT_EQ(reader.Parse(end.substr(0, 1), &command), ParseStatus::kNeedMore);
    EXPECT_EQ(reader.taken(), 1u);
    EXPECT_EQ(reader.Parse(end.substr(1, 1), &command),
              excess == 0 ? ParseStatus::kNeedMore : ParseStatus::kError);
    EXPECT_EQ(reader.Parse(end.substr(1), &command),
              excess == 0 ? ParseStatus::kDone : ParseStatus::kError);
  }
}

TEST(RequestReaderTest, LeavesNoRoomBeyondTheLimitOfACommand) {
  RequestLimits limits;
  limits.command_bytes = 100;
  RequestReader reader(limits);
  Command command;
  const std::string bytes = "*2\r\n$3\r\nSET\r\n$40000\r\n";
  ASSERT_EQ(reader.Parse(bytes, &command), ParseStatus::kNeedMore);
  const std::span<char> room = reader.Room(SIZE_MAX);
  EXPECT_EQ(room.size(), limits.command_bytes - bytes.size() - 1);
  reader.Grow(room.size());
  EXPECT_TRUE(reader.Room(SIZE_MAX).empty());
  EXPECT_EQ(reader.Parse("v", &command), ParseStatus::kError);
  EXPECT_EQ(reader.error_text(), "Protocol error: too big request");
}

TEST(RequestReaderTest, ALargeCommandThatIsPutBackComesAgain) {
  RequestLimits limits;
  limits.stored_argument_bytes = 4;
  const std::string bytes = Array({"SET", "value"}) + kPing;
  const std::string_view all(bytes);
  RequestReader reader(limits);
  Command command;
  ASSERT_EQ(reader.Parse(all.substr(0, 20), &command), ParseStatus::kNeedMore);
  std::string_view rest = all.substr(reader.taken());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(reader.Parse(rest, &command), ParseStatus::kDone);
    EXPECT_EQ(Describe(command), "[SET|value] ");
    rest.remove_prefix(reader.PutBack());
    EXPECT_TRUE(reader.Room(100).empty());
  }
  ASSERT_EQ(reader.Parse(rest, &command), ParseStatus::kDone);
  rest.remove_prefix(reader.consumed());
  ASSERT_EQ(reader.Parse(rest, &command), ParseStatus::kDone);
  EXPECT_EQ(Describe(command), "[PING] ");
  EXPECT_EQ(reader.PutBack(), 0u) << "a small command stays in the buffer";
  ASSERT_EQ(reader.Parse(rest, &command), ParseStatus::kDone);
  EXPECT_EQ(Describe(command), "[PING] ");
}

TEST(RequestReaderTest, KeepsNothingOfAStoredCommand) {
  const std::string bytes = Array({"SET", "k", std::string(1 << 20, 'v')});
  RequestReader reader(kDefaultLimits);
  Command command;
  const std::string_view all(bytes);
  ASSERT_EQ(reader.Parse(all.substr(0, 100'000), &command), ParseStatus::kNeedMore);
  ASSERT_EQ(reader.Parse(all.substr(reader.taken()), &command), ParseStatus::kDone);
  EXPECT_GT(reader.held_bytes(), bytes.size());
  reader.EndCommand();
  EXPECT_LE(reader.held_bytes(), 64u);
}

TEST(RequestReaderTest, ALargerArgumentThanThereIsMemoryForIsAnError) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  const std::string bytes = Array({"SET", "k", std::string(64 << 20, 'v')});
  RequestReader reader(kDefaultLimits);
  Command command;
  {
    const ScarceMemory scarce;
    EXPECT_EQ(reader.Parse(std::string_view(bytes).substr(0, bytes.size() - 1), &command),
              ParseStatus::kError);
  }
  EXPECT_TRUE(reader.out_of_memory());
  EXPECT_EQ(reader.error_text(), "out of memory for so many arguments");
  EXPECT_LE(reader.held_bytes(), 64u);
}

}  // namespace
}  // namespace rp::resp
