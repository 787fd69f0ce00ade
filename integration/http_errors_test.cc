// Requests that are refused: with which status, at which limit, and that the connection closes
// where the next request could not be told from the rest of this one.
#include <gtest/gtest.h>

#include <string>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"

namespace rp::integration {
namespace {

class HttpErrorsTest : public ::testing::Test {
 protected:
  HttpResponse Answer(const std::string& request) {
    HttpClient client(proxy_.port());
    client.Send(request);
    return client.Read();
  }

  FakeRedis redis_;
  Proxy proxy_{{"-redis", redis_.address()}};
};

TEST_F(HttpErrorsTest, WhatIsNotARequestIsABadRequestAndCloses) {
  for (const std::string& request : {
           std::string("GET\r\n\r\n"),
           std::string("GET /a\r\n\r\n"),
           std::string("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /a  HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string(" GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET a HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /\xC3\xBC HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /a HTTP/x.y\r\nHost: x\r\n\r\n"),
           std::string("G(T /a HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\n Host: x\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost : x\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost: x\r\nBad(name): y\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost: x\r\nFold: a\r\n b\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost: x\r\nCr: a\rb\r\n\r\n"),
           std::string("GET /a HTTP/1.1\r\nHost: x\r\nNul: a\0b\r\n\r\n", 38),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n\r\n", 15),
           std::string("*1\r\n$4\r\nPING\r\n\r\n"),
       }) {
    SCOPED_TRACE(request);
    HttpClient client(proxy_.port());
    client.Send(request + GetRequest("a"));
    EXPECT_EQ(client.Read().status, 400);
    EXPECT_EQ(client.ReadToTheEnd(), "");
  }
}

TEST_F(HttpErrorsTest, Http11NeedsExactlyOneValidHost) {
  for (const char* headers :
       {"", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: u@a\r\n",
        "Host: a:port\r\n", "Host: [::1\r\n", "Host: a,b:1:2\r\n"}) {
    EXPECT_EQ(Answer(std::string("GET /a HTTP/1.1\r\n") + headers + "\r\n").status, 400) << headers;
  }
  for (const char* host :
       {"a", "a:80", "127.0.0.1:8080", "[::1]:8080", "a-b.c_d.example.com", ""}) {
    EXPECT_EQ(Answer(std::string("GET /a HTTP/1.1\r\nHost: ") + host + "\r\n\r\n").status, 200)
        << host;
  }
}

TEST_F(HttpErrorsTest, KnownMethodsThatDoNotReadAreNotAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
    const HttpResponse response = Answer(std::string(method) + " /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_NE(response.Header("allow").find("GET"), std::string::npos) << method;
    EXPECT_NE(response.Header("allow").find("HEAD"), std::string::npos) << method;
  }
  EXPECT_EQ(redis_.Count("GET"), 0u);
}

TEST_F(HttpErrorsTest, OptionsNamesTheMethods) {
  for (const char* target : {"/a", "*"}) {
    HttpClient client(proxy_.port());
    client.Send(std::string("OPTIONS ") + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const HttpResponse response = client.Read();
    EXPECT_TRUE(response.status == 200 || response.status == 204 || response.status == 405)
        << response.status;
    EXPECT_NE(response.Header("allow").find("GET"), std::string::npos) << target;
  }
}

TEST_F(HttpErrorsTest, UnknownMethodsAndCodingsAreNotImplemented) {
  EXPECT_EQ(Answer("BREW /a HTTP/1.1\r\nHost: x\r\n\r\n").status, 501);
  EXPECT_EQ(Answer("get /a HTTP/1.1\r\nHost: x\r\n\r\n").status, 501);
  EXPECT_EQ(Answer(GetRequest("a", "Transfer-Encoding: gzip, chunked\r\n")).status, 501);
}

TEST_F(HttpErrorsTest, OtherVersionsAreNotSupported) {
  for (const char* version : {"HTTP/2.0", "HTTP/3.0"}) {
    EXPECT_EQ(Answer(std::string("GET /a ") + version + "\r\nHost: x\r\n\r\n").status, 505)
        << version;
  }
}

TEST_F(HttpErrorsTest, ErrorsAreOneLineOfText) {
  for (const std::string& request :
       {std::string("GET /% HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("POST /a HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("BREW /a HTTP/1.1\r\nHost: x\r\n\r\n"), std::string("nonsense\r\n\r\n")}) {
    const HttpResponse response = Answer(request);
    EXPECT_TRUE(response.Header("content-type").starts_with("text/plain")) << request;
    EXPECT_EQ(CountOccurrences(response.body, "\n"), 1U) << response.body;
    EXPECT_TRUE(response.body.ends_with("\n")) << response.body;
  }
}

// The limits below are 16384 bytes for a line. A line counts as long as it is with its CRLF on one
// side of the limit and without it on the other, so that the tests hold for either way to count.
constexpr size_t kLineLimit = 16384;

// A request whose first line, with its CRLF, has that many bytes.
std::string WithRequestLine(size_t size) {
  const std::string rest = "GET / HTTP/1.1\r\n";
  return "GET /" + std::string(size - rest.size(), 'k') + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

// A header line that has that many bytes with its CRLF.
std::string HeaderLine(size_t size) {
  const std::string rest = "X: \r\n";
  return "X: " + std::string(size - rest.size(), 'v') + "\r\n";
}

TEST_F(HttpErrorsTest, ARequestLineOf16384BytesIsTheLongest) {
  EXPECT_EQ(Answer(WithRequestLine(kLineLimit)).status, 200);
  EXPECT_EQ(Answer(WithRequestLine(kLineLimit + 3)).status, 414);
  EXPECT_EQ(Answer("GET /" + std::string(kLineLimit * 4, 'k')).status, 414);
}

TEST_F(HttpErrorsTest, AHeaderLineOf16384BytesIsTheLongest) {
  EXPECT_EQ(Answer(GetRequest("a", HeaderLine(kLineLimit))).status, 200);
  EXPECT_EQ(Answer(GetRequest("a", HeaderLine(kLineLimit + 3))).status, 431);
}

TEST_F(HttpErrorsTest, AHeaderSectionOf65536BytesIsTheLongest) {
  // The lines make 65536 bytes with "Host: test" and the empty line, or with the request line too.
  const std::string four = HeaderLine(16384) + HeaderLine(16384) + HeaderLine(16384);
  const size_t others = GetRequest("a").size();
  EXPECT_EQ(Answer(GetRequest("a", four + HeaderLine(16384 - others))).status, 200);
  EXPECT_EQ(Answer(GetRequest("a", four + HeaderLine(16384) + HeaderLine(8))).status, 431);
}

TEST_F(HttpErrorsTest, AHundredFieldsAreTheMost) {
  std::string fields;  // and Host is one more
  for (int i = 0; i < 99; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(Answer(GetRequest("a", fields)).status, 200);
  EXPECT_EQ(Answer(GetRequest("a", fields + "X-Last: y\r\n")).status, 431);
}

TEST_F(HttpErrorsTest, ARefusedFloodStillReadsItsAnswer) {
  // The server closes while the client still sends: it must do so in stages, or the reset that the
  // unread bytes cause would destroy the answer on its way (RFC 9112 section 9.6).
  HttpClient client(proxy_.port());
  client.Send("GET /" + std::string(512 * 1024, 'k') + " HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Read().status, 414);
}

}  // namespace
}  // namespace rp::integration
