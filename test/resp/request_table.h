// Tables of commands for the tests of the request reader. Each row is parsed whole, byte by byte,
// cut in two at every place and as every prefix, always from memory that ends at a guard page.
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

#include "resp/request_reader.h"
#include "test/support/guard_page.h"

namespace rp::resp {

inline const RequestLimits kDefaultLimits;

struct Row {
  const char* name;
  std::string bytes;
  // The commands in order, as Describe writes them; then "more" or "error: " and the text.
  std::string expected;
};

inline std::string Describe(const Command& command) {
  switch (command.kind()) {
    case Command::Kind::kNothing:
      return "nothing ";
    case Command::Kind::kSilentClose:
      return "silent ";
    case Command::Kind::kArguments:
      break;
  }
  std::string text = "[";
  for (size_t i = 0; i < command.size(); ++i) {
    if (i > 0) text += '|';
    text += command[i];
  }
  return text + "] ";
}

// Gives the reader all bytes up to each of `cuts` in turn, less what it has taken, each time from
// another place in memory, and says what it made of them.
inline std::string ReadCuts(std::string_view bytes, const std::vector<size_t>& cuts,
                            const RequestLimits& limits = kDefaultLimits,
                            bool authenticated = true) {
  GuardPage page(bytes.size() + 1);
  RequestReader reader(limits);
  reader.SetAuthenticated(authenticated);
  std::string outcome;
  size_t start = 0;
  for (const size_t cut : cuts) {
    for (;;) {
      Command command;
      const ParseStatus status =
          reader.Parse(page.Hold(bytes.substr(start, cut - start)), &command);
      if (status == ParseStatus::kError) return outcome + "error: " + reader.error_text();
      if (status == ParseStatus::kNeedMore) {
        start += reader.taken();
        break;
      }
      outcome += Describe(command);
      start += reader.consumed();
    }
  }
  return outcome + "more";
}

inline std::string ReadWhole(std::string_view bytes, const RequestLimits& limits = kDefaultLimits,
                             bool authenticated = true) {
  return ReadCuts(bytes, {bytes.size()}, limits, authenticated);
}

inline std::vector<size_t> EveryByte(size_t size) {
  std::vector<size_t> cuts(size + 1);
  for (size_t i = 0; i <= size; ++i) cuts[i] = i;
  return cuts;
}

// A prefix is either undecided behind the commands it holds whole, or fails as all of it does.
inline void ExpectPrefixesAgree(const std::string& bytes, const std::string& expected,
                                const RequestLimits& limits, bool authenticated) {
  bool failed = false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string outcome = ReadWhole(std::string_view(bytes).substr(0, i), limits, authenticated);
    failed = failed || outcome.find("error: ") != std::string::npos;
    if (failed) {
      EXPECT_EQ(outcome, expected) << "prefix of " << i;
    } else {
      ASSERT_TRUE(outcome.ends_with("more")) << "prefix of " << i << ": " << outcome;
      outcome.resize(outcome.size() - 4);
      EXPECT_TRUE(expected.starts_with(outcome)) << "prefix of " << i << ": " << outcome;
    }
  }
}

inline void ExpectOfEachCut(const std::string& bytes, const std::string& expected,
                            const RequestLimits& limits, bool authenticated) {
  const size_t size = bytes.size();
  EXPECT_EQ(ReadWhole(bytes, limits, authenticated), expected);
  EXPECT_EQ(ReadCuts(bytes, EveryByte(size), limits, authenticated), expected);
  for (size_t i = 0; i <= size; ++i) {
    EXPECT_EQ(ReadCuts(bytes, {i, size}, limits, authenticated), expected) << "cut at " << i;
  }
  ExpectPrefixesAgree(bytes, expected, limits, authenticated);
}

// Also if the reader stores the command, or its larger arguments, as it does with large ones.
inline void ExpectHoweverCut(const std::string& bytes, const std::string& expected,
                             RequestLimits limits = kDefaultLimits, bool authenticated = true) {
  ExpectOfEachCut(bytes, expected, limits, authenticated);
  limits.stored_argument_bytes = 2;
  ExpectOfEachCut(bytes, expected, limits, authenticated);
  limits.stored_command_bytes = 1;
  ExpectOfEachCut(bytes, expected, limits, authenticated);
  limits.stored_argument_bytes = kDefaultLimits.stored_argument_bytes;
  ExpectOfEachCut(bytes, expected, limits, authenticated);
}

inline void RunTable(const std::vector<Row>& rows, bool authenticated = true) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ExpectHoweverCut(row.bytes, row.expected, kDefaultLimits, authenticated);
  }
}

// A command as clients send it.
inline std::string Array(const std::vector<std::string>& arguments) {
  std::string bytes = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) {
    bytes += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return bytes;
}

}  // namespace rp::resp
