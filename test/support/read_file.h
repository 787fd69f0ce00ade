// A file of the repository, for tests that compare it with what the program says. Tests run in the
// root of the repository, as make does.
//
// Owner: nobody; a pure function. Thread safety: any thread. Cost: reads the file.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace rp {

// Returns the content of the file; the test fails if there is none.
inline std::string ReadRepositoryFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path << " cannot be read: run the tests in the repository's root";
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the number in VERSION, without the end of the line.
inline std::string ReadVersion() {
  std::string version = ReadRepositoryFile("VERSION");
  while (version.ends_with('\n')) version.pop_back();
  return version;
}

}  // namespace rp
