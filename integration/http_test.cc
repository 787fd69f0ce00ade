// HTTP as a server must speak it: connections that stay open, pipelines, and bodies that are never
// taken for requests. What is refused and why is in http_errors_test.cc.
#include <gtest/gtest.h>

#include <string>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

// The keys a, b and c hold "value of a" and so on; every key of the fake does.
class HttpTest : public ::testing::Test {
 protected:
  // A handler for the fake under which "missing" is not there and "list" is not a string.
  static std::optional<FakeRedis::Answer> SomeMissing(const FakeRedis::Command& command) {
    if (command.arguments.size() < 2) return std::nullopt;
    if (command.key() == "missing") {
      return FakeRedis::Answer{.bytes = command.name() == "GET" ? "$-1\r\n" : ":-2\r\n"};
    }
    if (command.key() == "list" && command.name() == "GET") {
      return FakeRedis::Answer{.bytes = "-WRONGTYPE Operation against a key of another kind\r\n"};
    }
    return std::nullopt;
  }

  FakeRedis redis_{SomeMissing};
  Proxy proxy_{{"-redis", redis_.address()}};
};

TEST_F(HttpTest, AnHttp11ConnectionStaysOpen) {
  HttpClient client(proxy_.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Get("a").body, "value of a");
}

TEST_F(HttpTest, AConnectionClosesWhenTheClientAsks) {
  for (const char* header :
       {"Connection: close\r\n", "Connection: keep-alive, CLOSE\r\n", "Connection:\tclose\r\n",
        "Connection: , ,close\r\n", "Connection: x\r\nConnection: close\r\n"}) {
    SCOPED_TRACE(header);
    HttpClient client(proxy_.port());
    client.Send(GetRequest("a", header));
    const HttpResponse response = client.Read();
    EXPECT_EQ(response.body, "value of a");
    EXPECT_EQ(response.Header("connection"), "close");
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST_F(HttpTest, NothingIsAnsweredAfterClose) {
  HttpClient client(proxy_.port());
  client.Send(GetRequest("a", "Connection: close\r\n") + GetRequest("b"));
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_EQ(client.ReadToTheEnd(), "");
}

TEST_F(HttpTest, AnHttp10ConnectionClosesByDefault) {
  HttpClient client(proxy_.port());
  client.Send("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpTest, AnHttp10ConnectionStaysOpenWhenAsked) {
  HttpClient client(proxy_.port());
  for (const char* key : {"a", "b"}) {
    client.Send(std::string("GET /") + key + " HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    const HttpResponse response = client.Read();
    EXPECT_EQ(response.body, std::string("value of ") + key);
    EXPECT_EQ(response.Header("connection"), "keep-alive");
  }
}

TEST_F(HttpTest, APipelineOfHitsMissesAndErrorsIsAnsweredInOrder) {
  HttpClient client(proxy_.port());
  ASSERT_EQ(client.Get("hit").status, 200);
  client.Send(GetRequest("cold 1") + GetRequest("hit") + GetRequest("missing") + GetRequest("hit") +
              GetRequest("list") + "HEAD /hit HTTP/1.1\r\nHost: x\r\n\r\n" + GetRequest("cold 2") +
              "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read().body, "value of cold 1");
  EXPECT_EQ(client.Read().body, "value of hit");
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_EQ(client.Read().body, "value of hit");
  EXPECT_EQ(client.Read().status, 409);
  EXPECT_EQ(client.Read(true).Header("content-length"), "12");
  EXPECT_EQ(client.Read().body, "value of cold 2");
  EXPECT_EQ(client.Read().status, 501);
}

TEST_F(HttpTest, AHitWaitsForTheMissBeforeIt) {
  HttpClient client(proxy_.port());
  ASSERT_EQ(client.Get("hit").status, 200);
  redis_.SetScript([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("late"), .delay = 200ms};
  });
  client.Send(GetRequest("cold") + GetRequest("hit"));
  EXPECT_EQ(client.Read().body, "late");
  EXPECT_EQ(client.Read().body, "value of hit");
}

TEST_F(HttpTest, MoreRequestsThanMayBeInProgressAreAllAnsweredInOrder) {
  for (const int count : {16, 17, 1000}) {
    SCOPED_TRACE(count);
    HttpClient client(proxy_.port());
    std::string requests;
    for (int i = 0; i < count; ++i) requests += GetRequest("key" + std::to_string(i % 300));
    ASSERT_TRUE(client.Send(requests));
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(client.Read().body, "value of key" + std::to_string(i % 300));
    }
  }
}

TEST_F(HttpTest, ARequestMayComeByteByByte) {
  HttpClient client(proxy_.port());
  for (const char byte : GetRequest("a", "X-Filler: 1\r\n") + GetRequest("b")) {
    ASSERT_TRUE(client.Send(std::string(1, byte)));
  }
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_EQ(client.Read().body, "value of b");
}

TEST_F(HttpTest, ARequestMayBeCutAnywhere) {
  HttpClient client(proxy_.port());
  const std::string request = GetRequest("a");
  for (size_t cut = 1; cut < request.size(); ++cut) {
    client.Send(std::string_view(request).substr(0, cut));
    // The pause makes it likely that the server sees the two pieces apart; right it must be anyhow.
    EXPECT_FALSE(client.Stirs(1ms)) << cut;
    client.Send(std::string_view(request).substr(cut));
    ASSERT_EQ(client.Read().body, "value of a") << cut;
  }
}

TEST_F(HttpTest, EmptyLinesBeforeARequestAreSkipped) {
  HttpClient client(proxy_.port());
  client.Send("\r\n" + GetRequest("a") + "\r\n" + GetRequest("b"));
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_EQ(client.Read().body, "value of b");
}

TEST_F(HttpTest, TheAbsoluteFormOfATargetNamesTheSameKey) {
  HttpClient client(proxy_.port());
  client.Send(TargetRequest("http://example.com:8080/a?b"));
  EXPECT_EQ(client.Read().body, "value of a");
}

TEST_F(HttpTest, AClientThatHalfClosesStillGetsItsAnswers) {
  redis_.SetScript([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("late"), .delay = 100ms};
  });
  HttpClient client(proxy_.port());
  client.Send(GetRequest("a") + GetRequest("b"));
  client.HalfClose();
  EXPECT_EQ(client.Read().body, "late");
  EXPECT_EQ(client.Read().body, "late");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpTest, AClientThatResetsInTheMiddleHurtsNobody) {
  redis_.SetScript([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET" || command.key() != "big") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk(PatternBytes(16 * 1024 * 1024))};
  });
  for (int i = 0; i < 3; ++i) {
    HttpClient client(proxy_.port());
    client.Send(GetRequest("big"));
    EXPECT_EQ(client.ReadHead().status, 200);
    client.Reset();
  }
  EXPECT_EQ(Fetch(proxy_.port(), "a").body, "value of a");
}

// --- Bodies
// ---------------------------------------------------------------------------------------

const char kInnerRequest[] = "GET /secret HTTP/1.1\r\nHost: inner\r\n\r\n";

std::string WithLength(std::string_view start_line, std::string_view body) {
  return std::string(start_line) +
         "\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

std::string Chunked(std::string_view start_line, std::string_view chunks) {
  return std::string(start_line) + "\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" +
         std::string(chunks);
}

TEST_F(HttpTest, TheBodyOfAGetIsSkipped) {
  for (const std::string& request :
       {WithLength("GET /a HTTP/1.1", "hello"),
        Chunked("GET /a HTTP/1.1", "5\r\nhello\r\n0\r\n\r\n"),
        Chunked("GET /a HTTP/1.1", "5;x=\"y\"\r\nhello\r\n0\r\nTrailer: t\r\n\r\n")}) {
    SCOPED_TRACE(request);
    HttpClient client(proxy_.port());
    client.Send(request + GetRequest("b", "Connection: close\r\n"));
    EXPECT_EQ(client.Read().body, "value of a");
    // The connection may be closed instead of reading on, but nothing else may be said.
    const HttpResponse second = client.Read();
    EXPECT_TRUE(second.body == "value of b" || second.problem == "closed") << second.body;
  }
}

TEST_F(HttpTest, ABodyThatLooksLikeARequestIsNeverAnswered) {
  const std::string inner(kInnerRequest);
  char size[16];
  std::snprintf(size, sizeof(size), "%zx", inner.size());
  const std::string chunk = std::string(size) + "\r\n" + inner + "\r\n0\r\n\r\n";
  for (const std::string& request :
       {WithLength("GET /a HTTP/1.1", inner), WithLength("POST /a HTTP/1.1", inner),
        WithLength("HEAD /a HTTP/1.1", inner), WithLength("BREW /a HTTP/1.1", inner),
        WithLength("GET /% HTTP/1.1", inner), WithLength("GET / HTTP/1.1", inner),
        WithLength("GET /a HTTP/3.0", inner), WithLength("GET /a HTTP/1.0", inner),
        Chunked("GET /a HTTP/1.1", chunk), Chunked("PUT /a HTTP/1.1", chunk),
        Chunked("GET /a HTTP/1.1", "0\r\nTrailer: t\r\n\r\n")}) {
    SCOPED_TRACE(request);
    HttpClient client(proxy_.port());
    client.Send(request);
    client.HalfClose();
    EXPECT_NE(client.Read(request.starts_with("HEAD")).status, 0);
    EXPECT_EQ(client.ReadToTheEnd(), "");
  }
}

TEST_F(HttpTest, AmbiguousFramingIsRefusedAndNothingBehindItIsAnswered) {
  for (const char* headers :
       {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 38\r\n", "Content-Length: +0\r\n",
        "Content-Length: -1\r\n", "Content-Length: 0x0\r\n", "Content-Length: 0 1\r\n",
        "Content-Length: \r\n", "Content-Length: 18446744073709551616\r\n",
        "Content-Length : 0\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: xchunked\r\n"}) {
    SCOPED_TRACE(headers);
    HttpClient client(proxy_.port());
    client.Send(GetRequest("a", headers) + kInnerRequest);
    const HttpResponse response = client.Read();
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(client.ReadToTheEnd(), "");
  }
}

TEST_F(HttpTest, BrokenChunksAreNeverARequest) {
  for (const char* chunks : {"10000000000000000\r\n", "ffffffffffffffff1\r\n", "-1\r\n", "0x5\r\n",
                             "\r\n", "g\r\n", "1\r\nab\r\n0\r\n\r\n"}) {
    SCOPED_TRACE(chunks);
    HttpClient client(proxy_.port());
    client.Send(Chunked("GET /a HTTP/1.1", std::string(chunks) + kInnerRequest));
    client.HalfClose();
    // Refused, or answered before the body was seen; but then the connection closes.
    EXPECT_NE(client.Read().status, 0);
    EXPECT_EQ(client.ReadToTheEnd(), "");
  }
}

TEST_F(HttpTest, AMalformedBodyTakesTheAnswersPlaceWhileNoneHasGone) {
  HttpClient hit(proxy_.port());
  ASSERT_EQ(hit.Get("a").status, 200);
  hit.Send(GetRequest("b") + Chunked("GET /a HTTP/1.1", "5\r\nhelloX"));
  EXPECT_EQ(hit.Read().body, "value of b") << "which had a request of its own";
  EXPECT_EQ(hit.Read().status, 400);
  EXPECT_EQ(hit.ReadToTheEnd(), "");

  redis_.SetScript([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET" || command.key() != "late") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("late"), .delay = 200ms};
  });
  HttpClient miss(proxy_.port());
  miss.Send(Chunked("GET /late HTTP/1.1", "5\r\nhe"));
  ASSERT_TRUE(Eventually([&] { return redis_.Count("GET") == 3; }));
  miss.Send("lloX");
  EXPECT_EQ(miss.Read().status, 400);
  EXPECT_EQ(miss.ReadToTheEnd(), "");

  HttpClient other_method(proxy_.port());
  other_method.Send(Chunked("POST /a HTTP/1.1", "x"));
  EXPECT_EQ(other_method.Read().status, 405) << "an error of its own stays";
}

// A body over the limit is no error of the request: it is not read to its end.
TEST_F(HttpTest, ATooLargeBodyOfAGetIsAnsweredAndEndsTheConnection) {
  HttpClient client(proxy_.port());
  client.Send(Chunked("GET /a HTTP/1.1", "100001\r\n"));
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_EQ(client.ReadToTheEnd(), "");
}

TEST_F(HttpTest, AClientThatExpects100IsNotKeptWaiting) {
  HttpClient client(proxy_.port());
  client.Send(GetRequest("a", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  const HttpResponse first = client.Read();
  ASSERT_TRUE(first.status == 100 || first.status == 200) << first.status << first.problem;
  if (first.status == 100) {
    client.Send("hello");
    EXPECT_EQ(client.Read().body, "value of a");
  }
}

TEST_F(HttpTest, AnHttp10ClientIsNeverSent100) {
  HttpClient client(proxy_.port());
  client.Send("GET /a HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
  EXPECT_EQ(client.Read().body, "value of a");
}

}  // namespace
}  // namespace rp::integration
