#include "config/flag_values.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "test/config/parsed_options.h"

namespace rp::config {
namespace {

TEST(FlagValuesTest, CollectsPrefixesThatDoNotOverlapNextToCoherent) {
  const std::vector<std::string> two = {"user:", "item:"};
  EXPECT_EQ(ParseOk({"-coherent", "-prefix", "user:", "-prefix=item:"}).prefixes, two);
  EXPECT_EQ(ErrorOf({"-prefix", "user:"}),
            "-prefix: expected together with -coherent, got 'user:' alone");
  EXPECT_EQ(ErrorOf({"-coherent", "-prefix=us", "-prefix=user:"}),
            "-prefix: expected a prefix that does not overlap with 'us', got 'user:'");
}

TEST(FlagValuesTest, AnEmptyPrefixStandsForEveryKeyAndForNoOtherBesideIt) {
  EXPECT_TRUE(ParseOk({"-coherent", "-prefix", ""}).prefixes.empty());
  EXPECT_TRUE(ParseOk({"-prefix", ""}).prefixes.empty());
  EXPECT_EQ(ErrorOf({"-coherent", "-prefix=user:", "-prefix="}),
            "-prefix: expected a prefix that does not overlap with 'user:', got ''");
  EXPECT_EQ(ErrorOf({"-coherent", "-prefix=", "-prefix=user:"}),
            "-prefix: expected a prefix that does not overlap with '', got 'user:'");
}

TEST(FlagValuesTest, TakesAtMost128PrefixesOfAtMost1024Bytes) {
  std::vector<std::string> texts = {"-coherent"};
  for (int i = 100; i < 228; ++i) texts.push_back("-prefix=" + std::to_string(i));
  std::vector<const char*> arguments;
  for (const std::string& text : texts) arguments.push_back(text.c_str());
  EXPECT_EQ(ParseOk(arguments).prefixes.size(), 128u);
  arguments.push_back("-prefix=one-more");
  EXPECT_EQ(ErrorOf(arguments), "-prefix: expected at most 128 prefixes, got 'one-more'");
  const std::string longest(1024, 'p');
  EXPECT_EQ(ParseOk({"-coherent", "-prefix", longest.c_str()}).prefixes.front(), longest);
  EXPECT_NE(ErrorOf({"-coherent", "-prefix", (longest + "p").c_str()}), "accepted");
}

TEST(FlagValuesTest, TakesALeaseFromTenMillisecondsToAnHour) {
  EXPECT_EQ(ParseOk({"-max-stale", "1h"}).max_stale, std::chrono::hours(1));
  EXPECT_EQ(ParseOk({"-max-stale", "10ms"}).max_stale, std::chrono::milliseconds(10));
  for (const char* wrong : {"1h1ns", "9999us", "0"}) {
    EXPECT_EQ(ErrorOf({"-max-stale", wrong}),
              std::string("-max-stale: expected a duration from 10ms to 1h, got '") + wrong + "'");
  }
}

TEST(FlagValuesTest, HoldsEveryNumberToItsLimits) {
  const struct {
    const char* name;
    const char* below;
    const char* min;
    const char* max;
    const char* above;
  } kCases[] = {
      {"-capacity", "-1", "0", "9223372036854775807", "9223372036854775808"},
      {"-redis-ops-limit", "0", "1", "1000000", "1000001"},
      {"-redis-connections", "0", "1", "1024", "1025"},
      {"-redis-db", "-1", "0", "2147483647", "2147483648"},
      {"-workers", "0", "1", "256", "257"},
      {"-reactors", "0", "1", "64", "65"},
      {"-max-clients", "0", "1", "1000000", "1000001"},
      {"-max-memory", "-1", "0", "18446744073709551615", "18446744073709551616"},
      {"-max-value", "-1", "0", "18446744073709551615", "18446744073709551616"},
      {"-expire", "-1ns", "0", "9223372036854775807ns", "9223372036854775808ns"},
      {"-max-age", "-1ns", "0", "9223372036854775807ns", "9223372036854775808ns"},
      {"-header-timeout", "-1ns", "0", "9223372036854775807ns", "9223372036854775808ns"},
      {"-idle-timeout", "-1ns", "0", "9223372036854775807ns", "9223372036854775808ns"},
      {"-write-timeout", "-1ns", "0", "9223372036854775807ns", "9223372036854775808ns"},
      {"-resp-idle-timeout", "-1ns", "0", "9223372036854775807ns", "9223372036854775808ns"},
      {"-timeout", "0", "1ns", "9223372036854775807ns", "9223372036854775808ns"},
      {"-http", ":-1", ":0", ":65535", ":65536"},
      {"-redis", "h:0", "h:1", "h:65535", "h:65536"},
  };
  for (const auto& test_case : kCases) {
    EXPECT_FALSE(Accepts({test_case.name, test_case.below})) << test_case.name;
    EXPECT_TRUE(Accepts({test_case.name, test_case.min})) << test_case.name;
    EXPECT_TRUE(Accepts({test_case.name, test_case.max})) << test_case.name;
    EXPECT_FALSE(Accepts({test_case.name, test_case.above})) << test_case.name;
  }
}

TEST(FlagValuesTest, SaysThatATimeoutIsGreaterThanZero) {
  EXPECT_EQ(ErrorOf({"-timeout=0s"}), "-timeout: expected a duration greater than 0, got '0s'");
}

TEST(FlagValuesTest, CompletesTheRedisAddressWithItsPort) {
  EXPECT_EQ(ParseOk({"-redis", "cache.example.org"}).redis.ToString(), "cache.example.org:6379");
  EXPECT_EQ(ParseOk({"-redis", "cache:7000"}).redis.ToString(), "cache:7000");
  EXPECT_EQ(ParseOk({"-redis", "[::1]:7000"}).redis.ToString(), "[::1]:7000");
  EXPECT_EQ(ParseOk({"-redis", "[::1]"}).redis.ToString(), "[::1]:6379");
  EXPECT_EQ(ParseOk({"-redis", "/run/redis.sock"}).redis.ToString(), "/run/redis.sock");
}

TEST(FlagValuesTest, RefusesWhatIsNotARedisAddress) {
  EXPECT_EQ(ErrorOf({"-redis", ":6379"}), "-redis: expected a host before the port, got ':6379'");
  for (const char* text : {"", ":6379", "host:", "::1", "redis://localhost", "a b", "./sock"}) {
    EXPECT_FALSE(Accepts({"-redis", text})) << text;
  }
}

TEST(FlagValuesTest, TakesASocketPathAsLongAsTheKernelDoesAndNotLonger) {
  EXPECT_TRUE(Accepts({"-redis", ("/" + std::string(106, 'p')).c_str()}));
  EXPECT_FALSE(Accepts({"-redis", ("/" + std::string(107, 'p')).c_str()}));
}

TEST(FlagValuesTest, TakesAContentTypeOf200VisibleBytesAndRefuses201) {
  EXPECT_TRUE(Accepts({"-content-type", std::string(200, 't').c_str()}));
  EXPECT_FALSE(Accepts({"-content-type", std::string(201, 't').c_str()}));
  for (const char* text : {"", " a", "a ", "a\r\nb", "a\tb", "a\x7f", "\xc3\xa9"}) {
    EXPECT_FALSE(Accepts({"-content-type", text})) << text;
  }
}

TEST(FlagValuesTest, KnowsTheFourLogLevels) {
  EXPECT_EQ(ParseOk({"-log-level=debug"}).log_level, LogLevel::kDebug);
  EXPECT_EQ(ParseOk({"-log-level=info"}).log_level, LogLevel::kInfo);
  EXPECT_EQ(ParseOk({"-log-level=error"}).log_level, LogLevel::kError);
  EXPECT_FALSE(Accepts({"-log-level=INFO"}));
  EXPECT_FALSE(Accepts({"-log-level="}));
}

TEST(RespFlagTest, IsOffOrAnAddress) {
  EXPECT_EQ(FormatHostPort(ParseOk({"-resp", ":6380"}).resp.value()), ":6380");
  EXPECT_FALSE(ParseOk({"-resp", ""}).resp.has_value());
  EXPECT_FALSE(ParseOk({"-resp", ":6380", "-resp="}).resp.has_value()) << "the last one counts";
  Options options;
  const std::array<const char*, 3> arguments = {"redis-proxy", "-resp", "6380"};
  const auto wrong = ParseOptions(3, arguments.data(), &options);
  ASSERT_FALSE(wrong.ok());
  EXPECT_TRUE(wrong.error().message.starts_with("-resp: ")) << wrong.error().message;
}

TEST(ForwardFlagTest, NeedsCoherentAndResp) {
  EXPECT_TRUE(ParseOk({"-forward", "-coherent", "-resp=:0"}).forward);
  EXPECT_TRUE(Accepts({"-forward=false"}));
  EXPECT_EQ(ErrorOf({"-forward"}), "-forward: requires -resp and -coherent=true");
  EXPECT_FALSE(Accepts({"-forward", "-coherent"}));
  EXPECT_FALSE(Accepts({"-forward", "-resp=:0"}));
  EXPECT_FALSE(Accepts({"-forward", "-resp=:0", "-coherent=auto"}));
  EXPECT_FALSE(Accepts({"-forward=maybe", "-coherent", "-resp=:0"}));
}

}  // namespace
}  // namespace rp::config
