// The main job: keys and values are bytes, and every answer carries what its reader needs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

class GetTest : public ::testing::Test {
 protected:
  HttpResponse GetTarget(std::string_view target) {
    HttpClient client(proxy_.port());
    client.Send(TargetRequest(target));
    return client.Read();
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-expire", "0"}};
};

std::vector<std::string> OddBytes() {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  return {std::string("nul\0nul", 7),
          std::string(1, '\0'),
          "line\r\nline",
          "two  spaces ",
          "a/b//c/",
          "a%2Fb",
          "100%",
          "a+b",
          "gr\xC3\xBC\xC3\x9F \xE6\xBC\xA2\xE5\xAD\x97",
          "\xFF\xFE\x80",
          "?query#fragment",
          "../..",
          "HTTP/1.1 200 OK\r\n\r\n",
          "$-1\r\n",
          all};
}

TEST_F(GetTest, AnswersAValueFirstFromRedisAndThenFromTheCache) {
  redis_.Set("greeting", "hello");
  const HttpResponse miss = Fetch(proxy_.port(), "greeting");
  EXPECT_EQ(miss.status, 200);
  EXPECT_EQ(miss.body, "hello");
  EXPECT_TRUE(miss.IsMiss()) << miss.Header("cache-status");
  const HttpResponse hit = Fetch(proxy_.port(), "greeting");
  EXPECT_EQ(hit.status, 200);
  EXPECT_EQ(hit.body, "hello");
  EXPECT_TRUE(hit.IsHit()) << hit.Header("cache-status");
  EXPECT_EQ(redis_.GetCount(), 1);
}

TEST_F(GetTest, AnswersCarryTheHeadersOfTheDocumentation) {
  redis_.Set("k", "12345");
  HttpClient client(proxy_.port());
  for (const char* from : {"Redis", "the cache"}) {
    SCOPED_TRACE(from);
    const HttpResponse response = client.Get("k");
    EXPECT_TRUE(response.start_line.starts_with("HTTP/1.1 200 ")) << response.start_line;
    EXPECT_EQ(response.Header("content-length"), "5");
    EXPECT_EQ(response.Header("content-type"), "application/octet-stream");
    EXPECT_EQ(response.Header("x-content-type-options"), "nosniff");
    EXPECT_TRUE(std::regex_match(response.Header("age"), std::regex("[0-9]+")))
        << response.Header("age");
  }
}

TEST_F(GetTest, DateIsNowInTheFormOfRfc9110) {
  const HttpResponse response = Fetch(proxy_.port(), "missing");
  tm parts{};
  const std::string date = response.Header("date");
  const char* end = strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  ASSERT_TRUE(end != nullptr && *end == '\0' && date.size() == 29) << date;
  EXPECT_NEAR(static_cast<double>(timegm(&parts)), static_cast<double>(time(nullptr)), 60.0);
}

TEST_F(GetTest, AgeCountsTheSecondsSinceTheFetch) {
  redis_.Set("k", "v");
  const TimePoint before_fetch = Now();
  EXPECT_EQ(Fetch(proxy_.port(), "k").Header("age"), "0");
  HttpResponse response;
  ASSERT_TRUE(Eventually([&] {
    response = Fetch(proxy_.port(), "k");
    return std::atol(response.Header("age").c_str()) >= 2;
  }));
  // Whole seconds, which may be those of a clock that had nearly reached the next one.
  const long age_s = std::atol(response.Header("age").c_str());
  EXPECT_GE(MillisecondsSince(before_fetch), 1000 * (age_s - 1));
}

TEST_F(GetTest, KeysAreBytes) {
  HttpClient client(proxy_.port());
  for (const std::string& key : OddBytes()) {
    SCOPED_TRACE(PercentEncode(key));
    redis_.Set(key, "value of " + key);
    EXPECT_EQ(client.Get(key).body, "value of " + key);
    EXPECT_EQ(client.Get(key).body, "value of " + key);
  }
}

TEST_F(GetTest, ValuesAreBytes) {
  HttpClient client(proxy_.port());
  for (const std::string& value : OddBytes()) {
    SCOPED_TRACE(PercentEncode(value));
    const std::string key = "k" + std::to_string(std::hash<std::string>()(value));
    redis_.Set(key, value);
    EXPECT_EQ(client.Get(key).body, value);
    EXPECT_EQ(client.Get(key).body, value);
  }
}

TEST_F(GetTest, AnEmptyValueIsAValue) {
  redis_.Set("empty", "");
  HttpClient client(proxy_.port());
  for (const bool hit : {false, true}) {
    const HttpResponse response = client.Get("empty");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.Header("content-length"), "0");
    EXPECT_EQ(response.IsHit(), hit);
  }
}

TEST_F(GetTest, AValueOf64MegabytesPassesWhole) {
  const std::string value = PatternBytes(64 * 1024 * 1024);
  redis_.Set("big", value);
  // Compared without EXPECT_EQ, which would print both.
  EXPECT_TRUE(Fetch(proxy_.port(), "big").body == value);
}

