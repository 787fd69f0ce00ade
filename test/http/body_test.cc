#include "http/body.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/guard_page.h"

namespace rp::http {
namespace {

using std::string_literals::operator""s;

constexpr uint64_t kLimit = 1024;

RequestHead Chunked() {
  RequestHead head;
  head.chunked = true;
  return head;
}

RequestHead Counted(uint64_t bytes) {
  RequestHead head;
  head.content_length = bytes;
  return head;
}

struct Outcome {
  ParseStatus status;
  size_t consumed;  // in all

  bool operator==(const Outcome&) const = default;
  friend void PrintTo(const Outcome& outcome, std::ostream* out) {
    *out << "status " << static_cast<int>(outcome.status) << " after " << outcome.consumed;
  }
};

// Skips `bytes` in pieces that end at `cuts`, each piece before a guard page, until it is decided.
Outcome SkipCuts(const RequestHead& head, std::string_view bytes, const std::vector<size_t>& cuts,
                 uint64_t limit = kLimit) {
  GuardPage page(bytes.size() + 1);
  BodySkipper skipper;
  skipper.Start(head, limit);
  Outcome outcome{ParseStatus::kNeedMore, 0};
  size_t start = 0;
  for (const size_t cut : cuts) {
    size_t consumed = 0;
    outcome.status = skipper.Skip(page.Hold(bytes.substr(start, cut - start)), &consumed);
    outcome.consumed += consumed;
    if (outcome.status != ParseStatus::kNeedMore) break;
    EXPECT_EQ(consumed, cut - start);
    start = cut;
  }
  return outcome;
}

Outcome SkipWhole(const RequestHead& head, std::string_view bytes, uint64_t limit = kLimit) {
  return SkipCuts(head, bytes, {bytes.size()}, limit);
}

void ExpectSameHoweverCut(const RequestHead& head, const std::string& bytes,
                          const Outcome& expected) {
  std::vector<size_t> every_byte;
  for (size_t i = 0; i <= bytes.size(); ++i) {
    every_byte.push_back(i);
    EXPECT_EQ(SkipCuts(head, bytes, {i, bytes.size()}), expected) << "cut at " << i;
  }
  EXPECT_EQ(SkipCuts(head, bytes, every_byte), expected);
}

void ExpectBody(const RequestHead& head, const std::string& bytes) {
  SCOPED_TRACE(bytes);
  const Outcome done{ParseStatus::kDone, bytes.size()};
  ExpectSameHoweverCut(head, bytes, done);
  for (const char* next : {"GET /next HTTP/1.1\r\n", "\r\n", "0\r\n\r\n"}) {
    EXPECT_EQ(SkipWhole(head, bytes + next), done);
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(SkipWhole(head, bytes.substr(0, i)), (Outcome{ParseStatus::kNeedMore, i}));
  }
}

// The last octet is the one that is wrong.
void ExpectMalformed(const std::string& bytes) {
  SCOPED_TRACE(bytes);
  const std::string before = bytes.substr(0, bytes.size() - 1);
  EXPECT_EQ(SkipWhole(Chunked(), before), (Outcome{ParseStatus::kNeedMore, before.size()}));
  ExpectSameHoweverCut(Chunked(), bytes, {ParseStatus::kError, bytes.size()});
}

TEST(BodySkipperTest, IsDoneAtOnceWithoutABody) { ExpectBody(Counted(0), ""); }

TEST(BodySkipperTest, IsDoneBeforeStart) {
  BodySkipper skipper;
  size_t consumed = 7;
  EXPECT_EQ(skipper.Skip("GET", &consumed), ParseStatus::kDone);
  EXPECT_EQ(consumed, 0U);
}

TEST(BodySkipperTest, SkipsCountedBodies) {
  ExpectBody(Counted(1), "x");
  ExpectBody(Counted(13), "GET /smuggled");
  ExpectBody(Counted(5), "\r\n\r\n\0"s);
}

TEST(BodySkipperTest, SkipsChunkedBodies) {
  ExpectBody(Chunked(), "0\r\n\r\n");
  ExpectBody(Chunked(), "3\r\nabc\r\n0\r\n\r\n");
  ExpectBody(Chunked(), "1\r\n\r\r\n2\r\n\r\n\r\n000\r\n\r\n");
  ExpectBody(Chunked(), "a\r\n0123456789\r\n0000B\r\n0123456789a\r\n0\r\n\r\n");
  ExpectBody(Chunked(), "18\r\nGET /smuggled HTTP/1.1\r\n\r\n0\r\n\r\n");
}

TEST(BodySkipperTest, IgnoresChunkExtensions) {
  ExpectBody(Chunked(), "1;a\r\nx\r\n0;b=c\r\n\r\n");
  ExpectBody(Chunked(), "1 \t; a = b ;c\r\nx\r\n0\r\n\r\n");
  ExpectBody(Chunked(), "1;a=\"b;c\\\"d\\\\\";e=\"\"\r\nx\r\n0\r\n\r\n");
}

TEST(BodySkipperTest, IgnoresTrailers) {
  ExpectBody(Chunked(), "0\r\nA: b\r\n\r\n");
  ExpectBody(Chunked(), "1\r\nx\r\n0\r\nContent-Length: 5\r\nHost:\r\n\r\n");
}

TEST(BodySkipperTest, RefusesMalformedChunkSizes) {
  for (const char* bytes : {"g", "\r", "\n", ";", " ", "-", "+", "1g", "0x", "1\n", "1\rx", "1 1",
                            "1 \r", "1\t\r", "1.", "1,"}) {
    ExpectMalformed(bytes);
  }
  ExpectMalformed("\0"s);
  ExpectMalformed("1\0"s);
}

TEST(BodySkipperTest, RefusesChunkSizesThatOverflow) {
  // 2^64 and 2^64 + 1 would wrap to 0 and 1.
  ExpectMalformed("10000000000000000");
  ExpectMalformed("00010000000000000000");
  ExpectMalformed("FFFFFFFFFFFFFFFFF");
}

TEST(BodySkipperTest, RefusesMalformedChunkExtensions) {
  for (const char* bytes : {"1;\r", "1; \r", "1;;", "1;=", "1;a\n", "1;a\rb", "1;a=\"\r",
                            "1;a=\"\n", "1;a=\"\\\r", "1;a\x7f", "1;a=\"\x01"}) {
    ExpectMalformed(bytes);
  }
  ExpectMalformed("1;a\0"s);
}

TEST(BodySkipperTest, RefusesChunkDataWithoutItsLineEnd) {
  for (const char* bytes : {"1\r\nxy", "1\r\nx\n", "1\r\nx\r\r", "1\r\nx\rx", "1\r\nx0"}) {
    ExpectMalformed(bytes);
  }
}

TEST(BodySkipperTest, RefusesMalformedTrailers) {
  for (const char* bytes : {"0\r\n\n", "0\r\n ", "0\r\n:", "0\r\n\rx", "0\r\nA ", "0\r\nA\r",
                            "0\r\nA: b\n", "0\r\nA: b\rc"}) {
    ExpectMalformed(bytes);
  }
  ExpectMalformed("0\r\nA: b\r\n ");
  ExpectMalformed("0\r\nA: \0"s);
}

TEST(BodySkipperTest, BoundsCountedBodies) {
  EXPECT_EQ(SkipWhole(Counted(4), "abcd", 4), (Outcome{ParseStatus::kDone, 4}));
  EXPECT_EQ(SkipWhole(Counted(5), "", 4), (Outcome{ParseStatus::kError, 0}));
  EXPECT_EQ(SkipWhole(Counted(UINT64_MAX), "", UINT64_MAX - 1), (Outcome{ParseStatus::kError, 0}));
}

TEST(BodySkipperTest, BoundsChunkedBodiesWithAllThatBelongsToThem) {
  for (const std::string bytes : {"3\r\nabc\r\n0\r\n\r\n", "0;a=bcdefghijk\r\n\r\n",
                                  "0\r\nA: bcdefg\r\n\r\n", "0000000000000\r\n\r\n"}) {
    SCOPED_TRACE(bytes);
    EXPECT_EQ(SkipWhole(Chunked(), bytes, bytes.size()),
              (Outcome{ParseStatus::kDone, bytes.size()}));
    EXPECT_EQ(SkipWhole(Chunked(), bytes, bytes.size() - 1).status, ParseStatus::kError);
  }
}

TEST(BodySkipperTest, RefusesAChunkOverTheLimitWithoutWaitingForIt) {
  EXPECT_EQ(SkipWhole(Chunked(), "4\r\n", 7), (Outcome{ParseStatus::kNeedMore, 3}));
  EXPECT_EQ(SkipWhole(Chunked(), "5\r\n", 7).status, ParseStatus::kError);
  EXPECT_EQ(SkipWhole(Chunked(), "FFFFFFFFFFFFFFFF\r\n", UINT64_MAX).status, ParseStatus::kError);
}

TEST(BodySkipperTest, TellsAMalformedBodyFromOneThatIsTooLarge) {
  const auto is_malformed = [](const std::string& bytes, uint64_t limit_bytes) {
    BodySkipper skipper;
    skipper.Start(Chunked(), limit_bytes);
    size_t consumed = 0;
    EXPECT_EQ(skipper.Skip(bytes, &consumed), ParseStatus::kError);
    return skipper.malformed();
  };
  EXPECT_TRUE(is_malformed("x\r\n", 100));
  EXPECT_TRUE(is_malformed("5\r\nabcdef", 100));
  EXPECT_TRUE(is_malformed("ff\rx", 100));
  EXPECT_TRUE(is_malformed("10000000000000000\r\n", 100));
  EXPECT_FALSE(is_malformed("ff\r\n", 100));
  EXPECT_FALSE(is_malformed("0\r\nA: b\r\n\r\n", 6));
}

TEST(BodySkipperTest, KeepsReportingAnError) {
  BodySkipper skipper;
  skipper.Start(Chunked(), kLimit);
  size_t consumed = 0;
  ASSERT_EQ(skipper.Skip("x", &consumed), ParseStatus::kError);
  EXPECT_EQ(skipper.Skip("0\r\n\r\n", &consumed), ParseStatus::kError);
  EXPECT_EQ(consumed, 0U);
}

TEST(BodySkipperTest, StartsAnew) {
  BodySkipper skipper;
  size_t consumed = 0;
  skipper.Start(Chunked(), kLimit);
  ASSERT_EQ(skipper.Skip("7\r\nab", &consumed), ParseStatus::kNeedMore);
  skipper.Start(Chunked(), kLimit);
  EXPECT_EQ(skipper.Skip("0\r\n\r\n", &consumed), ParseStatus::kDone);
  EXPECT_EQ(consumed, 5U);
}

}  // namespace
}  // namespace rp::http
