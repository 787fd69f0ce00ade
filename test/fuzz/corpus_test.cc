// Runs the seeds of the fuzzers once, so that every build, also under the sanitizers, keeps what
// fuzzing found.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "test/fuzz/http_session_check.h"
#include "test/fuzz/request_parser_check.h"
#include "test/fuzz/resp_reader_check.h"
#include "test/fuzz/resp_session_check.h"
#include "test/fuzz/tracking_check.h"

namespace rp {
namespace {

// Like `make fuzz`, from the root of the sources. A check that fails aborts, behind the seed's
// name.
void RunSeeds(const char* fuzzer, void (*check)(std::string_view)) {
  const std::filesystem::path folder = std::filesystem::path("test/fuzz/corpus") / fuzzer;
  int seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::cerr << entry.path().string() << std::endl;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    EXPECT_LE(bytes.size(), 4096u) << "a seed is small, so that each run of it is short";
    check(bytes);
    ++seeds;
  }
  EXPECT_GE(seeds, 10);
}

TEST(FuzzCorpusTest, HttpIsReadTheSameHoweverItIsCut) {
  RunSeeds("request_parser_fuzz", http::fuzz::CheckRequestParser);
}

TEST(FuzzCorpusTest, RespIsReadTheSameHoweverItIsCut) {
  RunSeeds("resp_reader_fuzz", resp::fuzz::CheckRespReader);
}

TEST(FuzzCorpusTest, HttpIsAnsweredTheSameHoweverItIsCut) {
  RunSeeds("http_session_fuzz", http_front::fuzz::CheckHttpSession);
}

TEST(FuzzCorpusTest, RespIsAnsweredTheSameHoweverItIsCut) {
  RunSeeds("resp_session_fuzz", resp_front::fuzz::CheckRespSession);
}

TEST(FuzzCorpusTest, TheConnectionThatTracksIsReadTheSameHoweverItIsCut) {
  RunSeeds("tracking_fuzz", redis::fuzz::CheckTracking);
}

}  // namespace
}  // namespace rp
