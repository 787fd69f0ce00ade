#include "base/parse.h"

#include <gtest/gtest.h>

#include <limits>

namespace rp {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(QuoteTest, ShowsVisibleTextAsItIs) { EXPECT_EQ(Quote("a b~"), "'a b~'"); }

TEST(QuoteTest, EscapesWhatWouldBreakALineOrTheQuotes) {
  EXPECT_EQ(Quote("a\nb\x7f\xff'\\"), "'a\\x0ab\\x7f\\xff\\'\\\\'");
}

TEST(QuoteTest, Shows64BytesWholeAndCuts65) {
  EXPECT_EQ(Quote(std::string(64, 'x')), "'" + std::string(64, 'x') + "'");
  EXPECT_EQ(Quote(std::string(65, 'x')), "'" + std::string(64, 'x') + "...'");
}

TEST(ParseIntegerTest, TakesDecimalNumbersUpToTheLimitsAndNotBeyond) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(*ParseInteger("0", 0, 9), 0);
  EXPECT_EQ(*ParseInteger("9", 0, 9), 9);
  EXPECT_FALSE(ParseInteger("10", 0, 9).ok());
  EXPECT_FALSE(ParseInteger("-1", 0, 9).ok());
  EXPECT_EQ(*ParseInteger("-5", -5, 5), -5);
  EXPECT_FALSE(ParseInteger("-6", -5, 5).ok());
  EXPECT_EQ(*ParseInteger("9223372036854775807", kMin, kMax), kMax);
  EXPECT_FALSE(ParseInteger("9223372036854775808", kMin, kMax).ok());
  EXPECT_EQ(*ParseInteger("-9223372036854775808", kMin, kMax), kMin);
  EXPECT_FALSE(ParseInteger("-9223372036854775809", kMin, kMax).ok());
}

TEST(ParseIntegerTest, RefusesWhatIsNotAPlainDecimalNumber) {
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1x", "x", "0x10", "1e3", "1.0", "010", "00",
                           "-0", "--1", "1,000"}) {
    EXPECT_FALSE(ParseInteger(text, -1000, 1000).ok()) << text;
  }
  EXPECT_FALSE(ParseInteger(std::string_view("1\0", 2), 0, 9).ok());
}

TEST(ParseIntegerTest, SaysWhatItExpectedAndWhatItGot) {
  EXPECT_EQ(ParseInteger("x\n", 1, 256).error().message,
            "expected a whole number from 1 to 256, got 'x\\x0a'");
}

TEST(ParseDurationTest, TakesEveryUnitAndSumsOfThem) {
  const struct {
    const char* text;
    Duration duration;
  } kCases[] = {
      {"0", nanoseconds(0)},
      {"0s", nanoseconds(0)},
      {"5ns", nanoseconds(5)},
      {"100us", microseconds(100)},
      {"100\u00b5s", microseconds(100)},
      {"100\u03bcs", microseconds(100)},
      {"250ms", milliseconds(250)},
      {"90s", seconds(90)},
      {"2m", minutes(2)},
      {"1h30m", minutes(90)},
      {"30m1h", minutes(90)},
      {"1h1h", hours(2)},
      {"1.5h", minutes(90)},
      {".5s", milliseconds(500)},
      {"1.s", seconds(1)},
      {"007s", seconds(7)},
      {"1m0.25s", seconds(60) + milliseconds(250)},
      {"0.9999999999s", nanoseconds(999999999)},
      {"1.0000000000000000000000000000009h", hours(1)},
      {"2562047h47m16.854775807s", Duration::max()},
      {"9223372036854775807ns", Duration::max()},
  };
  for (const auto& test_case : kCases) {
    const Result<Duration> parsed = ParseDuration(test_case.text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, test_case.duration) << test_case.text;
  }
}

