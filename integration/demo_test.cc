// What `make run` runs: scripts/run_demo.sh, found from the folder of the sources.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr const char* kScript = "scripts/run_demo.sh";
const std::string kHint = "run: try   curl -i http://";

TEST(DemoTest, ItSaysHowToAskOnceTheProgramServes) {
  FakeRedis redis;
  const TempDir folder;
  const std::string output = folder.path() + "/output";
  const UniqueFd fd(open(output.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Process demo({.arguments = {"sh", kScript, ProxyBinary(), "0.0.0.0:0", redis.address()},
                .environment = {},
                .stdout_fd = fd.get(),
                .stderr_fd = fd.get()});
  const auto hint = [&] {
    const std::string text = ReadFile(output);
    return text.substr(std::min(text.find(kHint), text.size()));
  };
  ASSERT_TRUE(Eventually([&] { return hint().ends_with("\n"); })) << ReadFile(output);
  const std::string host = "localhost:";
  ASSERT_EQ(hint().find(host), kHint.size()) << hint();
  const int port = std::atoi(hint().c_str() + kHint.size() + host.size());
  EXPECT_EQ(Fetch(port, "YOUR_KEY").body, "value of YOUR_KEY");
  demo.Signal(SIGTERM);
  EXPECT_EQ(demo.Wait(Patience(10s)), 0);
  EXPECT_TRUE(ReadFile(output).ends_with("stopped\n")) << ReadFile(output);
}

TEST(DemoTest, ItSaysNothingOfAServerThatDoesNotStart) {
  const std::string output = RunShell("(sh " + std::string(kScript) + " " + ProxyBinary() +
                                      " 9999 127.0.0.1:1; echo status $?)");
  EXPECT_EQ(output.find("run:"), std::string::npos) << output;
  EXPECT_TRUE(output.ends_with("got '9999'\nstatus 2\n")) << output;
}

}  // namespace
}  // namespace rp::integration
