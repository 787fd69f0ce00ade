// The field lines of a request head, and what they say of the connection and of the body.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http/request_parser.h"
#include "test/http/request_table.h"

namespace rp::http {
namespace {

using std::string_literals::operator""s;

TEST(RequestFieldsTest, TakesOnlyTokensAsFieldNames) {
  const std::string tokens =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int c = 0; c < 256; ++c) {
    if (c == '\n' || c == ':') continue;
    SCOPED_TRACE(c);
    const bool allowed = tokens.find(static_cast<char>(c)) != std::string::npos;
    const std::string line = "x" + std::string(1, static_cast<char>(c)) + "y: v\r\n";
    EXPECT_EQ(ParseWhole(WithLines(line)),
              allowed ? "GET /k 1.1 keep" : "400 a header field name is malformed");
  }
}

TEST(RequestFieldsTest, TakesNoControlCharactersInFieldValues) {
  // At every place of a word and of what is left over, since values are checked eight at a time.
  for (int c = 0; c < 256; ++c) {
    if (c == '\n') continue;
    const bool allowed = (c >= 0x20 && c != 0x7f) || c == '\t';
    for (size_t at = 0; at < 20; ++at) {
      SCOPED_TRACE(testing::Message() << c << " at " << at);
      std::string value(20, 'v');
      value[at] = static_cast<char>(c);
      EXPECT_EQ(
          ParseWhole(WithLines("X: <" + value + ">\r\n")),
          allowed ? "GET /k 1.1 keep" : "400 a header field value contains a control character");
    }
  }
}

TEST(RequestFieldsTest, AcceptsFieldLines) {
  RunTable({
      {"no space", WithLines("A:b\r\n"), "GET /k 1.1 keep"},
      {"no value", WithLines("A:\r\n"), "GET /k 1.1 keep"},
      {"only whitespace", WithLines("A: \t \r\n"), "GET /k 1.1 keep"},
      {"colons in the value", WithLines("A: b:c:d\r\n"), "GET /k 1.1 keep"},
      {"obs-text", WithLines("A: \x80\xff\r\n"), "GET /k 1.1 keep"},
      {"Upgrade is ignored", WithLines("Connection: upgrade\r\nUpgrade: h2c\r\n"),
       "GET /k 1.1 keep"},
      {"names of the length of known ones",
       WithLines("Hos1: a b\r\nExpec1: 100-continue\r\nConnectio1: close\r\nAuthorizatio1: x\r\n"
                 "Content-Lengt1: x\r\nTransfer-Encodin1: x\r\n"),
       "GET /k 1.1 keep"},
  });
}

TEST(RequestFieldsTest, RefusesMalformedFieldLines) {
  RunTable({
      {"whitespace before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
       "400 begins with whitespace"},
      {"a folded line", WithLines("A: b\r\n c\r\n"), "400 begins with whitespace"},
      {"folded with a tab", WithLines("A: b\r\n\tc\r\n"), "400 begins with whitespace"},
      {"a space before the colon", WithLines("A : b\r\n"), "400 name"},
      {"a tab before the colon", WithLines("A\t: b\r\n"), "400 name"},
      {"no colon", WithLines("A\r\n"), "400 name"},
      {"no name", WithLines(": b\r\n"), "400 name"},
      {"NUL in a value", WithLines("A: b\0c\r\n"s), "400 control"},
      {"CR in a value", WithLines("A: b\rc\r\n"), "400 control"},
      {"CR before the line end", WithLines("A: b\r\r\n"), "400 control"},
      {"CR alone before the empty line", WithLines("\r\r\n"), "400 name"},
  });
}

TEST(RequestFieldsTest, AcceptsHosts) {
  std::vector<Row> rows;
  for (const char* host : {"", "h", "h:8080", "h:", "example.com", "127.0.0.1:80", "[::1]",
                           "[::1]:80", "[::1]:", "[2001:db8::ffff:192.0.2.1]", "[v1f.a:b]",
                           "a_b-c~d", "a!$&'()*+,;=", "%41%7a", "h  \t", "\th"}) {
    rows.push_back({host, WithHost(host), "GET /k 1.1 keep"});
  }
  RunTable(rows);
}

TEST(RequestFieldsTest, RefusesMalformedHosts) {
  std::vector<Row> rows;
  for (const char* host :
       {":80",      "a b",     "h:8a",
        "h:-1",     "h:80:80", "u@h",
        "h/",       "h?",      "h#",
        "a\\b",     "\"h\"",   "<h>",
        "%4",       "%",       "%4g",
        "\xc3\xa4", "::1",     "[::1",
        "[]",       "[::1]80", "[::1]]",
        "[:::1]",   "[1]",     "[::1%25eth0]",
        "[v.a]",    "[v1.]",   "[vg.a]",
        "[v1.a/]",  "h,h h",   "[11111111111111111111111111111111111111111111111111]"}) {
    rows.push_back({host, WithHost(host), "400 Host field is malformed"});
  }
  rows.push_back({"NUL in brackets", WithHost("[::1\0]"s), "400 control"});
  RunTable(rows);
}

TEST(RequestFieldsTest, WantsOneHost) {
  RunTable({
      {"none", "GET /k HTTP/1.1\r\n\r\n", "400 Host field is missing"},
      {"none beside an absolute target", "GET http://x/ HTTP/1.1\r\n\r\n",
       "400 Host field is missing"},
      {"two", WithLines("Host: h\r\n"), "400 more than one Host"},
      {"two of which one is empty", "GET /k HTTP/1.1\r\nHost:\r\nhost: h\r\n\r\n",
       "400 more than one Host"},
      {"two with HTTP/1.0", WithLines10("Host: h\r\nHost: h\r\n"), "400 more than one Host"},
      {"a bad one with HTTP/1.0", WithLines10("Host: a b\r\n"), "400 Host field is malformed"},
      {"a bad one beside an absolute target", "GET http://x/ HTTP/1.1\r\nHost: a b\r\n\r\n",
       "400 Host field is malformed"},
      {"another one than that of an absolute target", "GET http://x/ HTTP/1.1\r\nHost: y\r\n\r\n",
       "GET / 1.1 keep"},
  });
}

TEST(RequestFieldsTest, ReadsConnectionAsAList) {
  RunTable({
      {"close", WithLines("Connection: close\r\n"), "GET /k 1.1 close"},
      {"any case", WithLines("cOnnEction: CLOSE\r\n"), "GET /k 1.1 close"},
      {"tab", WithLines("Connection:\tclose\t\r\n"), "GET /k 1.1 close"},
      {"in a list", WithLines("Connection: te, close , upgrade\r\n"), "GET /k 1.1 close"},
      {"empty elements", WithLines("Connection: ,, \t,close,\r\n"), "GET /k 1.1 close"},
      {"nothing but empty elements", WithLines("Connection: ,,\r\n"), "GET /k 1.1 keep"},
      {"on the second line", WithLines("Connection: te\r\nConnection: close\r\n"),
       "GET /k 1.1 close"},
      {"close wins", WithLines("Connection: close, keep-alive\r\n"), "GET /k 1.1 close"},
      {"close wins on an earlier line",
       WithLines("Connection: close\r\nConnection: keep-alive\r\n"), "GET /k 1.1 close"},
      {"part of a word", WithLines("Connection: closed, xclose, clos\r\n"), "GET /k 1.1 keep"},
      {"1.0 asks to keep it", WithLines10("Connection: Keep-Alive\r\n"), "GET /k 1.0 keep"},
      {"1.0 says close as well", WithLines10("Connection: keep-alive,close\r\n"),
       "GET /k 1.0 close"},
      {"1.0 says something else", WithLines10("Connection: te\r\n"), "GET /k 1.0 close"},
  });
}

TEST(RequestFieldsTest, ReadsContentLength) {
  RunTable({
      {"none", WithLines(""), "GET /k 1.1 keep"},
      {"zero", WithLines("Content-Length: 0\r\n"), "GET /k 1.1 keep"},
      {"some", WithLines("content-length:5\r\n"), "GET /k 1.1 keep length=5"},
      {"with HTTP/1.0", WithLines10("Content-Length: 5\r\n"), "GET /k 1.0 close length=5"},
      {"leading zeros", WithLines("Content-Length: 00000000000000000000000007\r\n"),
       "GET /k 1.1 keep length=7"},
      {"the largest", WithLines("Content-Length: 18446744073709551615\r\n"),
       "GET /k 1.1 keep length=18446744073709551615"},
      {"one more", WithLines("Content-Length: 18446744073709551616\r\n"), "400 Content-Length"},
      {"far more", WithLines("Content-Length: 999999999999999999999999999\r\n"),
       "400 Content-Length"},
      {"empty", WithLines("Content-Length:\r\n"), "400 Content-Length"},
      {"negative", WithLines("Content-Length: -1\r\n"), "400 Content-Length"},
      {"plus", WithLines("Content-Length: +1\r\n"), "400 Content-Length"},
      {"hexadecimal", WithLines("Content-Length: 0x10\r\n"), "400 Content-Length"},
      {"a fraction", WithLines("Content-Length: 1.0\r\n"), "400 Content-Length"},
      {"a space inside", WithLines("Content-Length: 1 0\r\n"), "400 Content-Length"},
      {"a list of equal values", WithLines("Content-Length: 5, 5\r\n"), "400 Content-Length"},
      {"two different lines", WithLines("Content-Length: 5\r\nContent-Length: 6\r\n"),
       "400 more than one Content-Length"},
      {"two equal lines", WithLines("Content-Length: 5\r\nContent-Length: 5\r\n"),
       "400 more than one Content-Length"},
  });
}

TEST(RequestFieldsTest, ReadsTransferEncoding) {
  const std::string te = "Transfer-Encoding: ";
  RunTable({
      {"chunked", WithLines(te + "chunked\r\n"), "GET /k 1.1 keep chunked"},
      {"any case", WithLines("TRANSFER-encoding:\tCHUNKED\r\n"), "GET /k 1.1 keep chunked"},
      {"empty elements", WithLines(te + ", chunked ,\r\n"), "GET /k 1.1 keep chunked"},
      {"another one first", WithLines(te + "gzip, chunked\r\n"),
       "501 only supported transfer coding"},
      {"another one on a line before", WithLines(te + "gzip\r\n" + te + "chunked\r\n"),
       "501 only supported transfer coding"},
      {"identity first", WithLines(te + "identity, chunked\r\n"),
       "501 only supported transfer coding"},
      {"another one alone", WithLines(te + "gzip\r\n"), "400 final transfer coding"},
      {"chunked first", WithLines(te + "chunked, gzip\r\n"), "400 final transfer coding"},
      {"chunked on a line before", WithLines(te + "chunked\r\n" + te + "identity\r\n"),
       "400 final transfer coding"},
      {"chunked twice", WithLines(te + "chunked, chunked\r\n"), "400 final transfer coding"},
      {"chunked around another one", WithLines(te + "chunked, gzip, chunked\r\n"),
       "400 final transfer coding"},
      {"chunked three times", WithLines(te + "chunked, chunked, chunked\r\n"),
       "400 final transfer coding"},
      {"a parameter", WithLines(te + "chunked;q=1\r\n"), "400 final transfer coding"},
      {"quotes", WithLines(te + "\"chunked\"\r\n"), "400 final transfer coding"},
      {"a list hidden in quotes", WithLines(te + "x;a=\", chunked\"\r\n"),
       "400 final transfer coding"},
      {"not quite", WithLines(te + "xchunked\r\n"), "400 final transfer coding"},
      {"two words", WithLines(te + "chunked chunked\r\n"), "400 final transfer coding"},
      {"empty", WithLines(te + "\r\n"), "400 final transfer coding"},
      {"vertical tab", WithLines(te + "\vchunked\r\n"), "400 control"},
      {"with HTTP/1.0", WithLines10(te + "chunked\r\n"), "400 HTTP/1.0"},
      {"behind a length", WithLines("Content-Length: 5\r\n" + te + "chunked\r\n"), "400 both"},
      {"before a length", WithLines(te + "chunked\r\nContent-Length: 5\r\n"), "400 both"},
      {"beside a length of zero", WithLines("Content-Length: 0\r\n" + te + "chunked\r\n"),
       "400 both"},
      {"an unknown one beside a length", WithLines("Content-Length: 5\r\n" + te + "x\r\n"),
       "400 both"},
  });
}

TEST(RequestFieldsTest, DecidesFramingForEveryMethod) {
  const std::string rest = " /k HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
  RunTable({
      {"HEAD", "HEAD" + rest, "HEAD /k 1.1 keep length=3"},
      {"POST", "POST" + rest, "other /k 1.1 keep length=3"},
      {"unknown", "FETCH" + rest, "unknown /k 1.1 keep length=3"},
  });
}

TEST(RequestFieldsTest, ReadsExpect) {
  const std::string length = "Content-Length: 5\r\n";
  RunTable({
      {"before a body", WithLines(length + "Expect: 100-Continue\r\n"),
       "GET /k 1.1 keep length=5 expect"},
      {"before a chunked body", WithLines("expect:100-continue\r\nTransfer-Encoding: chunked\r\n"),
       "GET /k 1.1 keep chunked expect"},
      {"in a list", WithLines(length + "Expect: x=y, 100-continue\r\n"),
       "GET /k 1.1 keep length=5 expect"},
      {"without a body", WithLines("Expect: 100-continue\r\n"), "GET /k 1.1 keep"},
      {"something else", WithLines(length + "Expect: 200-ok\r\n"), "GET /k 1.1 keep length=5"},
      {"ignored in HTTP/1.0", WithLines10(length + "Expect: 100-continue\r\n"),
       "GET /k 1.0 close length=5"},
  });
}

TEST(RequestFieldsTest, HandsOutAuthorization) {
  RunTable({
      {"as it is", WithLines("authorization:  Basic YTpi \r\n"), "GET /k 1.1 keep auth=Basic YTpi"},
      {"empty", WithLines("Authorization:\r\n"), "GET /k 1.1 keep"},
      {"twice", WithLines("Authorization:\r\nAuthorization: Basic YTpi\r\n"),
       "400 more than one Authorization"},
  });
}

}  // namespace
}  // namespace rp::http