TEST(ParseDurationTest, RefusesWhatIsMalformedOrNegative) {
  for (const char* text :
       {"",    "1",   "90",  "s",   ".",   ".s",     "-1s",  "+1s", "-0",   "1x", "1S",
        "1 s", " 1s", "1s ", "1s1", "1.5", "1.5.5s", "1h30", "1hm", "1e3s", "1d", "ms"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
  EXPECT_EQ(ParseDuration("90").error().message,
            "expected a duration such as 250ms, 90s, 2m or 1h30m, got '90'");
}

TEST(ParseDurationTest, RefusesWhatDoesNotFit) {
  for (const char* text :
       {"9223372036854775808ns", "2562047h47m16.854775808s", "2562048h",
        "99999999999999999999999999999999999999999999h", "9223372036854775807ns1ns"}) {
    EXPECT_EQ(ParseDuration(text).error().message,
              "expected a duration of at most 292 years, got '" + std::string(text) + "'");
  }
}

TEST(FormatDurationTest, UsesTheFewestWholeUnits) {
  EXPECT_EQ(FormatDuration(Duration(0)), "0");
  EXPECT_EQ(FormatDuration(minutes(2)), "2m");
  EXPECT_EQ(FormatDuration(seconds(90)), "1m30s");
  EXPECT_EQ(FormatDuration(minutes(90)), "1h30m");
  EXPECT_EQ(FormatDuration(hours(24)), "24h");
  EXPECT_EQ(FormatDuration(milliseconds(250)), "250ms");
  EXPECT_EQ(FormatDuration(milliseconds(1500)), "1s500ms");
  EXPECT_EQ(FormatDuration(microseconds(7)), "7us");
  EXPECT_EQ(FormatDuration(nanoseconds(1)), "1ns");
}

TEST(FormatDurationTest, IsReadBackAsTheSameDuration) {
  for (const Duration duration : {Duration(0), Duration(1), Duration(1'234'567'890'123'456),
                                  Duration(std::chrono::hours(48)), Duration::max()}) {
    EXPECT_EQ(*ParseDuration(FormatDuration(duration)), duration);
  }
}

TEST(ParseSizeTest, TakesEveryUnitForAPowerOf1024) {
  const struct {
    const char* text;
    uint64_t bytes;
  } kCases[] = {
      {"0", 0},
      {"1000", 1000},
      {"7b", 7},
      {"1k", 1024},
      {"1kb", 1024},
      {"512KB", 512 * 1024},
      {"1KiB", 1024},
      {"1m", 1048576},
      {"1mb", 1048576},
      {"64MiB", 67108864},
      {"1Mb", 1048576},
      {"1g", 1073741824},
      {"1G", 1073741824},
      {"1gb", 1073741824},
      {"2GiB", 2147483648},
      {"18446744073709551615", ~uint64_t{0}},
      {"17179869183gb", uint64_t{17179869183} << 30},
  };
  for (const auto& test_case : kCases) {
    const Result<uint64_t> parsed = ParseSize(test_case.text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, test_case.bytes) << test_case.text;
  }
}

TEST(ParseSizeTest, RefusesWhatIsMalformedNegativeOrTooLarge) {
  for (const char* text : {"", "mb", "-1", "+1", "1.5mb", "1 mb", "1mb ", "1tb", "1bb", "01mb", "x",
                           "18446744073709551616", "17179869184gb"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
  EXPECT_EQ(ParseSize("x").error().message,
            "expected a size in bytes, kb, mb or gb such as 1000, 512kb or 2gb, got 'x'");
}

TEST(FormatSizeTest, UsesTheLargestUnitThatIsExact) {
  EXPECT_EQ(FormatSize(0), "0");
  EXPECT_EQ(FormatSize(1000), "1000");
  EXPECT_EQ(FormatSize(1024), "1kb");
  EXPECT_EQ(FormatSize(1536 * 1024), "1536kb");
  EXPECT_EQ(FormatSize(1 << 20), "1mb");
  EXPECT_EQ(FormatSize((1 << 20) + 1), "1048577");
  EXPECT_EQ(FormatSize(uint64_t{3} << 30), "3gb");
}

TEST(FormatSizeTest, IsReadBackAsTheSameSize) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40, ~uint64_t{0}}) {
    EXPECT_EQ(*ParseSize(FormatSize(bytes)), bytes);
  }
}

TEST(ParseHostPortTest, TakesNamesAddressesAndNoHost) {
  const struct {
    const char* text;
    const char* host;
    uint16_t port;
  } kCases[] = {
      {":8080", "", 8080},
      {"localhost:8080", "localhost", 8080},
      {"127.0.0.1:1", "127.0.0.1", 1},
      {"my_redis-1.example.org:6379", "my_redis-1.example.org", 6379},
      {"[::1]:8080", "::1", 8080},
      {"[::ffff:1.2.3.4]:80", "::ffff:1.2.3.4", 80},
      {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
      {":0", "", 0},
      {":65535", "", 65535},
  };
  for (const auto& test_case : kCases) {
    const Result<HostPort> parsed = ParseHostPort(test_case.text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->host, test_case.host) << test_case.text;
    EXPECT_EQ(parsed->port, test_case.port) << test_case.text;
    EXPECT_EQ(FormatHostPort(*parsed), test_case.text);
  }
}

TEST(ParseHostPortTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "8080",
                           "localhost",
                           "localhost:",
                           ":",
                           "::",
                           "::1",
                           "::1:8080",
                           "[::1]",
                           "[]:80",
                           "[:80",
                           "[::1:80",
                           "::1]:80",
                           "[localhost]:80",
                           "[::1%]:80",
                           "[::g]:80",
                           "a b:80",
                           "a:b:80",
                           ":http",
                           ":-1",
                           ":+1",
                           ": 1",
                           ":1 ",
                           "http://localhost:80",
                           "localhost:80/",
                           "user@host:80"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
  EXPECT_FALSE(ParseHostPort(std::string_view("[::1\0]:80", 9)).ok());
  EXPECT_EQ(ParseHostPort("x").error().message,
            "expected HOST:PORT, [IPV6]:PORT or :PORT, got 'x'");
}

TEST(ParseHostPortTest, RefusesPortsAboveTheLimit) {
  for (const char* text : {":65536", ":70000", ":99999999999999999999", ":080"}) {
    EXPECT_EQ(ParseHostPort(text).error().message,
              "expected a port from 0 to 65535, got '" + std::string(text) + "'");
  }
}

TEST(ParseHostPortTest, TakesAHostNameOf253BytesAndRefuses254) {
  EXPECT_TRUE(ParseHostPort(std::string(253, 'h') + ":1").ok());
  EXPECT_FALSE(ParseHostPort(std::string(254, 'h') + ":1").ok());
}

}  // namespace
}  // namespace rp
