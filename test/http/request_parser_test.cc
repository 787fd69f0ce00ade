#include "http/request_parser.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "test/http/request_table.h"

namespace rp::http {
namespace {

using std::string_literals::operator""s;

TEST(RequestParserTest, AcceptsRequestLines) {
  RunTable({
      {"plain", WithTarget("GET /key"), "GET /key 1.1 keep"},
      {"HTTP/1.0 needs no Host", "GET /key HTTP/1.0\r\n\r\n", "GET /key 1.0 close"},
      {"a later minor version is 1.1 to us", "GET / HTTP/1.9\r\nHost: h\r\n\r\n", "GET / 1.1 keep"},
      {"LF alone ends lines", "GET /key HTTP/1.1\nHost: h\n\n", "GET /key 1.1 keep"},
      {"both line ends in one head", "GET /key HTTP/1.1\r\nHost: h\n\r\n", "GET /key 1.1 keep"},
      {"leading empty lines", "\r\n\n\r\n" + WithTarget("GET /key"), "GET /key 1.1 keep"},
      {"HEAD", WithTarget("HEAD /key"), "HEAD /key 1.1 keep"},
      {"OPTIONS", WithTarget("OPTIONS /key"), "OPTIONS /key 1.1 keep"},
      {"POST", WithTarget("POST /key"), "other /key 1.1 keep"},
      {"PUT", WithTarget("PUT /key"), "other /key 1.1 keep"},
      {"DELETE", WithTarget("DELETE /key"), "other /key 1.1 keep"},
      {"PATCH", WithTarget("PATCH /key"), "other /key 1.1 keep"},
      {"TRACE", WithTarget("TRACE /key"), "other /key 1.1 keep"},
      {"methods are case-sensitive", WithTarget("get /key"), "unknown /key 1.1 keep"},
      {"any token is a method", WithTarget("!#$%&'*+-.^_`|~aZ09 /key"), "unknown /key 1.1 keep"},
      {"a long method", WithTarget(std::string(200, 'X') + " /key"), "unknown /key 1.1 keep"},
  });
}

TEST(RequestParserTest, AcceptsTheFourFormsOfTarget) {
  RunTable({
      {"origin", WithTarget("GET /a/b?c=d&e"), "GET /a/b?c=d&e 1.1 keep"},
      {"no key", WithTarget("GET /"), "GET / 1.1 keep"},
      {"two slashes are a path, not an authority", WithTarget("GET //a"), "GET //a 1.1 keep"},
      {"a scheme inside a path", WithTarget("GET /http://a@b/"), "GET /http://a@b/ 1.1 keep"},
      {"escapes are left to DecodeKey", WithTarget("GET /%zz%"), "GET /%zz% 1.1 keep"},
      {"all that is visible", WithTarget("GET /!\"$&'()*+,-.:;<=>?@[\\]^_`{|}~"),
       "GET /!\"$&'()*+,-.:;<=>?@[\\]^_`{|}~ 1.1 keep"},
      {"asterisk", WithTarget("OPTIONS *"), "OPTIONS * 1.1 keep"},
      {"absolute", WithTarget("GET http://x.example:81/a?b"), "GET /a?b 1.1 keep"},
      {"absolute of any case", WithTarget("GET hTTp://X/a"), "GET /a 1.1 keep"},
      {"absolute without a path", WithTarget("GET http://x"), "GET / 1.1 keep"},
      {"absolute with a query only", WithTarget("GET http://x?a/b"), "GET / 1.1 keep"},
      {"absolute with IPv6", WithTarget("GET http://[::1]:8080/a"), "GET /a 1.1 keep"},
      {"absolute with an empty port", WithTarget("GET http://x:/a"), "GET /a 1.1 keep"},
      {"absolute OPTIONS", WithTarget("OPTIONS http://x"), "OPTIONS / 1.1 keep"},
      {"authority", WithTarget("CONNECT x.example:443"), "other x.example:443 1.1 keep"},
      {"authority with IPv6", WithTarget("CONNECT [::1]:443"), "other [::1]:443 1.1 keep"},
  });
}

TEST(RequestParserTest, RefusesMalformedRequestLines) {
  RunTable({
      {"one word", "GET\r\n", "400 request line"},
      {"no version", "GET /\r\n", "400 request line"},
      {"a space in front", WithTarget(" GET /"), "400 method"},
      {"only spaces", "  \r\n", "400 method"},
      {"two spaces", WithTarget("GET  /"), "400 target"},
      {"a space in the target", WithTarget("GET /a b"), "400 target"},
      {"a space at the end", "GET / HTTP/1.1 \r\n", "400 version"},
      {"a tab for a space", "GET\t/ HTTP/1.1\r\n", "400 request line"},
      {"method is no token", WithTarget("G@T /"), "400 method"},
      {"NUL in the method", WithTarget("G\0T /"s), "400 method"},
      {"a TLS hello", "\x16\x03\x01\n", "400 request line"},
      {"CR before the LF", "GET / HTTP/1.1\r\r\n", "400 version"},
      {"CR for a line end", "GET / HTTP/1.1\rHost: h\r\n", "400 version"},
      {"CR in the target", WithTarget("GET /a\rb"), "400 target"},
      {"CR at the start", "\rGET / HTTP/1.1\r\n", "400 method"},
      {"CR CR at the start", "\r\r\n", "400 request line"},
      {"lower case version", "GET / http/1.1\r\n", "400 version"},
      {"other protocol", "GET / HTTQ/1.1\r\n", "400 version"},
      {"two digits", "GET / HTTP/1.10\r\n", "400 version"},
      {"one number", "GET / HTTP/1\r\n", "400 version"},
      {"a comma", "GET / HTTP/1,1\r\n", "400 version"},
      {"a letter", "GET / HTTP/1.x\r\n", "400 version"},
      {"HTTP/0.9", "GET / HTTP/0.9\r\n", "505 HTTP/1.0"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP/1.0"},
      {"HTTP/3.0", "GET / HTTP/3.0\r\n", "505 HTTP/1.0"},
  });
}

TEST(RequestParserTest, RefusesMalformedTargets) {
  RunTable({
      {"relative", WithTarget("GET key"), "400 target"},
      {"fragment", WithTarget("GET /a#b"), "400 target"},
      {"https", WithTarget("GET https://x/a"), "400 target"},
      {"ftp", WithTarget("GET ftp://x/a"), "400 target"},
      {"no authority", WithTarget("GET http:/a"), "400 target"},
      {"an empty host", WithTarget("GET http:///a"), "400 target"},
      {"an empty host with a port", WithTarget("GET http://:80/a"), "400 target"},
      {"nothing behind the scheme", WithTarget("GET http://"), "400 target"},
      {"userinfo", WithTarget("GET http://u:p@x/a"), "400 target"},
      {"a port that is no number", WithTarget("GET http://x:8a/a"), "400 target"},
      {"a bad host", WithTarget("GET http://x\\y/a"), "400 target"},
      {"asterisk with GET", WithTarget("GET *"), "400 target"},
      {"two asterisks", WithTarget("OPTIONS **"), "400 target"},
      {"authority with GET", WithTarget("GET x.example:80"), "400 target"},
      {"CONNECT to a path", WithTarget("CONNECT /a"), "400 target"},
      {"CONNECT to a URI", WithTarget("CONNECT http://x:80/"), "400 target"},
      {"CONNECT without a port", WithTarget("CONNECT x1"), "400 target"},
      {"CONNECT with an empty port", WithTarget("CONNECT x:"), "400 target"},
      {"CONNECT to IPv6 without a port", WithTarget("CONNECT [::1]"), "400 target"},
      {"CONNECT without a host", WithTarget("CONNECT :443"), "400 target"},
  });
}

TEST(RequestParserTest, TakesOnlyVisibleAsciiInTargets) {
  for (int c = 0; c < 256; ++c) {
    if (c == '\n') continue;
    SCOPED_TRACE(c);
    const std::string octet(1, static_cast<char>(c));
    const bool allowed = c > 0x20 && c < 0x7f && c != '#';
    EXPECT_EQ(ParseWhole(WithTarget("GET /" + octet + "x")),
              allowed ? "GET /" + octet + "x 1.1 keep" : "400 the request target is malformed");
  }
}

TEST(RequestParserTest, ReportsAnErrorWhenItsLineIsComplete) {
  EXPECT_EQ(ParseWhole("BAD\x01METHOD / HTTP/1.1\r"), "more");
  EXPECT_EQ(ParseWhole("BAD\x01METHOD / HTTP/1.1\r\n"), "400 the method is malformed");
  EXPECT_EQ(ParseWhole("GET / HTTP/1.1\r\nBad Name: x\r"), "more");
  EXPECT_EQ(ParseWhole("GET / HTTP/1.1\r\nBad Name: x\r\n"),
            "400 a header field name is malformed");
}

TEST(RequestParserTest, KeepsReportingAnError) {
  RequestParser parser(kDefaultLimits);
  RequestHead head;
  ASSERT_EQ(parser.Parse("GET /\r\n", &head), ParseStatus::kError);
  EXPECT_EQ(parser.Parse("GET /\r\nHost: h\r\n\r\n", &head), ParseStatus::kError);
  EXPECT_EQ(parser.error_status(), 400);
}

TEST(RequestParserTest, TakesTheNextRequestAfterReset) {
  RequestParser parser(kDefaultLimits);
  RequestHead head;
  ASSERT_EQ(parser.Parse(WithLines("Connection: close\r\nContent-Length: 5\r\n"), &head),
            ParseStatus::kDone);
  parser.Reset();
  EXPECT_FALSE(parser.started());
  const std::string next = WithTarget("HEAD /next");
  ASSERT_EQ(parser.Parse(next, &head), ParseStatus::kDone);
  EXPECT_EQ(Describe(head), "HEAD /next 1.1 keep");
}

TEST(RequestParserTest, TakesPipelinedRequestsOneByOne) {
  const std::string bytes = WithTarget("GET /1") + "\r\n" + WithTarget("GET /2") + "GET /3";
  RequestParser parser(kDefaultLimits);
  RequestHead head;
  std::string_view rest = bytes;
  ASSERT_EQ(parser.Parse(rest, &head), ParseStatus::kDone);
  EXPECT_EQ(head.target, "/1");
  rest.remove_prefix(parser.consumed());
  parser.Reset();
  ASSERT_EQ(parser.Parse(rest, &head), ParseStatus::kDone);
  EXPECT_EQ(head.target, "/2");
  rest.remove_prefix(parser.consumed());
  parser.Reset();
  EXPECT_EQ(rest, "GET /3");
  EXPECT_EQ(parser.Parse(rest, &head), ParseStatus::kNeedMore);
}

TEST(RequestParserTest, HasStartedWithTheFirstByteOfARequest) {
  const auto started = [](std::string_view bytes) {
    RequestParser parser(kDefaultLimits);
    RequestHead head;
    EXPECT_NE(parser.Parse(bytes, &head), ParseStatus::kDone);
    return parser.started();
  };
  EXPECT_FALSE(started(""));
  EXPECT_FALSE(started("\r"));
  EXPECT_FALSE(started("\r\n"));
  EXPECT_FALSE(started("\r\n\n\r"));
  EXPECT_TRUE(started("G"));
  EXPECT_TRUE(started("\r\nG"));
  EXPECT_TRUE(started("\rG"));
  EXPECT_TRUE(started("GET / HTTP/1.1\r\n"));
}

// Limits: what is exactly at one passes, one more does not, however it is cut, and without the rest
// of an endless line.
void ExpectLimit(const Limits& limits, const std::string& at, const std::string& over,
                 const std::string& error) {
  EXPECT_EQ(ParseWhole(at, limits), "GET /k 1.1 keep");
  EXPECT_EQ(ParseCuts(at, EveryByte(at.size()), limits), "GET /k 1.1 keep");
  EXPECT_EQ(ParseWhole(over, limits), error);
  EXPECT_EQ(ParseCuts(over, EveryByte(over.size()), limits), error);
}

TEST(RequestParserTest, BoundsLeadingEmptyLines) {
  Limits limits;
  limits.leading_empty_lines = 2;
  ExpectLimit(limits, "\r\n\r\n" + WithLines(""), "\r\n\r\n\r\n" + WithLines(""),
              "400 too many empty lines before the request");
}

TEST(RequestParserTest, BoundsTheRequestLine) {
  const std::string error = "414 the request line is too long";
  for (const std::string end : {"\r\n", "\n"}) {
    Limits limits;
    limits.request_line_bytes = 15;
    ExpectLimit(limits, "GET /k HTTP/1.1" + end + "Host: h\r\n\r\n",
                "GET /kk HTTP/1.1" + end + "Host: h\r\n\r\n", error);
  }
  Limits limits;
  limits.request_line_bytes = 15;
  EXPECT_EQ(ParseWhole("GET /aaaaaaaaaa", limits), "more");
  EXPECT_EQ(ParseWhole("GET /aaaaaaaaaa\r", limits), "more");
  EXPECT_EQ(ParseWhole("GET /aaaaaaaaaaa", limits), error);
}

TEST(RequestParserTest, TakesRequestLinesOf8000OctetsByDefault) {
  const std::string target = "/" + std::string(7999, 'a');
  EXPECT_EQ(ParseWhole(WithTarget("GET " + target)), "GET " + target + " 1.1 keep");
}

TEST(RequestParserTest, BoundsAFieldLine) {
  const std::string error = "431 the header fields are too large or too many";
  Limits limits;
  limits.header_line_bytes = 10;
  ExpectLimit(limits, WithLines("A: 4567890\r\n"), WithLines("A: 45678901\r\n"), error);
  ExpectLimit(limits, WithLines("A: 4567890\n"), WithLines("A: 45678901\n"), error);
  EXPECT_EQ(ParseWhole("GET /k HTTP/1.1\r\nA: 4567890\r", limits), "more");
  EXPECT_EQ(ParseWhole("GET /k HTTP/1.1\r\nA: 45678901", limits), error);
}

TEST(RequestParserTest, BoundsTheHeaderSection) {
  const std::string error = "431 the header fields are too large or too many";
  Limits limits;
  limits.header_bytes = 9 + 6 + 2;  // Host: h, A: b and the empty line
  ExpectLimit(limits, WithLines("A: b\r\n"), WithLines("A: bc\r\n"), error);
  EXPECT_EQ(ParseWhole("GET /k HTTP/1.1\r\nA: 45678901234567", limits), "more");
  EXPECT_EQ(ParseWhole("GET /k HTTP/1.1\r\nA: 456789012345678", limits), error);
}

TEST(RequestParserTest, BoundsTheNumberOfFields) {
  Limits limits;
  limits.header_count = 3;  // Host is one of them
  ExpectLimit(limits, WithLines("A: b\r\nA: b\r\n"), WithLines("A: b\r\nA: b\r\nA: b\r\n"),
              "431 the header fields are too large or too many");
}

TEST(RequestParserTest, LeadingEmptyLinesCountNeitherAsFieldsNorAsRequestLine) {
  Limits limits;
  limits.header_count = 1;
  limits.request_line_bytes = 15;
  limits.header_bytes = 9 + 2;
  EXPECT_EQ(ParseWhole("\r\n\r\n\r\n" + WithLines(""), limits), "GET /k 1.1 keep");
}

// Byte by byte, with every page but the newest taken away until a line is complete: to look twice
// at the bytes of a growing line, or again at those of earlier lines, is to crash.
TEST(RequestParserTest, ReadsEachByteOfAGrowingHeadOnce) {
  std::string bytes = WithLines("");
  bytes.resize(bytes.size() - 2);
  for (int i = 0; i < 4; ++i) bytes += "A: " + std::string(16000, 'v') + "\r\n";
  bytes += "\r\n";
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* mapped =
      mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(mapped));

  RequestParser parser(kDefaultLimits);
  RequestHead head;
  ParseStatus status = ParseStatus::kNeedMore;
  size_t line_start = 0;
  for (size_t size = 1; size <= bytes.size(); ++size) {
    const bool line_complete = bytes[size - 1] == '\n';
    const size_t hidden = (line_complete ? line_start : size - 1) / page * page;
    if (line_complete) {
      ASSERT_EQ(mprotect(mapped, bytes.size(), PROT_READ), 0);
    }
    if (hidden != 0 && (line_complete || (size - 1) % page == 0 || size - 1 == line_start)) {
      ASSERT_EQ(mprotect(mapped, hidden, PROT_NONE), 0);
    }
    if (line_complete) line_start = size;
    status = parser.Parse({static_cast<char*>(mapped), size}, &head);
    ASSERT_EQ(status == ParseStatus::kDone, size == bytes.size());
  }
  EXPECT_EQ(status, ParseStatus::kDone);
  EXPECT_EQ(parser.consumed(), bytes.size());
  munmap(mapped, bytes.size());
}

}  // namespace
}  // namespace rp::http
