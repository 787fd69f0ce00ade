// Runs the integration tests. They need redis-server in PATH and the binary that ProxyBinary()
// names.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "integration/harness/proxy_process.h"

int main(int argc, char** argv) {
  // Children die with this process (see Process), and a peer that closes early is no reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  ::testing::InitGoogleTest(&argc, argv);
  const char* binary = rp::integration::ProxyBinary().c_str();
  if (!GTEST_FLAG_GET(list_tests) && access(binary, X_OK) != 0) {
    std::fprintf(stderr, "%s cannot be run: build it, or name another in REDIS_PROXY_BINARY\n",
                 binary);
    return 1;
  }
  return RUN_ALL_TESTS();
}
