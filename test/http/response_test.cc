#include "http/response.h"

#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <limits>
#include <string>
#include <string_view>

namespace rp::http {
namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string Write(const ResponseHead& head) {
  std::array<char, kMaxHeadBytes> out;
  return {out.data(), WriteHead(head, kDate, out.data())};
}

ResponseHead Value() {
  ResponseHead head;
  head.content_type = "application/octet-stream";
  head.content_length = 5;
  return head;
}

ResponseHead Failure(int status) {
  ResponseHead head;
  head.status = status;
  head.content_type = "text/plain; charset=utf-8";
  head.content_length = 12;
  return head;
}

TEST(WriteHeadTest, WritesAHit) {
  ResponseHead head = Value();
  head.cache_state = CacheState::kHit;
  head.age_seconds = 17;
  EXPECT_EQ(Write(head),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/octet-stream\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 5\r\n"
            "Age: 17\r\n"
            "Cache-Status: redis-proxy; hit\r\n"
            "\r\n");
}

TEST(WriteHeadTest, WritesAMiss) {
  ResponseHead head = Value();
  head.cache_state = CacheState::kMiss;
  head.content_length = 0;
  head.age_seconds = 0;
  EXPECT_EQ(Write(head),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/octet-stream\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 0\r\n"
            "Age: 0\r\n"
            "Cache-Status: redis-proxy; fwd=miss\r\n"
            "\r\n");
}

TEST(WriteHeadTest, MarksErrorsAsNotToBeStored) {
  EXPECT_EQ(Write(Failure(404)),
            "HTTP/1.1 404 Not Found\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 12\r\n"
            "Cache-Control: no-store\r\n"
            "\r\n");
}

TEST(WriteHeadTest, WritesAllowForAMethodNotAllowed) {
  ResponseHead head = Failure(405);
  head.allow = true;
  head.close = true;
  EXPECT_EQ(Write(head),
            "HTTP/1.1 405 Method Not Allowed\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 12\r\n"
            "Cache-Control: no-store\r\n"
            "Allow: GET, HEAD, OPTIONS\r\n"
            "Connection: close\r\n"
            "\r\n");
}

TEST(WriteHeadTest, WritesRetryAfterWhenAsked) {
  ResponseHead head = Failure(503);
  head.retry_after = true;
  EXPECT_EQ(Write(head),
            "HTTP/1.1 503 Service Unavailable\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 12\r\n"
            "Cache-Control: no-store\r\n"
            "Retry-After: 1\r\n"
            "\r\n");
}

TEST(WriteHeadTest, GivesNoContentNeitherLengthNorType) {
  ResponseHead head = Value();
  head.status = 204;
  head.allow = true;
  EXPECT_EQ(Write(head),
            "HTTP/1.1 204 No Content\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Allow: GET, HEAD, OPTIONS\r\n"
            "\r\n");
}

TEST(WriteHeadTest, SaysWhetherTheConnectionPersistsOnlyWhereItMustBeSaid) {
  const auto connection = [](bool http10, bool close) {
    ResponseHead head = Value();
    head.http10 = http10;
    head.close = close;
    const std::string text = Write(head);
    const size_t start = text.find("Connection: ");
    return start == std::string::npos ? "" : text.substr(start);
  };
  EXPECT_EQ(connection(false, false), "");
  EXPECT_EQ(connection(false, true), "Connection: close\r\n\r\n");
  EXPECT_EQ(connection(true, false), "Connection: keep-alive\r\n\r\n");
  EXPECT_EQ(connection(true, true), "Connection: close\r\n\r\n");
}

TEST(WriteHeadTest, AddsDetailToCacheStatus) {
  const auto cache_status = [](CacheState state, std::string_view detail) {
    ResponseHead head;
    head.cache_state = state;
    head.cache_detail = detail;
    const std::string text = Write(head);
    const size_t start = text.find("Cache-Status: ");
    return start == std::string::npos ? "" : text.substr(start);
  };
  EXPECT_EQ(cache_status(CacheState::kNone, ""), "");
  EXPECT_EQ(cache_status(CacheState::kNone, "fwd=bypass; detail=lease"),
            "Cache-Status: redis-proxy; fwd=bypass; detail=lease\r\n\r\n");
  EXPECT_EQ(cache_status(CacheState::kHit, "ttl=5"),
            "Cache-Status: redis-proxy; hit; ttl=5\r\n\r\n");
  EXPECT_EQ(cache_status(CacheState::kMiss, "stored"),
            "Cache-Status: redis-proxy; fwd=miss; stored\r\n\r\n");
}

TEST(WriteHeadTest, KeepsTheSpaceBeforeAnEmptyReason) {
  ResponseHead head;
  head.status = 299;
  EXPECT_TRUE(Write(head).starts_with("HTTP/1.1 299 \r\nDate: "));
}

TEST(WriteHeadTest, FitsItsBoundAtTheWorst) {
  ResponseHead head;
  head.status = 431;  // the longest reason
  head.http10 = true;
  head.retry_after = true;
  head.allow = true;
  head.cache_state = CacheState::kMiss;
  head.age_seconds = std::numeric_limits<int64_t>::max();
  head.content_length = std::numeric_limits<uint64_t>::max();
  const std::string type(kMaxContentTypeBytes, 't');
  const std::string detail(kMaxCacheDetailBytes, 'd');
  head.content_type = type;
  head.cache_detail = detail;
  const std::string text = Write(head);
  EXPECT_LE(text.size(), kMaxHeadBytes);
  EXPECT_GT(text.size() + 100, kMaxHeadBytes) << "the bound is generous";
  EXPECT_NE(text.find("Content-Length: 18446744073709551615\r\n"), std::string::npos);
  EXPECT_NE(text.find("Age: 9223372036854775807\r\n"), std::string::npos);
}

TEST(WriteHeadDeathTest, RefusesAContentTypeOverItsBound) {
  const std::string type(kMaxContentTypeBytes + 1, 't');
  ResponseHead head;
  head.content_type = type;
  EXPECT_DEATH(Write(head), "check failed");
}

TEST(ReasonPhraseTest, KnowsEveryStatusWeSend) {
  EXPECT_EQ(ReasonPhrase(200), "OK");
  EXPECT_EQ(ReasonPhrase(204), "No Content");
  EXPECT_EQ(ReasonPhrase(400), "Bad Request");
  EXPECT_EQ(ReasonPhrase(401), "Unauthorized");
  EXPECT_EQ(ReasonPhrase(403), "Forbidden");
  EXPECT_EQ(ReasonPhrase(404), "Not Found");
  EXPECT_EQ(ReasonPhrase(405), "Method Not Allowed");
  EXPECT_EQ(ReasonPhrase(408), "Request Timeout");
  EXPECT_EQ(ReasonPhrase(409), "Conflict");
  EXPECT_EQ(ReasonPhrase(414), "URI Too Long");
  EXPECT_EQ(ReasonPhrase(417), "Expectation Failed");
  EXPECT_EQ(ReasonPhrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(ReasonPhrase(500), "Internal Server Error");
  EXPECT_EQ(ReasonPhrase(501), "Not Implemented");
  EXPECT_EQ(ReasonPhrase(502), "Bad Gateway");
  EXPECT_EQ(ReasonPhrase(503), "Service Unavailable");
  EXPECT_EQ(ReasonPhrase(504), "Gateway Timeout");
  EXPECT_EQ(ReasonPhrase(505), "HTTP Version Not Supported");
  EXPECT_EQ(ReasonPhrase(299), "");
}

TEST(DateCacheTest, FormatsAsImfFixdate) {
  DateCache date;
  EXPECT_EQ(date.At(784111777), kDate);  // the example of RFC 9110
  EXPECT_EQ(date.At(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date.At(951782399), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(date.At(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date.At(4107542400), "Mon, 01 Mar 2100 00:00:00 GMT");
}

TEST(DateCacheTest, StaysWithinTheYearsItCanWrite) {
  DateCache date;
  EXPECT_EQ(date.At(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date.At(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(date.At(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(DateCacheTest, AgreesWithTheLibraryOnEveryDayOfFourHundredYears) {
  DateCache date;
  for (time_t day = 0; day < 146097; ++day) {
    const time_t now = day * 86400 + day % 86400;
    std::tm parts;
    ASSERT_NE(gmtime_r(&now, &parts), nullptr);
    std::array<char, 64> expected;
    const size_t size =
        std::strftime(expected.data(), expected.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    ASSERT_EQ(date.At(now), std::string_view(expected.data(), size));
  }
}

TEST(DateCacheTest, FollowsTheClockInBothDirections) {
  DateCache date;
  EXPECT_EQ(date.At(1), "Thu, 01 Jan 1970 00:00:01 GMT");
  EXPECT_EQ(date.At(1), "Thu, 01 Jan 1970 00:00:01 GMT");
  EXPECT_EQ(date.At(2), "Thu, 01 Jan 1970 00:00:02 GMT");
  EXPECT_EQ(date.At(1), "Thu, 01 Jan 1970 00:00:01 GMT");
}

}  // namespace
}  // namespace rp::http
