#include "config/options.h"

#include <gtest/gtest.h>

#include <string>

#include "base/memory_limit.h"
#include "config/flags.h"
#include "config/secrets.h"
#include "test/config/parsed_options.h"

namespace rp::config {
namespace {

TEST(OptionsTest, HasTheDocumentedDefaults) {
  const Options options = ParseOk({});
  EXPECT_EQ(FormatHostPort(options.http), ":8080");
  EXPECT_FALSE(options.resp.has_value());
  EXPECT_EQ(options.redis.ToString(), "localhost:6379");
  EXPECT_EQ(options.expire, std::chrono::minutes(2));
  EXPECT_EQ(options.max_age, Duration(0));
  EXPECT_EQ(options.capacity, 100000u);
  EXPECT_NEAR(static_cast<double>(options.max_memory_bytes),
              static_cast<double>(UsableMemoryBytes()) / 4, 1 << 20);
  EXPECT_GT(options.max_memory_bytes, 0u);
  EXPECT_EQ(options.max_value_bytes, 1048576u);
  EXPECT_EQ(options.redis_ops_limit, 128);
  EXPECT_EQ(options.redis_connections, 4);
  EXPECT_EQ(options.redis_db, 0);
  EXPECT_GE(options.workers, 1);
  EXPECT_LE(options.workers, 4);
  EXPECT_EQ(options.reactors, 1);
  EXPECT_EQ(options.timeout, std::chrono::seconds(1));
  EXPECT_EQ(options.max_clients, 10000);
  EXPECT_EQ(options.header_timeout, std::chrono::seconds(10));
  EXPECT_EQ(options.idle_timeout, std::chrono::seconds(75));
  EXPECT_EQ(options.write_timeout, std::chrono::seconds(30));
  EXPECT_EQ(options.resp_idle_timeout, Duration(0));
  EXPECT_EQ(options.content_type, "application/octet-stream");
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
  EXPECT_EQ(options.redis_username, "");
  EXPECT_EQ(options.redis_password, "");
}

TEST(OptionsTest, SetsEveryMemberFromItsFlag) {
  const Options options = ParseOk({"-http",
                                   "[::1]:80",
                                   "-redis",
                                   "/tmp/r",
                                   "-expire",
                                   "90s",
                                   "-max-age",
                                   "1h",
                                   "-capacity",
                                   "7",
                                   "-max-memory",
                                   "64MiB",
                                   "-max-value",
                                   "2kb",
                                   "-redis-ops-limit",
                                   "1",
                                   "-redis-connections",
                                   "2",
                                   "-redis-db",
                                   "3",
                                   "-workers",
                                   "5",
                                   "-reactors",
                                   "3",
                                   "-timeout",
                                   "250ms",
                                   "-max-clients",
                                   "6",
                                   "-header-timeout",
                                   "11s",
                                   "-idle-timeout",
                                   "12s",
                                   "-write-timeout",
                                   "13s",
                                   "-resp-idle-timeout",
                                   "14s",
                                   "-content-type",
                                   "text/plain; charset=utf-8",
                                   "-log-level",
                                   "warn"});
  EXPECT_EQ(FormatHostPort(options.http), "[::1]:80");
  EXPECT_EQ(options.redis.ToString(), "/tmp/r");
  EXPECT_EQ(options.expire, std::chrono::seconds(90));
  EXPECT_EQ(options.max_age, std::chrono::hours(1));
  EXPECT_EQ(options.capacity, 7u);
  EXPECT_EQ(options.max_memory_bytes, 64u << 20);
  EXPECT_EQ(options.max_value_bytes, 2048u);
  EXPECT_EQ(options.redis_ops_limit, 1);
  EXPECT_EQ(options.redis_connections, 2);
  EXPECT_EQ(options.redis_db, 3);
  EXPECT_EQ(options.workers, 5);
  EXPECT_EQ(options.reactors, 3);
  EXPECT_EQ(options.timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(options.max_clients, 6);
  EXPECT_EQ(options.header_timeout, std::chrono::seconds(11));
  EXPECT_EQ(options.idle_timeout, std::chrono::seconds(12));
  EXPECT_EQ(options.write_timeout, std::chrono::seconds(13));
  EXPECT_EQ(options.resp_idle_timeout, std::chrono::seconds(14));
  EXPECT_EQ(options.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(options.log_level, LogLevel::kWarn);
}

TEST(OptionsTest, TakesTheFourFormsOfAFlag) {
  EXPECT_EQ(ParseOk({"-capacity", "5"}).capacity, 5u);
  EXPECT_EQ(ParseOk({"-capacity=5"}).capacity, 5u);
  EXPECT_EQ(ParseOk({"--capacity", "5"}).capacity, 5u);
  EXPECT_EQ(ParseOk({"--capacity=5"}).capacity, 5u);
}

TEST(OptionsTest, LetsTheLastOfARepeatedFlagCount) {
  EXPECT_EQ(ParseOk({"-capacity", "5", "-workers", "2", "--capacity=6"}).capacity, 6u);
}

TEST(OptionsTest, TakesCoherentAloneOrWithItsValueBehindAnEqualsSign) {
  EXPECT_EQ(ParseOk({}).coherent, Coherent::kNo);
  EXPECT_EQ(ParseOk({"-coherent"}).coherent, Coherent::kYes);
  EXPECT_EQ(ParseOk({"-coherent=true"}).coherent, Coherent::kYes);
  EXPECT_EQ(ParseOk({"-coherent=auto"}).coherent, Coherent::kAuto);
  EXPECT_EQ(ParseOk({"-coherent", "--coherent=false"}).coherent, Coherent::kNo);
  EXPECT_EQ(ErrorOf({"-coherent", "auto"}), "unexpected argument 'auto'");
}

TEST(OptionsTest, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(ParseOk({"-content-type=text/plain; charset=utf-8"}).content_type,
            "text/plain; charset=utf-8");
}

TEST(OptionsTest, TakesWhateverFollowsAFlagAsItsValue) {
  EXPECT_EQ(ErrorOf({"-capacity", "-workers"}),
            "-capacity: expected a whole number from 0 to 9223372036854775807, got '-workers'");
  EXPECT_EQ(ErrorOf({"-expire", "--"}),
            "-expire: expected a duration such as 250ms, 90s, 2m or 1h30m, got '--'");
}

TEST(OptionsTest, NamesFlagAndValueInEveryError) {
  for (const Flag& flag : Flags()) {
    const std::string argument = "--" + std::string(flag.name) + "=?\n";
    const std::string message = ErrorOf({argument.c_str()});
    EXPECT_EQ(message.find("-" + std::string(flag.name) + ": expected "), 0u) << message;
    EXPECT_NE(message.find(", got '?\\x0a'"), std::string::npos) << message;
  }
}

TEST(OptionsTest, SaysWhichFlagIsUnknown) {
  EXPECT_EQ(ErrorOf({"-foo"}), "-foo: unknown flag (see -h)");
  EXPECT_EQ(ErrorOf({"--foo=1"}), "-foo: unknown flag (see -h)");
  EXPECT_EQ(ErrorOf({"-capacit", "1"}), "-capacit: unknown flag (see -h)");
  EXPECT_EQ(ErrorOf({"---capacity=1"}), "--capacity: unknown flag (see -h)");
  EXPECT_EQ(ErrorOf({"-=1"}), "-: unknown flag (see -h)");
  EXPECT_EQ(ErrorOf({"-a\nb"}), "-a\\x0ab: unknown flag (see -h)");
}

TEST(OptionsTest, SaysWhichFlagNeedsAValue) {
  for (const Flag& flag : Flags()) {
    if (flag.parse == nullptr || IsSwitch(flag)) continue;
    const std::string argument = "-" + std::string(flag.name);
    EXPECT_EQ(ErrorOf({"-workers", "1", argument.c_str()}), argument + ": needs a value");
  }
}

TEST(OptionsTest, RefusesPositionalArguments) {
  EXPECT_EQ(ErrorOf({"x"}), "unexpected argument 'x'");
  EXPECT_EQ(ErrorOf({"-workers", "1", "x\n"}), "unexpected argument 'x\\x0a'");
  EXPECT_EQ(ErrorOf({""}), "unexpected argument ''");
  EXPECT_EQ(ErrorOf({"-"}), "unexpected argument '-'");
}

TEST(OptionsTest, EndsTheFlagsAtTwoDashes) {
  EXPECT_EQ(ParseOk({"-capacity", "5", "--"}).capacity, 5u);
  EXPECT_EQ(ErrorOf({"--", "-capacity"}), "unexpected argument '-capacity'");
}

TEST(OptionsTest, NeedsNoProgramName) {
  Options options;
  EXPECT_EQ(*ParseOptions(0, nullptr, &options), ParsedAction::kRun);
  EXPECT_EQ(options.capacity, 100000u);
}

TEST(OptionsTest, RunsUnlessAskedForSomethingElse) {
  EXPECT_EQ(*Parse({"-workers", "1"}).action, ParsedAction::kRun);
  for (const char* help : {"-h", "--h", "-help", "--help", "-h=true", "-help=1"}) {
    EXPECT_EQ(*Parse({help}).action, ParsedAction::kHelp) << help;
  }
  for (const char* version : {"-version", "--version", "-version=true", "--version=T"}) {
    EXPECT_EQ(*Parse({version}).action, ParsedAction::kVersion) << version;
  }
  for (const char* health : {"-health", "--health=true"}) {
    EXPECT_EQ(*Parse({health}).action, ParsedAction::kHealth) << health;
  }
  EXPECT_EQ(*Parse({"-h=false", "-version=false", "-health=false"}).action, ParsedAction::kRun);
  EXPECT_EQ(*Parse({"-version", "-version=0"}).action, ParsedAction::kRun);
}

TEST(OptionsTest, GivesHelpBeforeAnythingThatComesAfterIt) {
  EXPECT_EQ(*Parse({"-version", "-h", "-foo"}).action, ParsedAction::kHelp);
  EXPECT_EQ(ErrorOf({"-foo", "-h"}), "-foo: unknown flag (see -h)");
  EXPECT_EQ(ErrorOf({"-version", "-foo"}), "-foo: unknown flag (see -h)");
}

TEST(OptionsTest, TakesNoSeparateValueForABoolean) {
  EXPECT_EQ(ErrorOf({"-version", "true"}), "unexpected argument 'true'");
  EXPECT_EQ(ErrorOf({"-h=maybe"}), "-h: expected true or false, got 'maybe'");
  EXPECT_EQ(ErrorOf({"-version="}), "-version: expected true or false, got ''");
}

TEST(DescribeSettingsTest, ShowsEverySettingOnOneLine) {
  const Options options =
      ParseOk({"-workers=2", "-max-memory=64m", "-content-type=text/plain; charset=utf-8"});
  EXPECT_EQ(
      DescribeSettings(options),
      "http=:8080 resp= forward=false http-auth=false "
      "content-type='text/plain; charset=utf-8' redis=localhost:6379 redis-db=0 "
      "redis-connections=4 redis-ops-limit=128 timeout=1s capacity=100000 max-memory=64mb "
      "max-value=1mb expire=2m max-age=0 stale-if-error=0 coherent=false max-stale=1s prefix= "
      "verify=0 max-clients=10000 header-timeout=10s idle-timeout=1m15s write-timeout=30s "
      "resp-idle-timeout=0 reactors=1 workers=2 inline=true log-level=info");
}

TEST(DescribeSettingsTest, NeverShowsASecret) {
  Options options = ParseOk({});
  const std::string without = DescribeSettings(options);
  ASSERT_TRUE(LoadSecrets(&options, [](const char*) { return "s3cret"; }).ok());
  EXPECT_EQ(DescribeSettings(options), without);
}

}  // namespace
}  // namespace rp::config
