#include "config/options.h"

#include <gtest/gtest.h>

#include <array>

#include <sstream>
#include <vector>

#include "base/memory_limit.h"

namespace rp::config {
namespace {

using Arguments = std::vector<const char*>;

// The outcome of a command line.
struct Parsed {
  Options options;
  Result<ParsedAction> action = Error{};
};

Parsed Parse(Arguments arguments) {
  arguments.insert(arguments.begin(), "redis-proxy");
  Parsed parsed;
  parsed.action =
      ParseOptions(static_cast<int>(arguments.size()), arguments.data(), &parsed.options);
  return parsed;
}

Options ParseOk(const Arguments& arguments) {
  Parsed parsed = Parse(arguments);
  EXPECT_TRUE(parsed.action.ok()) << parsed.action.error().message;
  return parsed.options;
}

std::string ErrorOf(const Arguments& arguments) {
  const Parsed parsed = Parse(arguments);
  return parsed.action.ok() ? "accepted" : parsed.action.error().message;
}

bool Accepts(const Arguments& arguments) { return Parse(arguments).action.ok(); }

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

TEST(OptionsTest, CollectsPrefixesThatDoNotOverlapNextToCoherent) {
  const std::vector<std::string> two = {"user:", "item:"};
  EXPECT_EQ(ParseOk({"-coherent", "-prefix", "user:", "-prefix=item:"}).prefixes, two);
  EXPECT_EQ(ErrorOf({"-prefix", "user:"}), "-prefix: expected -coherent beside it, got 'user:'");
  EXPECT_EQ(ErrorOf({"-coherent", "-prefix=us", "-prefix=user:"}),
            "-prefix: expected prefixes that do not overlap; there is 'us' already, got 'user:'");
}

TEST(OptionsTest, AnEmptyPrefixStandsForEveryKeyAndForNoOtherBesideIt) {
  EXPECT_TRUE(ParseOk({"-coherent", "-prefix", ""}).prefixes.empty());
  EXPECT_TRUE(ParseOk({"-prefix", ""}).prefixes.empty());
  EXPECT_EQ(ErrorOf({"-coherent", "-prefix=user:", "-prefix="}),
            "-prefix: expected prefixes that do not overlap; there is 'user:' already, got ''");
  EXPECT_EQ(ErrorOf({"-coherent", "-prefix=", "-prefix=user:"}),
            "-prefix: expected prefixes that do not overlap; there is '' already, got 'user:'");
}

TEST(OptionsTest, TakesAtMost128PrefixesOfAtMost1024Bytes) {
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

TEST(OptionsTest, TakesALeaseFromTenMillisecondsToAnHour) {
  EXPECT_EQ(ParseOk({"-max-stale", "1h"}).max_stale, std::chrono::hours(1));
  EXPECT_EQ(ParseOk({"-max-stale", "10ms"}).max_stale, std::chrono::milliseconds(10));
  for (const char* wrong : {"1h1ns", "9999us", "0"}) {
    EXPECT_EQ(ErrorOf({"-max-stale", wrong}),
              std::string("-max-stale: expected a duration from 10ms to 1h, got '") + wrong + "'");
  }
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
  EXPECT_EQ(ErrorOf({"-foo"}), "-foo: no such flag (see -h)");
  EXPECT_EQ(ErrorOf({"--foo=1"}), "-foo: no such flag (see -h)");
  EXPECT_EQ(ErrorOf({"-capacit", "1"}), "-capacit: no such flag (see -h)");
  EXPECT_EQ(ErrorOf({"---capacity=1"}), "--capacity: no such flag (see -h)");
  EXPECT_EQ(ErrorOf({"-=1"}), "-: no such flag (see -h)");
  EXPECT_EQ(ErrorOf({"-a\nb"}), "-a\\x0ab: no such flag (see -h)");
}

TEST(OptionsTest, SaysWhichFlagNeedsAValue) {
  for (const Flag& flag : Flags()) {
    if (flag.value_name.empty() || flag.value_name.starts_with("[=")) continue;
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
  EXPECT_EQ(ErrorOf({"-foo", "-h"}), "-foo: no such flag (see -h)");
  EXPECT_EQ(ErrorOf({"-version", "-foo"}), "-foo: no such flag (see -h)");
}

TEST(OptionsTest, TakesNoSeparateValueForABoolean) {
  EXPECT_EQ(ErrorOf({"-version", "true"}), "unexpected argument 'true'");
  EXPECT_EQ(ErrorOf({"-h=maybe"}), "-h: expected true or false, got 'maybe'");
  EXPECT_EQ(ErrorOf({"-version="}), "-version: expected true or false, got ''");
}

TEST(OptionsTest, HoldsEveryNumberToItsLimits) {
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

TEST(OptionsTest, SaysThatATimeoutIsAboveZero) {
  EXPECT_EQ(ErrorOf({"-timeout=0s"}), "-timeout: expected a duration above 0, got '0s'");
}

TEST(OptionsTest, CompletesTheRedisAddressWithItsPort) {
  EXPECT_EQ(ParseOk({"-redis", "cache.example.org"}).redis.ToString(), "cache.example.org:6379");
  EXPECT_EQ(ParseOk({"-redis", "cache:7000"}).redis.ToString(), "cache:7000");
  EXPECT_EQ(ParseOk({"-redis", "[::1]:7000"}).redis.ToString(), "[::1]:7000");
  EXPECT_EQ(ParseOk({"-redis", "[::1]"}).redis.ToString(), "[::1]:6379");
  EXPECT_EQ(ParseOk({"-redis", "/run/redis.sock"}).redis.ToString(), "/run/redis.sock");
}

TEST(OptionsTest, RefusesWhatIsNotARedisAddress) {
  for (const char* text : {"", ":6379", "host:", "::1", "redis://localhost", "a b", "./sock"}) {
    EXPECT_FALSE(Accepts({"-redis", text})) << text;
  }
}

TEST(OptionsTest, TakesASocketPathAsLongAsTheKernelDoesAndNotLonger) {
  EXPECT_TRUE(Accepts({"-redis", ("/" + std::string(106, 'p')).c_str()}));
  EXPECT_FALSE(Accepts({"-redis", ("/" + std::string(107, 'p')).c_str()}));
}

TEST(OptionsTest, TakesAContentTypeOf200VisibleBytesAndRefuses201) {
  EXPECT_TRUE(Accepts({"-content-type", std::string(200, 't').c_str()}));
  EXPECT_FALSE(Accepts({"-content-type", std::string(201, 't').c_str()}));
  for (const char* text : {"", " a", "a ", "a\r\nb", "a\tb", "a\x7f", "\xc3\xa9"}) {
    EXPECT_FALSE(Accepts({"-content-type", text})) << text;
  }
}

TEST(OptionsTest, KnowsTheFourLogLevels) {
  EXPECT_EQ(ParseOk({"-log-level=debug"}).log_level, LogLevel::kDebug);
  EXPECT_EQ(ParseOk({"-log-level=info"}).log_level, LogLevel::kInfo);
  EXPECT_EQ(ParseOk({"-log-level=error"}).log_level, LogLevel::kError);
  EXPECT_FALSE(Accepts({"-log-level=INFO"}));
  EXPECT_FALSE(Accepts({"-log-level="}));
}

TEST(SecretsTest, ComeFromTheEnvironmentAlone) {
  Options options = ParseOk({});
  const auto load = [&options](const std::function<const char*(const char*)>& get_env) {
    EXPECT_TRUE(LoadSecrets(&options, get_env).ok());
  };
  load([](const char* name) -> const char* {
    return std::string_view(name) == "REDIS_USERNAME" ? "alice" : nullptr;
  });
  EXPECT_EQ(options.redis_username, "alice");
  EXPECT_EQ(options.redis_password, "");
  load([](const char* name) -> const char* {
    return std::string_view(name) == "REDIS_PASSWORD" ? "s3cret" : nullptr;
  });
  EXPECT_EQ(options.redis_username, "");
  EXPECT_EQ(options.redis_password, "s3cret");
  load([](const char* name) -> const char* {
    return std::string_view(name) == "REDIS_PROXY_AUTH" ? "a:b" : nullptr;
  });
  EXPECT_EQ(options.redis_password, "");
  EXPECT_TRUE(options.proxy_auth.Match("a", "b"));
}

TEST(SecretsTest, AreNamedAndNotShownWhenTheyAreMalformed) {
  Options options = ParseOk({});
  const auto loaded = LoadSecrets(&options, [](const char*) { return "alice:one,hunter2"; });
  ASSERT_FALSE(loaded.ok());
  EXPECT_TRUE(loaded.error().message.starts_with("REDIS_PROXY_AUTH: ")) << loaded.error().message;
  EXPECT_EQ(loaded.error().message.find("hunter2"), std::string::npos);
}

TEST(SecretsTest, HttpAuthNeedsOne) {
  Options options = ParseOk({"-http-auth"});
  const auto without = LoadSecrets(&options, [](const char*) -> const char* { return nullptr; });
  ASSERT_FALSE(without.ok());
  EXPECT_TRUE(without.error().message.starts_with("-http-auth: ")) << without.error().message;
  EXPECT_TRUE(LoadSecrets(&options, [](const char*) { return "secret"; }).ok());
}

TEST(ForwardFlagTest, NeedsCoherentAndResp) {
  EXPECT_TRUE(ParseOk({"-forward", "-coherent", "-resp=:0"}).forward);
  EXPECT_TRUE(Accepts({"-forward=false"}));
  EXPECT_FALSE(Accepts({"-forward"}));
  EXPECT_FALSE(Accepts({"-forward", "-coherent"}));
  EXPECT_FALSE(Accepts({"-forward", "-resp=:0"}));
  EXPECT_FALSE(Accepts({"-forward", "-resp=:0", "-coherent=auto"}));
  EXPECT_FALSE(Accepts({"-forward=maybe", "-coherent", "-resp=:0"}));
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

TEST(HelpTextTest, ListsEveryFlagWithItsDefaultAndSentence) {
  const std::string help = HelpText();
  for (const Flag& flag : Flags()) {
    std::string entry = "\n  -" + std::string(flag.name);
    if (!flag.value_name.empty() && !flag.value_name.starts_with("[=")) entry += " ";
    entry += flag.value_name;
    if (!flag.default_text.empty()) entry += " (default " + flag.default_text + ")";
    EXPECT_NE(help.find(entry + "\n      " + std::string(flag.help) + "\n"), std::string::npos)
        << entry;
  }
  EXPECT_NE(help.find("REDIS_USERNAME"), std::string::npos);
  EXPECT_NE(help.find("REDIS_PASSWORD"), std::string::npos);
}

TEST(HelpTextTest, FitsIn80ColumnsAndEndsWithANewline) {
  std::istringstream help(HelpText());
  for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_EQ(HelpText().back(), '\n');
}

TEST(DescribeSettingsTest, ShowsEverySettingOnOneLine) {
  const Options options =
      ParseOk({"-workers=2", "-max-memory=64m", "-content-type=text/plain; charset=utf-8"});
  EXPECT_EQ(
      DescribeSettings(options),
      "http=:8080 resp= forward=false http-auth=false redis=localhost:6379 expire=2m "
      "max-age=0 capacity=100000 "
      "max-memory=64mb max-value=1mb redis-ops-limit=128 redis-connections=4 redis-db=0 "
      "workers=2 inline=true reactors=1 timeout=1s "
      "coherent=false max-stale=1s prefix= stale-if-error=0 max-clients=10000 header-timeout=10s "
      "idle-timeout=1m15s write-timeout=30s resp-idle-timeout=0 "
      "content-type='text/plain; charset=utf-8' log-level=info");
}

TEST(DescribeSettingsTest, NeverShowsASecret) {
  Options options = ParseOk({});
  const std::string without = DescribeSettings(options);
  ASSERT_TRUE(LoadSecrets(&options, [](const char*) { return "s3cret"; }).ok());
  EXPECT_EQ(DescribeSettings(options), without);
}

TEST(FlagsTest, ShowTheirDefaultsAsTheyAreWritten) {
  const Options options = ParseOk({});
  for (const Flag& flag : Flags()) {
    if (flag.show != nullptr) {
      EXPECT_EQ(flag.show(options), flag.default_text == "75s" ? "1m15s" : flag.default_text)
          << flag.name;
    }
  }
}

}  // namespace
}  // namespace rp::config
