#include "resp/reply_cursor.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "test/support/guard_page.h"

namespace rp::resp {
namespace {

using std::string_literals::operator""s;

// The elements of one reply, each as its type and what it holds.
std::string Describe(std::string_view reply) {
  if (!IsWholeReply(reply)) return "none";
  std::string text;
  ReplyCursor cursor(reply);
  ReplyElement element;
  while (cursor.Next(&element)) {
    if (!text.empty()) text += ' ';
    text += element.type;
    if (element.null) {
      text += "null";
    } else if (std::string_view(":#*~%>|").find(element.type) != std::string_view::npos) {
      text += std::to_string(element.number);
    } else {
      text += element.text;
    }
  }
  return text;
}

struct ReplyRow {
  const char* name;
  std::string bytes;
  std::string expected;
};

// No part of the bytes is a reply, and no byte behind them is looked at.
void RunTable(const std::vector<ReplyRow>& rows) {
  for (const ReplyRow& row : rows) {
    SCOPED_TRACE(row.name);
    GuardPage page(row.bytes.size() + 1);
    EXPECT_EQ(Describe(page.Hold(row.bytes)), row.expected);
    for (size_t i = 0; i < row.bytes.size(); ++i) {
      EXPECT_EQ(Describe(page.Hold(row.bytes.substr(0, i))), "none") << "prefix of " << i;
    }
  }
}

// Most of these are redis-server's answers to `DEBUG PROTOCOL`.
TEST(ReplyCursorTest, ReadsEveryType) {
  RunTable({
      {"status", "+OK\r\n", "+OK"},
      {"empty status", "+\r\n", "+"},
      {"error", "-ERR no\r\n", "-ERR no"},
      {"integer", ":12345\r\n", ":12345"},
      {"negative integer", ":-9223372036854775808\r\n", ":-9223372036854775808"},
      {"bulk", "$11\r\nHello World\r\n", "$Hello World"},
      {"any byte in a bulk", "$6\r\n\r\n\0$1\n\r\n"s, "$\r\n\0$1\n"s},
      {"empty bulk", "$0\r\n\r\n", "$"},
      {"bulk error", "!8\r\nERR a\r\nb\r\n", "!ERR a\r\nb"},
      {"verbatim", "=9\r\ntxt:a\nbcd\r\n", "=txt:a\nbcd"},
      {"null", "_\r\n", "_null"},
      {"null bulk", "$-1\r\n", "$null"},
      {"null array", "*-1\r\n", "*null"},
      {"true", "#t\r\n", "#1"},
      {"false", "#f\r\n", "#0"},
      {"double", ",3.141\r\n", ",3.141"},
      {"double with exponent", ",-1.5e-300\r\n", ",-1.5e-300"},
      {"infinity", ",inf\r\n", ",inf"},
      {"minus infinity", ",-inf\r\n", ",-inf"},
      {"not a number", ",nan\r\n", ",nan"},
      {"a double beyond double", ",1e999\r\n", ",1e999"},
      {"big number", "(-1234567999999999999999999999999999999\r\n",
       "(-1234567999999999999999999999999999999"},
  });
}

TEST(ReplyCursorTest, ReadsAggregates) {
  RunTable({
      {"empty array", "*0\r\n", "*0"},
      {"array", "*3\r\n:0\r\n$1\r\na\r\n_\r\n", "*3 :0 $a _null"},
      {"set", "~2\r\n:0\r\n:1\r\n", "~2 :0 :1"},
      {"map", "%2\r\n:0\r\n#f\r\n:1\r\n#t\r\n", "%4 :0 #0 :1 #1"},
      {"empty map", "%0\r\n", "%0"},
      {"nested", "*2\r\n*1\r\n*2\r\n:1\r\n:2\r\n:3\r\n", "*2 *1 *2 :1 :2 :3"},
      {"empty ones inside", "*3\r\n*0\r\n%0\r\n*-1\r\n", "*3 *0 %0 *null"},
      {"an unfinished one", "*2\r\n*1\r\n:1\r\n", "none"},
      {"push", ">2\r\n$1\r\na\r\n:1\r\n", ">2 $a :1"},
      {"invalidation", "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n",
       "*3 $message $__redis__:invalidate *1 $k"},
  });
}

TEST(ReplyCursorTest, TakesAnAttributeAsPartOfWhatFollowsIt) {
  RunTable({
      {"before a bulk", "|1\r\n+a\r\n:1\r\n$2\r\nok\r\n", "|2 +a :1 $ok"},
      {"empty", "|0\r\n:1\r\n", "|0 :1"},
      {"two", "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n:3\r\n", "|2 +a :1 |2 +b :2 :3"},
      {"inside an array", "*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n", "*2 :1 |2 +a *1 :9 :2"},
      {"inside an attribute", "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n", "|2 +a |2 +b :1 :2 :3"},
      {"before a push", "|1\r\n+a\r\n:1\r\n>1\r\n:1\r\n", "|2 +a :1 >1 :1"},
      {"alone", "|1\r\n+a\r\n:1\r\n", "none"},
  });
}

TEST(ReplyCursorTest, RefusesWhatIsNoReply) {
  RunTable({
      {"a letter", "HTTP/1.1 400 Bad Request\r\n", "none"},
      {"NUL", "\0"s, "none"},
      {"CR", "\r\n", "none"},
      {"inside an array", "*2\r\n:1\r\nx", "none"},
      {"a streamed end", ".\r\n", "none"},
      {"a streamed string", "$?\r\n", "none"},
      {"a streamed array", "*?\r\n", "none"},
      {"LF alone", "+OK\n", "none"},
      {"LF and nothing", "+\n", "none"},
      {"CR inside", "+O\rK\r\n", "none"},
      {"CR CR LF", "+OK\r\r\n", "none"},
      {"no integer", ":1a\r\n", "none"},
      {"an empty integer", ":\r\n", "none"},
      {"not canonical", ":01\r\n", "none"},
      {"a plus sign", ":+1\r\n", "none"},
      {"beyond int64_t", ":9223372036854775808\r\n", "none"},
      {"a length with a space", "$ 1\r\n", "none"},
      {"a negative bulk", "$-2\r\n", "none"},
      {"a negative array", "*-2\r\n", "none"},
      {"a null map", "%-1\r\n", "none"},
      {"a null verbatim", "=-1\r\n", "none"},
      {"too many elements", "*2147483648\r\n", "none"},
      {"a bulk that is longer", "$1\r\nab\r\n", "none"},
      {"a bulk that is shorter", "$2\r\na\r\n:1\r\n", "none"},
      {"a short verbatim", "=3\r\ntxt\r\n", "none"},
      {"a verbatim without a colon", "=4\r\ntext\r\n", "none"},
      {"a null that holds something", "_x\r\n", "none"},
      {"a boolean of another kind", "#1\r\n", "none"},
      {"an empty boolean", "#\r\n", "none"},
      {"no double", ",1.2.3\r\n", "none"},
      {"an empty double", ",\r\n", "none"},
      {"no big number", "(12a\r\n", "none"},
      {"an empty big number", "(-\r\n", "none"},
      {"a push inside an array", "*1\r\n>1\r\n", "none"},
      {"a push inside an attribute", "|1\r\n>1\r\n", "none"},
  });
}

TEST(ReplyCursorTest, ReadsAnyDepth) {
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += "*1\r\n";
  EXPECT_TRUE(IsWholeReply(bytes + ":1\r\n"));
  EXPECT_FALSE(IsWholeReply(bytes));
}

TEST(ReplyCursorTest, TellsOneWholeReplyFromAnythingElse) {
  EXPECT_TRUE(IsWholeReply("*1\r\n:1\r\n"));
  for (const std::string bytes : {"", "*1\r\n", "*1\r\n:1\r\n:2\r\n", "(abc\r\n"}) {
    EXPECT_FALSE(IsWholeReply(bytes)) << bytes;
  }
}

TEST(ReplyCursorTest, StopsWhereNoElementBegins) {
  for (const std::string_view bad :
       {"x", "x1\r\n", "$2\r\na\r\n", "$9223372036854775807\r\n\r\n", "*2147483648\r\n",
        "%9223372036854775807\r\n", "$-2\r\n", "=3\r\ntxt\r\n"}) {
    const std::string bytes = ":1\r\n" + std::string(bad);
    ReplyCursor cursor(bytes);
    ReplyElement element;
    ASSERT_TRUE(cursor.Next(&element));
    EXPECT_FALSE(cursor.Next(&element)) << bad;
    EXPECT_EQ(cursor.rest(), bad);
  }
}

TEST(ReplyCursorTest, HasNothingInAnEmptyReply) {
  ReplyElement element;
  EXPECT_FALSE(ReplyCursor("").Next(&element));
}

}  // namespace
}  // namespace rp::resp
