#include "resp/writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "resp/grammar.h"
#include "resp/reply_cursor.h"

namespace rp::resp {
namespace {

std::string Written(int version, const std::function<void(Writer&)>& write) {
  std::string out = "before ";
  Writer writer(version, &out);
  write(writer);
  EXPECT_TRUE(out.starts_with("before "));
  return out.substr(7);
}

struct WriterRow {
  const char* name;
  std::function<void(Writer&)> write;
  std::string resp2;
  std::string resp3;
};

// Where the two differ, this is what `DEBUG PROTOCOL` of redis-server 7.0.15 shows.
std::vector<WriterRow> Rows() {
  return {
      {"status", [](Writer& w) { w.SimpleString("OK"); }, "+OK\r\n", "+OK\r\n"},
      {"error", [](Writer& w) { w.Error("ERR x"); }, "-ERR x\r\n", "-ERR x\r\n"},
      {"integer", [](Writer& w) { w.Integer(12345); }, ":12345\r\n", ":12345\r\n"},
      {"bulk", [](Writer& w) { w.Bulk("a\r\nb"); }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
      {"empty bulk", [](Writer& w) { w.Bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n"},
      {"null", [](Writer& w) { w.Null(); }, "$-1\r\n", "_\r\n"},
      {"empty array", [](Writer& w) { w.ArrayHeader(0); }, "*0\r\n", "*0\r\n"},
      {"array",
       [](Writer& w) {
         w.ArrayHeader(2);
         w.Integer(0);
         w.Integer(1);
       },
       "*2\r\n:0\r\n:1\r\n", "*2\r\n:0\r\n:1\r\n"},
      {"map",
       [](Writer& w) {
         w.MapHeader(2);
         w.Integer(0);
         w.Integer(2);
         w.Integer(1);
         w.Integer(3);
       },
       "*4\r\n:0\r\n:2\r\n:1\r\n:3\r\n", "%2\r\n:0\r\n:2\r\n:1\r\n:3\r\n"},
      {"set",
       [](Writer& w) {
         w.SetHeader(1);
         w.Integer(0);
       },
       "*1\r\n:0\r\n", "~1\r\n:0\r\n"},
      {"verbatim", [](Writer& w) { w.Verbatim("txt", "This is a verbatim\nstring"); },
       "$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"},
  };
}

TEST(WriterTest, WritesWhatRedisWritesInBothVersions) {
  for (const WriterRow& row : Rows()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(Written(2, row.write), row.resp2);
    EXPECT_EQ(Written(3, row.write), row.resp3);
  }
}

TEST(WriterTest, WritesWholeReplies) {
  for (const WriterRow& row : Rows()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(IsWholeReply(row.resp2));
    EXPECT_TRUE(IsWholeReply(row.resp3));
  }
}

TEST(WriterTest, KeepsStatusesAndErrorsOnOneLine) {
  EXPECT_EQ(Written(2, [](Writer& w) { w.SimpleString("a\r\nb"); }), "+a  b\r\n");
  EXPECT_EQ(Written(2, [](Writer& w) { w.Error("ERR a\rb\n"); }), "-ERR a b \r\n");
  EXPECT_EQ(Written(2, [](Writer& w) { w.Error("BUSY", "a\r\nb"); }), "-BUSY a  b\r\n");
}

TEST(WriterTest, LeavesWhatWasWrittenBeforeAlone) {
  std::string out = "$2\r\n\r\n\r\n";
  Writer(2, &out).Error("ERR x");
  EXPECT_EQ(out, "$2\r\n\r\n\r\n-ERR x\r\n");
}

TEST(WriterTest, WritesHeadersOfAllSizesIntoRawMemory) {
  const auto header = [](size_t bytes) {
    char out[kMaxHeaderBytes];
    return std::string(out, PutBulkHeader(bytes, out));
  };
  EXPECT_EQ(header(0), "$0\r\n");
  EXPECT_EQ(header(9), "$9\r\n");
  EXPECT_EQ(header(10), "$10\r\n");
  EXPECT_EQ(header(99), "$99\r\n");
  EXPECT_EQ(header(100), "$100\r\n");
  EXPECT_EQ(header(536870912), "$536870912\r\n");
}

TEST(WriterTest, WritesEveryInteger) {
  const auto integer = [](int64_t number) {
    return Written(2, [number](Writer& w) { w.Integer(number); });
  };
  EXPECT_EQ(integer(-1), ":-1\r\n");
  EXPECT_EQ(integer(std::numeric_limits<int64_t>::max()), ":9223372036854775807\r\n");
  EXPECT_EQ(integer(std::numeric_limits<int64_t>::min()), ":-9223372036854775808\r\n");
}

}  // namespace
}  // namespace rp::resp
