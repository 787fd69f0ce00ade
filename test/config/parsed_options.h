// A command line as tests of the settings write it.
//
// Owner: a test. Thread safety: none. Cost: a test's.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/options.h"

namespace rp::config {

using Arguments = std::vector<const char*>;

// The outcome of a command line.
struct Parsed {
  Options options;
  Result<ParsedAction> action = Error{};
};

inline Parsed Parse(Arguments arguments) {
  arguments.insert(arguments.begin(), "redis-proxy");
  Parsed parsed;
  parsed.action =
      ParseOptions(static_cast<int>(arguments.size()), arguments.data(), &parsed.options);
  return parsed;
}

inline Options ParseOk(const Arguments& arguments) {
  Parsed parsed = Parse(arguments);
  EXPECT_TRUE(parsed.action.ok()) << parsed.action.error().message;
  return parsed.options;
}

inline std::string ErrorOf(const Arguments& arguments) {
  const Parsed parsed = Parse(arguments);
  return parsed.action.ok() ? "accepted" : parsed.action.error().message;
}

inline bool Accepts(const Arguments& arguments) { return Parse(arguments).action.ok(); }

}  // namespace rp::config
