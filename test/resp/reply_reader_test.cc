#include "resp/reply_reader.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/guard_page.h"

namespace rp::resp {
namespace {

using std::string_literals::operator""s;

constexpr size_t kMaxBytes = 1000;

// The elements of one reply, each as its type and what it holds.
std::string Describe(std::string_view reply) {
  std::string text;
  ReplyCursor cursor(reply);
  ReplyElement element;
  while (cursor.Next(&element)) {
    text += element.type;
    if (element.null) {
      text += "null";
    } else if (std::string_view(":#*~%>|").find(element.type) != std::string_view::npos) {
      text += std::to_string(element.number);
    } else {
      text += element.text;
    }
    text += ' ';
  }
  return text + ". ";
}

// What the reader makes of `bytes` when they arrive up to each of `cuts` in turn, each time at
// another place in memory: the replies, then "more" or "error: " and why.
std::string ReadCuts(std::string_view bytes, const std::vector<size_t>& cuts,
                     size_t max_bytes = kMaxBytes) {
  GuardPage page(bytes.size() + 1);
  ReplyReader reader(max_bytes);
  std::string outcome;
  size_t start = 0;
  for (const size_t cut : cuts) {
    for (;;) {
      const std::string_view unread = page.Hold(bytes.substr(start, cut - start));
      const ParseStatus status = reader.Parse(unread);
      if (status == ParseStatus::kError) {
        return outcome + "error: " + std::string(reader.error_text());
      }
      if (status == ParseStatus::kNeedMore) break;
      outcome += Describe(unread.substr(0, reader.consumed()));
      start += reader.consumed();
    }
  }
  return outcome + "more";
}

std::string ReadWhole(std::string_view bytes, size_t max_bytes = kMaxBytes) {
  return ReadCuts(bytes, {bytes.size()}, max_bytes);
}

void ExpectHoweverCut(const std::string& bytes, const std::string& expected,
                      size_t max_bytes = kMaxBytes) {
  const size_t size = bytes.size();
  std::vector<size_t> every_byte;
  for (size_t i = 0; i <= size; ++i) every_byte.push_back(i);
  EXPECT_EQ(ReadWhole(bytes, max_bytes), expected);
  EXPECT_EQ(ReadCuts(bytes, every_byte, max_bytes), expected);
  for (size_t i = 0; i <= size; ++i) {
    EXPECT_EQ(ReadCuts(bytes, {i, size}, max_bytes), expected) << "cut at " << i;
  }
}

struct ReplyRow {
  const char* name;
  std::string bytes;
  std::string expected;
};

void RunTable(const std::vector<ReplyRow>& rows) {
  for (const ReplyRow& row : rows) {
    SCOPED_TRACE(row.name);
    ExpectHoweverCut(row.bytes, row.expected);
    if (!row.expected.ends_with("more")) continue;
    for (size_t i = 0; i < row.bytes.size(); ++i) {
      const std::string outcome = ReadWhole(std::string_view(row.bytes).substr(0, i));
      ASSERT_TRUE(outcome.ends_with("more")) << "prefix of " << i;
      EXPECT_TRUE(row.expected.starts_with(outcome.substr(0, outcome.size() - 4)));
    }
  }
}

// Most of these are redis-server's answers to `DEBUG PROTOCOL`.
TEST(ReplyReaderTest, ReadsEveryType) {
  RunTable({
      {"status", "+OK\r\n", "+OK . more"},
      {"empty status", "+\r\n", "+ . more"},
      {"error", "-ERR no\r\n", "-ERR no . more"},
      {"integer", ":12345\r\n", ":12345 . more"},
      {"negative integer", ":-9223372036854775808\r\n", ":-9223372036854775808 . more"},
      {"bulk", "$11\r\nHello World\r\n", "$Hello World . more"},
      {"any byte in a bulk", "$6\r\n\r\n\0$1\n\r\n"s, "$\r\n\0$1\n . more"s},
      {"empty bulk", "$0\r\n\r\n", "$ . more"},
      {"bulk error", "!8\r\nERR a\r\nb\r\n", "!ERR a\r\nb . more"},
      {"verbatim", "=9\r\ntxt:a\nbcd\r\n", "=txt:a\nbcd . more"},
      {"null", "_\r\n", "_null . more"},
      {"null bulk", "$-1\r\n", "$null . more"},
      {"null array", "*-1\r\n", "*null . more"},
      {"true", "#t\r\n", "#1 . more"},
      {"false", "#f\r\n", "#0 . more"},
      {"double", ",3.141\r\n", ",3.141 . more"},
      {"double with exponent", ",-1.5e-300\r\n", ",-1.5e-300 . more"},
      {"infinity", ",inf\r\n", ",inf . more"},
      {"minus infinity", ",-inf\r\n", ",-inf . more"},
      {"not a number", ",nan\r\n", ",nan . more"},
      {"a double beyond double", ",1e999\r\n", ",1e999 . more"},
      {"big number", "(-1234567999999999999999999999999999999\r\n",
       "(-1234567999999999999999999999999999999 . more"},
  });
}

TEST(ReplyReaderTest, ReadsAggregates) {
  RunTable({
      {"empty array", "*0\r\n", "*0 . more"},
      {"array", "*3\r\n:0\r\n$1\r\na\r\n_\r\n", "*3 :0 $a _null . more"},
      {"set", "~2\r\n:0\r\n:1\r\n", "~2 :0 :1 . more"},
      {"map", "%2\r\n:0\r\n#f\r\n:1\r\n#t\r\n", "%4 :0 #0 :1 #1 . more"},
      {"empty map", "%0\r\n", "%0 . more"},
      {"nested", "*2\r\n*1\r\n*2\r\n:1\r\n:2\r\n:3\r\n", "*2 *1 *2 :1 :2 :3 . more"},
      {"empty ones inside", "*3\r\n*0\r\n%0\r\n*-1\r\n", "*3 *0 %0 *null . more"},
      {"an unfinished one", "*2\r\n*1\r\n:1\r\n", "more"},
      {"push", ">2\r\n$1\r\na\r\n:1\r\n", ">2 $a :1 . more"},
      {"invalidation", "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n",
       "*3 $message $__redis__:invalidate *1 $k . more"},
      {"several", "+OK\r\n*1\r\n:1\r\n>1\r\n:2\r\n$-1\r\n", "+OK . *1 :1 . >1 :2 . $null . more"},
  });
}

TEST(ReplyReaderTest, TakesAnAttributeAsPartOfWhatFollowsIt) {
  RunTable({
      {"before a bulk", "|1\r\n+a\r\n:1\r\n$2\r\nok\r\n", "|2 +a :1 $ok . more"},
      {"empty", "|0\r\n:1\r\n", "|0 :1 . more"},
      {"two", "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n:3\r\n", "|2 +a :1 |2 +b :2 :3 . more"},
      {"inside an array", "*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n",
       "*2 :1 |2 +a *1 :9 :2 . more"},
      {"inside an attribute", "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n",
       "|2 +a |2 +b :1 :2 :3 . more"},
      {"before a push", "|1\r\n+a\r\n:1\r\n>1\r\n:1\r\n", "|2 +a :1 >1 :1 . more"},
      {"alone", "|1\r\n+a\r\n:1\r\n", "more"},
  });
}

TEST(ReplyReaderTest, RefusesWhatIsNoReply) {
  const std::string integer = "error: not an integer";
  const std::string line = "error: a line that does not end with its first CR";
  RunTable({
      {"a letter", "HTTP/1.1 400 Bad Request\r\n", "error: not the first byte of a reply"},
      {"NUL", "\0"s, "error: not the first byte of a reply"},
      {"CR", "\r\n", "error: not the first byte of a reply"},
      {"behind a reply", "+OK\r\nx", "+OK . error: not the first byte of a reply"},
      {"inside an array", "*2\r\n:1\r\nx", "error: not the first byte of a reply"},
      {"a streamed end", ".\r\n", "error: not the first byte of a reply"},
      {"a streamed string", "$?\r\n", integer},
      {"a streamed array", "*?\r\n", integer},
      {"LF alone", "+OK\n", line},
      {"LF and nothing", "+\n", line},
      {"CR inside", "+O\rK\r\n", line},
      {"CR CR LF", "+OK\r\r\n", line},
      {"no integer", ":1a\r\n", integer},
      {"an empty integer", ":\r\n", integer},
      {"not canonical", ":01\r\n", integer},
      {"a plus sign", ":+1\r\n", integer},
      {"beyond int64_t", ":9223372036854775808\r\n", integer},
      {"a length with a space", "$ 1\r\n", integer},
      {"a negative bulk", "$-2\r\n", "error: a negative length"},
      {"a negative array", "*-2\r\n", "error: a negative length"},
      {"a null map", "%-1\r\n", "error: a negative length"},
      {"a null verbatim", "=-1\r\n", "error: a negative length"},
      {"too many elements", "*2147483648\r\n", "error: too many elements"},
      {"a bulk that is longer", "$1\r\nab\r\n",
       "error: a bulk string that is not followed by CR LF"},
      {"a bulk that is shorter", "$2\r\na\r\n:1\r\n",
       "error: a bulk string that is not followed by CR LF"},
      {"a short verbatim", "=3\r\ntxt\r\n", "error: a verbatim string without its format"},
      {"a verbatim without a colon", "=4\r\ntext\r\n",
       "error: a verbatim string without its format"},
      {"a null that holds something", "_x\r\n", "error: not a null"},
      {"a boolean of another kind", "#1\r\n", "error: not a boolean"},
      {"an empty boolean", "#\r\n", "error: not a boolean"},
      {"no double", ",1.2.3\r\n", "error: not a double"},
      {"an empty double", ",\r\n", "error: not a double"},
      {"no big number", "(12a\r\n", "error: not a big number"},
      {"an empty big number", "(-\r\n", "error: not a big number"},
      {"a push inside an array", "*1\r\n>1\r\n", "error: a push inside a reply"},
      {"a push inside an attribute", "|1\r\n>1\r\n", "error: a push inside a reply"},
  });
}

TEST(ReplyReaderTest, WaitsForAsManyElementsAsAnIntCounts) {
  EXPECT_EQ(ReadWhole("*2147483647\r\n:1\r\n"), "more");
  EXPECT_EQ(ReadWhole("%2147483647\r\n:1\r\n"), "more");
}

TEST(ReplyReaderTest, BoundsTheDepth) {
  const auto nested = [](size_t depth, const std::string& innermost) {
    std::string bytes;
    for (size_t i = 0; i + 1 < depth; ++i) bytes += "*1\r\n";
    return bytes + innermost;
  };
  EXPECT_TRUE(ReadWhole(nested(kMaxReplyDepth, "*1\r\n:1\r\n")).ends_with("*1 :1 . more"));
  EXPECT_TRUE(ReadWhole(nested(kMaxReplyDepth, "|1\r\n:1\r\n:1\r\n:2\r\n")).ends_with(":2 . more"));
  EXPECT_TRUE(ReadWhole(nested(kMaxReplyDepth + 1, "*-1\r\n")).ends_with("*null . more"));
  for (const std::string innermost : {"*1\r\n", "*0\r\n", "%1\r\n", "|1\r\n"}) {
    EXPECT_EQ(ReadWhole(nested(kMaxReplyDepth + 1, innermost)), "error: too deeply nested");
  }
}

TEST(ReplyReaderTest, BoundsTheSizeOfEachReply) {
  const std::string error = "error: too large a reply";
  ExpectHoweverCut("$4\r\nabcd\r\n$4\r\nabcd\r\n", "$abcd . $abcd . more", 10);
  ExpectHoweverCut("$5\r\nabcde\r\n", error, 10);
  ExpectHoweverCut("+2345678\r\n", "+2345678 . more", 10);
  ExpectHoweverCut("+23456789\r\n", error, 10);
  ExpectHoweverCut("*9\r\n_\r\n_\r\n", error, 10);
  EXPECT_EQ(ReadWhole("$9223372036854775807\r\n"), error);
}

TEST(ReplyReaderTest, TellsHowMuchOfABulkIsMissing) {
  ReplyReader reader(kMaxBytes);
  ASSERT_EQ(reader.Parse("*2\r\n$100\r"), ParseStatus::kNeedMore);
  EXPECT_EQ(reader.wanted(), 0U);
  ASSERT_EQ(reader.Parse("*2\r\n$100\r\n"), ParseStatus::kNeedMore);
  EXPECT_EQ(reader.wanted(), 102U);
  ASSERT_EQ(reader.Parse("*2\r\n$100\r\n" + std::string(100, 'x') + "\r"), ParseStatus::kNeedMore);
  EXPECT_EQ(reader.wanted(), 1U);
  ASSERT_EQ(reader.Parse("*2\r\n$100\r\n" + std::string(100, 'x') + "\r\n"),
            ParseStatus::kNeedMore);
  EXPECT_EQ(reader.wanted(), 0U);
}

TEST(ReplyReaderTest, KeepsReportingAnError) {
  ReplyReader reader(kMaxBytes);
  ASSERT_EQ(reader.Parse("x"), ParseStatus::kError);
  EXPECT_EQ(reader.Parse("+OK\r\n"), ParseStatus::kError);
}

TEST(ReplyReaderTest, TellsOneWholeReplyFromAnythingElse) {
  EXPECT_TRUE(IsWholeReply("*1\r\n:1\r\n"));
  for (const std::string bytes : {"", "*1\r\n", "*1\r\n:1\r\n:2\r\n", "(abc\r\n"}) {
    EXPECT_FALSE(IsWholeReply(bytes)) << bytes;
  }
}

TEST(ReplyCursorTest, HasNothingInAnEmptyReply) {
  ReplyElement element;
  EXPECT_FALSE(ReplyCursor("").Next(&element));
}

}  // namespace
}  // namespace rp::resp