TEST(BigValueTest, AValueOf64MegabytesIsCachedWhereAllowed) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-max-value", "64mb"});
  const std::string value = PatternBytes(64 * 1024 * 1024);
  redis.Set("big", value);
  HttpClient client(proxy.port());
  EXPECT_TRUE(client.Get("big").body == value);
  const HttpResponse hit = client.Get("big");
  EXPECT_TRUE(hit.IsHit());
  EXPECT_TRUE(hit.body == value);
}

TEST_F(GetTest, SlashesArePartOfTheKeyEncodedOrNot) {
  redis_.Set("a/b", "slash");
  redis_.Set("/a", "leading");
  EXPECT_EQ(GetTarget("/a/b").body, "slash");
  EXPECT_EQ(GetTarget("/a%2fb").body, "slash");
  EXPECT_EQ(GetTarget("/a%2Fb").body, "slash");
  EXPECT_EQ(GetTarget("//a").body, "leading");
}

TEST_F(GetTest, DotSegmentsAreNotResolved) {
  redis_.Set("a/../b", "dots");
  EXPECT_EQ(GetTarget("/a/../b").body, "dots");
}

TEST_F(GetTest, ThePathIsDecodedOnce) {
  redis_.Set("%41", "once");
  redis_.Set("A", "twice");
  EXPECT_EQ(GetTarget("/%2541").body, "once");
}

TEST_F(GetTest, APlusIsAPlus) {
  redis_.Set("a+b", "plus");
  redis_.Set("a b", "space");
  EXPECT_EQ(GetTarget("/a+b").body, "plus");
  EXPECT_EQ(GetTarget("/a%20b").body, "space");
}

TEST_F(GetTest, TheQueryIsNotPartOfTheKey) {
  redis_.Set("k", "v");
  EXPECT_EQ(GetTarget("/k?a=b&c=%zz").body, "v");
  EXPECT_EQ(GetTarget("/k?").body, "v");
  EXPECT_TRUE(GetTarget("/k?a").IsHit());
}

TEST_F(GetTest, ABadEscapeIsABadRequest) {
  for (const char* target : {"/%", "/%4", "/%zz", "/a%4g", "/%%41", "/%-1", "/% 1", "/ok%"}) {
    EXPECT_EQ(GetTarget(target).status, 400) << target;
  }
  EXPECT_EQ(redis_.GetCount(), 0);
}

TEST_F(GetTest, TheRootIsTheKeyOfZeroBytes) {
  for (const char* target : {"/", "/?query", "http://example.com"}) {
    const HttpResponse missing = GetTarget(target);
    EXPECT_EQ(missing.status, 404) << target;
    EXPECT_EQ(missing.body, "no such key: ask for /KEY, for example GET /example_key\n");
  }
  redis_.Set("", "root");
  EXPECT_EQ(GetTarget("/").body, "root");
  EXPECT_TRUE(GetTarget("/?query").IsHit());
}

TEST_F(GetTest, AMissingKeyIs404InOneLineOfText) {
  const HttpResponse response = Fetch(proxy_.port(), "missing");
  EXPECT_EQ(response.status, 404);
  EXPECT_TRUE(response.Header("content-type").starts_with("text/plain"));
  EXPECT_EQ(CountOccurrences(response.body, "\n"), 1U) << response.body;
  EXPECT_TRUE(response.body.ends_with("\n"));
}

TEST_F(GetTest, AMissingKeyIsAskedForAgain) {
  HttpClient client(proxy_.port());
  EXPECT_EQ(client.Get("late").status, 404);
  redis_.Set("late", "here");
  EXPECT_EQ(client.Get("late").body, "here");
}

TEST_F(GetTest, HeadHasTheHeadersOfGetAndNoBody) {
  redis_.Set("k", "12345");
  HttpClient client(proxy_.port());
  const std::string head = "HEAD /k HTTP/1.1\r\nHost: test\r\n\r\n";
  for (const bool hit : {false, true}) {
    client.Send(head);
    const HttpResponse response = client.Read(true);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.Header("content-length"), "5");
    EXPECT_EQ(response.Header("content-type"), "application/octet-stream");
    EXPECT_EQ(response.IsHit(), hit);
  }
  // A body would be taken for the start of this answer.
  EXPECT_EQ(client.Get("k").body, "12345");
  client.Send("HEAD /missing HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_EQ(client.Read(true).status, 404);
  EXPECT_EQ(client.Get("k").body, "12345");
}

TEST_F(GetTest, AKeyOfAnotherTypeIsAConflict) {
  ASSERT_EQ(redis_.Command({"RPUSH", "list", "a"}), "1");
  HttpClient client(proxy_.port());
  EXPECT_EQ(client.Get("list").status, 409);
  EXPECT_EQ(client.Get("list").status, 409);
  ASSERT_EQ(redis_.Command({"DEL", "list"}), "1");
  redis_.Set("list", "now a string");
  EXPECT_EQ(client.Get("list").body, "now a string");
}

}  // namespace
}  // namespace rp::integration
