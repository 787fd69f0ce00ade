// Tables of requests for the tests of the parser. Each row is parsed whole, byte by byte, cut in
// two at every place and as every proper prefix, always from memory that ends at a guard page.
//
// Owner: the test.
// Thread safety: one thread at a time.
// Cost: O(n^2) per row, for rows of a few hundred bytes.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.h"
#include "test/support/guard_page.h"

namespace rp::http {

inline const Limits kDefaultLimits;

struct Row {
  const char* name;
  std::string bytes;
  // Of a head: method, target, version and what else is set, as Describe writes it. Of an error:
  // the status, and what its text has to mention.
  std::string expected;
};

inline std::string Describe(const RequestHead& head) {
  constexpr const char* kMethods[] = {"GET", "HEAD", "OPTIONS", "other", "unknown"};
  std::string text = kMethods[static_cast<int>(head.method)];
  text += " " + std::string(head.target) + " 1." + std::to_string(head.minor_version);
  text += head.keep_alive ? " keep" : " close";
  if (head.chunked) text += " chunked";
  if (head.content_length != 0) text += " length=" + std::to_string(head.content_length);
  if (head.expect_continue) text += " expect";
  if (!head.authorization.empty()) text += " auth=" + std::string(head.authorization);
  return text;
}

// Gives the parser the prefixes of `bytes` that end at `cuts`, each from another place in memory,
// and says what it made of them: a description, "more" or an error.
inline std::string ParseCuts(std::string_view bytes, const std::vector<size_t>& cuts,
                             const Limits& limits = kDefaultLimits, size_t* consumed = nullptr) {
  GuardPage page(bytes.size() + 1);
  RequestParser parser(limits);
  for (const size_t cut : cuts) {
    RequestHead head;
    const ParseStatus status = parser.Parse(page.Hold(bytes.substr(0, cut)), &head);
    if (status == ParseStatus::kError) {
      return std::to_string(parser.error_status()) + " " + std::string(parser.error_text());
    }
    if (status == ParseStatus::kDone) {
      if (consumed != nullptr) *consumed = parser.consumed();
      return Describe(head);
    }
  }
  return "more";
}

inline std::string ParseWhole(std::string_view bytes, const Limits& limits = kDefaultLimits) {
  return ParseCuts(bytes, {bytes.size()}, limits);
}

inline std::vector<size_t> EveryByte(size_t size) {
  std::vector<size_t> cuts(size + 1);
  for (size_t i = 0; i <= size; ++i) cuts[i] = i;
  return cuts;
}

inline bool IsError(std::string_view outcome) { return outcome[0] >= '4' && outcome[0] <= '5'; }

inline bool Matches(const std::string& outcome, const std::string& expected) {
  if (!IsError(expected)) return outcome == expected;
  return outcome.starts_with(expected.substr(0, 3)) &&
         outcome.find(expected.substr(4)) != std::string::npos;
}

inline void ExpectSameHoweverCut(const Row& row) {
  const size_t size = row.bytes.size();
  const std::string whole = ParseWhole(row.bytes);
  EXPECT_TRUE(Matches(whole, row.expected)) << whole;
  EXPECT_EQ(ParseCuts(row.bytes, EveryByte(size)), whole);
  for (size_t i = 0; i <= size; ++i) {
    EXPECT_EQ(ParseCuts(row.bytes, {i, size}), whole) << "cut at " << i;
  }
}

inline void ExpectPrefixesUndecided(const Row& row) {
  bool failed = false;
  for (size_t i = 0; i < row.bytes.size(); ++i) {
    const std::string outcome = ParseWhole(std::string_view(row.bytes).substr(0, i));
    if (IsError(row.expected) && IsError(outcome)) failed = true;
    EXPECT_TRUE(failed ? Matches(outcome, row.expected) : outcome == "more")
        << "prefix of " << i << ": " << outcome;
  }
}

inline void ExpectLaterBytesLeftAlone(const Row& row) {
  for (const std::string_view next : {"\r\n", "GET /next HTTP/1.1\r\n", " x"}) {
    size_t consumed = 0;
    const std::string bytes = row.bytes + std::string(next);
    EXPECT_EQ(ParseCuts(bytes, {bytes.size()}, kDefaultLimits, &consumed), row.expected);
    EXPECT_EQ(consumed, row.bytes.size());
  }
}

inline void RunTable(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ExpectSameHoweverCut(row);
    ExpectPrefixesUndecided(row);
    if (!IsError(row.expected)) ExpectLaterBytesLeftAlone(row);
  }
}

// A request whose only peculiarity is its target, its Host value or its other lines.
inline std::string WithTarget(const std::string& method_and_target) {
  return method_and_target + " HTTP/1.1\r\nHost: h\r\n\r\n";
}
inline std::string WithHost(const std::string& host) {
  return "GET /k HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
inline std::string WithLines(const std::string& lines) {
  return "GET /k HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n";
}
inline std::string WithLines10(const std::string& lines) {
  return "GET /k HTTP/1.0\r\n" + lines + "\r\n";
}

}  // namespace rp::http
