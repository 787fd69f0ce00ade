#include "resp/reply_framer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "resp/reply_cursor.h"
#include "test/support/guard_page.h"

namespace rp::resp {
namespace {

using std::string_literals::operator""s;

constexpr size_t kMaxBytes = 1000;

// What the framer makes of `bytes` when they arrive up to each of `cuts` in turn, each time at
// another place in memory: how long each reply is, with > for a push, then "more" or why not.
std::string FrameCuts(std::string_view bytes, const std::vector<size_t>& cuts,
                      size_t max_bytes = kMaxBytes) {
  GuardPage page(bytes.size() + 1);
  ReplyFramer framer(max_bytes);
  std::string outcome;
  size_t start = 0;
  for (const size_t cut : cuts) {
    for (;;) {
      const std::string_view unread = page.Hold(bytes.substr(start, cut - start));
      const ParseStatus status = framer.Parse(unread);
      if (status == ParseStatus::kError) {
        return outcome + "error: " + std::string(framer.error_text());
      }
      if (status == ParseStatus::kNeedMore) break;
      outcome += framer.is_push() ? ">" : "";
      outcome += std::to_string(framer.consumed()) + " ";
      start += framer.consumed();
    }
  }
  return outcome + "more";
}

std::string FrameWhole(std::string_view bytes, size_t max_bytes = kMaxBytes) {
  return FrameCuts(bytes, {bytes.size()}, max_bytes);
}

void ExpectHoweverCut(const std::string& bytes, const std::string& expected,
                      size_t max_bytes = kMaxBytes) {
  const size_t size = bytes.size();
  std::vector<size_t> every_byte;
  for (size_t i = 0; i <= size; ++i) every_byte.push_back(i);
  EXPECT_EQ(FrameWhole(bytes, max_bytes), expected) << bytes;
  EXPECT_EQ(FrameCuts(bytes, every_byte, max_bytes), expected) << bytes;
  for (size_t i = 0; i <= size; ++i) {
    EXPECT_EQ(FrameCuts(bytes, {i, size}, max_bytes), expected) << bytes << "cut at " << i;
  }
}

// Each is one reply: the framer takes all of it, and not less.
void ExpectOneReply(const std::string& reply) {
  ExpectHoweverCut(reply, std::to_string(reply.size()) + " more");
  ExpectHoweverCut(reply + "+OK\r\n", std::to_string(reply.size()) + " 5 more");
  for (size_t i = 0; i < reply.size(); ++i) {
    EXPECT_EQ(FrameWhole(std::string_view(reply).substr(0, i)), "more") << reply << i;
  }
}

const std::vector<std::string>& RepliesBothTake() {
  static const std::vector<std::string> replies = {
      "+OK\r\n",
      "+\r\n",
      "-ERR no\r\n",
      ":-9223372036854775808\r\n",
      "$6\r\n\r\n\0$1\n\r\n"s,
      "$0\r\n\r\n",
      "$-1\r\n",
      "!8\r\nERR a\r\nb\r\n",
      "=9\r\ntxt:a\nbcd\r\n",
      "_\r\n",
      "#t\r\n",
      ",3.141\r\n",
      ",-inf\r\n",
      "(-1234567999999999999999999999999999999\r\n",
      "*-1\r\n",
      "*0\r\n",
      "*3\r\n:0\r\n$1\r\na\r\n_\r\n",
      "~2\r\n:0\r\n:1\r\n",
      "%2\r\n:0\r\n#f\r\n:1\r\n#t\r\n",
      "%0\r\n",
      "*2\r\n*1\r\n*2\r\n:1\r\n:2\r\n:3\r\n",
      "*3\r\n*0\r\n%0\r\n*-1\r\n",
      "|1\r\n+a\r\n:1\r\n$2\r\nok\r\n",
      "|0\r\n:1\r\n",
      "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n*1\r\n:3\r\n",
      "*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n",
      "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n",
  };
  return replies;
}

TEST(ReplyFramerTest, FindsTheEndOfEveryType) {
  for (const std::string& reply : RepliesBothTake()) ExpectOneReply(reply);
}

TEST(ReplyFramerTest, LeavesTheContentOfLinesAlone) {
  for (const std::string reply :
       {"(abc\r\n", "(\r\n", ",1.2.3\r\n", ",\r\n", ",-nan(x)\r\n", "#1\r\n", "#\r\n", "_x\r\n",
        ":\r\n", ":01\r\n", ":99999999999999999999999999\r\n", "+O\rK\r\n", "+OK\r\r\n",
        "+O\nK\r\n", "+\n\r\n", "-\r\r\n", "=3\r\ntxt\r\n", "=4\r\ntext\r\n",
        "*2\r\n(abc\r\n,x\r\n"}) {
    ExpectOneReply(reply);
  }
}

TEST(ReplyFramerTest, TellsAPushFromAReply) {
  ExpectHoweverCut(">2\r\n$1\r\na\r\n*1\r\n:1\r\n:1\r\n>0\r\n", ">19 4 >4 more");
  ExpectHoweverCut("|1\r\n+a\r\n:1\r\n>1\r\n:1\r\n+OK\r\n", ">20 5 more");
}

TEST(ReplyFramerTest, RefusesWhatHasNoEndItKnows) {
  const std::string type = "error: a reply of an unknown type";
  const std::string length = "error: a malformed length";
  const std::string bulk = "error: a bulk string without CR LF at its end";
  const std::string push = "error: a push inside a reply";
  const struct {
    std::string bytes, expected;
  } rows[] = {
      {"HTTP/1.1 400 Bad Request\r\n", type},
      {"\0"s, type},
      {"\r\n", type},
      {"+OK\r\nx", "5 " + type},
      {"*2\r\n:1\r\nx", type},
      {".\r\n", type},
      {"$?\r\n", length},
      {"*?\r\n", length},
      {"$\r\n", length},
      {"*01\r\n", length},
      {"%+1\r\n", length},
      {"$ 1\r\n", length},
      {"$1\n2\r\n", length},
      {"$9223372036854775808\r\n", length},
      {"$-2\r\n", "error: a negative length"},
      {"*-2\r\n", "error: a negative length"},
      {"%-1\r\n", "error: a negative length"},
      {"=-1\r\n", "error: a negative length"},
      {"$1\r\nab\r\n", bulk},
      {"$2\r\na\r\n:1\r\n", bulk},
      {"*1\r\n>1\r\n", push},
      {"|1\r\n>1\r\n", push},
      {">1\r\n>1\r\n", push},
      {"*2\r\n:1\r\n>1\r\n", push},
  };
  for (const auto& row : rows) ExpectHoweverCut(row.bytes, row.expected);
}

TEST(ReplyFramerTest, BoundsTheDigitsOfALength) {
  const std::string most(ReplyFramer::kMaxLengthDigits, '1');
  for (const char type : std::string("$!=*~%>|")) {
    EXPECT_EQ(FrameWhole(type + most), "more");
    EXPECT_EQ(FrameWhole(type + most + "\r"), "more");
    ExpectHoweverCut(type + most + "11", "error: a malformed length");
    ExpectHoweverCut(type + most + "1\r\n", "error: a malformed length");
  }
}

TEST(ReplyFramerTest, GoesToAnyDepth) {
  constexpr size_t kDepth = 100'000;
  for (const std::string head :
       {"*1\r\n", "~1\r\n", "*2\r\n:1\r\n", "%1\r\n:1\r\n", "|0\r\n*1\r\n"}) {
    std::string reply;
    for (size_t i = 0; i < kDepth; ++i) reply += head;
    EXPECT_EQ(FrameWhole(reply, 10 * reply.size()), "more");
    reply += ":1\r\n";
    EXPECT_EQ(FrameWhole(reply + "+OK\r\n", 10 * reply.size()),
              std::to_string(reply.size()) + " 5 more");
  }
}

TEST(ReplyFramerTest, IsNotLedAstrayByHugeCounts) {
  const std::string error = "error: a reply that is too large";
  constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();
  for (const char type : std::string("*~%>|$!=")) {
    ExpectHoweverCut(type + "9223372036854775807\r\n"s, error);
  }
  EXPECT_EQ(FrameWhole("$9223372036854775807\r\n", kNoLimit), "more");
  std::string sum;
  for (int i = 0; i < 3; ++i) sum += "*3000000000000000000\r\n";
  EXPECT_EQ(FrameWhole(sum, kNoLimit), error);
  EXPECT_EQ(FrameWhole("%6000000000000000000\r\n", kNoLimit), error);
  EXPECT_EQ(FrameWhole("*2147483648\r\n:1\r\n", kNoLimit), "more");
}

TEST(ReplyFramerTest, BoundsTheSizeOfEachReply) {
  const std::string error = "error: a reply that is too large";
  ExpectHoweverCut("$4\r\nabcd\r\n$4\r\nabcd\r\n", "10 10 more", 10);
  ExpectHoweverCut("$5\r\nabcde\r\n", error, 10);
  ExpectHoweverCut("+2345678\r\n", "10 more", 10);
  ExpectHoweverCut("+23456789\r\n", error, 10);
  ExpectHoweverCut("*2\r\n_\r\n_\r\n", "10 more", 10);
  ExpectHoweverCut("*2\r\n_\r\n:1\r\n", error, 10);
  ExpectHoweverCut("*3\r\n", error, 12);
  ExpectHoweverCut("*3\r\n_\r\n_\r\n_\r\n", "13 more", 13);
  ExpectHoweverCut("%1\r\n", error, 9);
  ExpectHoweverCut("%1\r\n_\r\n_\r\n", "10 more", 10);
  ExpectHoweverCut("|1\r\n", error, 12);
  ExpectHoweverCut("|1\r\n_\r\n_\r\n_\r\n", "13 more", 13);
}

TEST(ReplyFramerTest, TellsWhenAReplyIsOnlyTooLarge) {
  ReplyFramer large(10);
  ASSERT_EQ(large.Parse("$100\r\n"), ParseStatus::kError);
  EXPECT_TRUE(large.too_large());
  ReplyFramer odd(10);
  ASSERT_EQ(odd.Parse("x"), ParseStatus::kError);
  EXPECT_FALSE(odd.too_large());
}

TEST(ReplyFramerTest, TellsHowMuchOfABulkIsMissing) {
  ReplyFramer framer(kMaxBytes);
  ASSERT_EQ(framer.Parse("*2\r\n$100\r"), ParseStatus::kNeedMore);
  EXPECT_EQ(framer.wanted(), 0U);
  ASSERT_EQ(framer.Parse("*2\r\n$100\r\n"), ParseStatus::kNeedMore);
  EXPECT_EQ(framer.wanted(), 102U);
  ASSERT_EQ(framer.Parse("*2\r\n$100\r\n" + std::string(100, 'x') + "\r"), ParseStatus::kNeedMore);
  EXPECT_EQ(framer.wanted(), 1U);
  ASSERT_EQ(framer.Parse("*2\r\n$100\r\n" + std::string(100, 'x') + "\r\n"),
            ParseStatus::kNeedMore);
  EXPECT_EQ(framer.wanted(), 0U);
}

TEST(ReplyFramerTest, KeepsReportingAnError) {
  ReplyFramer framer(kMaxBytes);
  ASSERT_EQ(framer.Parse("x"), ParseStatus::kError);
  EXPECT_EQ(framer.Parse("+OK\r\n"), ParseStatus::kError);
}

// How long each reply in `bytes` is by what a cursor reads of it, up to where it reads no further.
std::string WalkWhole(std::string_view bytes) {
  std::string outcome;
  ReplyCursor cursor(bytes);
  ReplyElement element;
  size_t end = 0;  // of the reply before
  for (int64_t missing = 1; cursor.Next(&element);) {
    if (element.type != '|') --missing;
    if (IsAggregate(element.type)) missing += element.number;
    if (missing > 0) continue;
    const size_t position = bytes.size() - cursor.rest().size();
    outcome += std::to_string(position - end) + " ";
    end = position;
    missing = 1;
  }
  return outcome;
}

// What the stricter cursor takes must end in the same places: bytes of replies, and replies in
// which one byte was changed.
TEST(ReplyFramerTest, AgreesWithTheCursorOnWhatThatTakes) {
  size_t agreed = 0;
  for (const std::string& first : RepliesBothTake()) {
    for (const std::string& second : RepliesBothTake()) {
      const std::string both = "*2\r\n" + first + second + second;
      for (size_t i = 0; i < both.size(); ++i) {
        std::string changed = both;
        changed[i] = "0123*%|$+\r\n"[(i + agreed) % 11];
        const std::string walked = WalkWhole(changed);
        ASSERT_TRUE(FrameWhole(changed).starts_with(walked)) << changed;
        agreed += !walked.empty();
      }
    }
  }
  EXPECT_GT(agreed, 1000U);
}

}  // namespace
}  // namespace rp::resp
