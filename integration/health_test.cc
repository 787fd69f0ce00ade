// -health: what the container's health check runs. It finds the server by the file that it runs, so
// each test has a copy of the binary, and sees no servers but its own.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/resp_client.h"
#include "test/support/stuck_pipe.h"

namespace rp::integration {
namespace {

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() { std::filesystem::copy_file(ProxyBinary(), binary_); }

  // A server that listens, wherever `flags` say. Redis is not needed.
  [[nodiscard]] std::unique_ptr<Process> Serve(const std::vector<std::string>& flags) const {
    SpawnOptions options;
    options.arguments = {binary_, "-redis", "127.0.0.1:1"};
    options.arguments.insert(options.arguments.end(), flags.begin(), flags.end());
    options.environment = {"REDIS_PROXY_AUTH=alice:secret"};
    return std::make_unique<Process>(options);
  }

  // What -health says, and its exit status.
  [[nodiscard]] std::string Check() const { return RunShell(binary_ + " -health 2>&1; echo $?"); }

  [[nodiscard]] bool BecomesHealthy() const {
    return Eventually([this] { return Check().ends_with("\n0\n"); });
  }

  static std::string Address(const std::string& host, int port) {
    return host + ":" + std::to_string(port);
  }

  const TempDir directory_;
  const std::string binary_ = directory_.path() + "/redis-proxy";
  const int port_ = ProbablyFreePort();
};

TEST_F(HealthTest, WithoutAServerItSaysSo) {
  EXPECT_EQ(Check(),
            "redis-proxy: unhealthy: found no running server of this program (other users' are "
            "not visible)\n1\n");
}

TEST_F(HealthTest, AServerThatAsksForAPasswordOnAnotherPortIsHealthy) {
  const auto server = Serve({"-http-auth", "--http=127.0.0.1:" + std::to_string(port_)});
  EXPECT_TRUE(BecomesHealthy());
  EXPECT_EQ(Check(), "healthy: " + Address("127.0.0.1", port_) + " answers 401\n0\n");
}

TEST_F(HealthTest, TheAddressMayBeWrittenInEveryWay) {
  std::vector<std::string> hosts = {"", "0.0.0.0", "localhost"};
  if (!ReadFile("/proc/net/if_inet6").empty()) hosts.insert(hosts.end(), {"[::]", "[::1]"});
  for (const std::string& host : hosts) {
    SCOPED_TRACE(host);
    const auto server = Serve({"-workers", "1", "-http", Address(host, port_), "-reactors", "2"});
    EXPECT_TRUE(BecomesHealthy()) << Check();
    EXPECT_EQ(Check(), "healthy: " + Address(host, port_) + " answers 204\n0\n");
  }
}

// As with `docker run --init`: the server is another's child.
TEST_F(HealthTest, TheServerIsFoundWhateverItsProcessIs) {
  const std::string address = Address("127.0.0.1", port_);
  const std::string pid_file = directory_.path() + "/pid";
  const std::string output =
      RunShell("(" + binary_ + " -redis 127.0.0.1:1 -http " + address +
               " >/dev/null 2>&1 & echo $! >" + pid_file + "); for i in $(seq 50); do " + binary_ +
               " -health && break; sleep 0.1; done 2>/dev/null; kill $(cat " + pid_file + ")");
  EXPECT_EQ(output, "healthy: " + address + " answers 204\n");
}

TEST_F(HealthTest, AServerIsFoundWhoseFileWasReplacedWhileItRuns) {
  const auto server = Serve({"-http", Address("127.0.0.1", port_)});
  ASSERT_TRUE(BecomesHealthy());
  std::filesystem::copy_file(ProxyBinary(), binary_ + ".new");
  std::filesystem::rename(binary_ + ".new", binary_);
  EXPECT_EQ(Check(), "healthy: " + Address("127.0.0.1", port_) + " answers 204\n0\n");
}

// Its /proc/PID/exe can be read only by who has them too, so that it is found by its name, which no
// other test's server may have.
TEST_F(HealthTest, AServerIsFoundThatHasFileCapabilitiesWhichTheCheckHasNot) {
  const std::string& folder = directory_.path();
  const std::string program = folder + "/" + folder.substr(folder.size() - 6);
  std::filesystem::copy_file(ProxyBinary(), program);
  std::filesystem::permissions(folder, std::filesystem::perms(0755));
  std::string as_user;
  if (geteuid() == 0) as_user = "setpriv --reuid=65534 --regid=65534 --clear-groups ";
  const std::string server = as_user + program;
  const std::string check = as_user + "setpriv --no-new-privs " + program + " -health 2>/dev/null";
  if (RunShell("(setcap cap_net_bind_service=+ep " + program + " && " + server +
               " -version) >/dev/null 2>&1; echo $?") != "0\n") {
    GTEST_SKIP() << "no file capabilities, or not to be had as another user";
  }
  const std::string address = Address("127.0.0.1", port_);
  const std::string output = RunShell(server + " -redis 127.0.0.1:1 -http " + address +
                                      " >/dev/null 2>&1 & for i in $(seq 100); do " + check +
                                      " && break; sleep 0.05; done; kill $!");
  EXPECT_EQ(output, "healthy: " + address + " answers 204\n");
}

TEST_F(HealthTest, AServerThatHangsIsUnhealthyInTwoSeconds) {
  const auto server = Serve({"-http", Address("127.0.0.1", port_)});
  ASSERT_TRUE(BecomesHealthy());
  server->Freeze();
  const StuckPipe unread;
  Process unheard(
      {.arguments = {binary_, "-health"}, .environment = {}, .stderr_fd = unread.write_fd()});
  const TimePoint start = Now();
  EXPECT_EQ(Check(), "redis-proxy: unhealthy: no answer within 2 s\n1\n");
  EXPECT_LE(Now() - start, 2s + Patience(3s));
  EXPECT_EQ(unheard.Wait(Patience(3s)), W_EXITCODE(1, 0)) << "nobody reads what it says";
  server->Thaw();
  EXPECT_TRUE(BecomesHealthy());
}

TEST_F(HealthTest, AServerThatIsFullIsHealthy) {
  const auto server = Serve({"-http", Address("127.0.0.1", port_), "-max-clients", "1"});
  ASSERT_TRUE(BecomesHealthy());
  HttpClient client(port_);
  client.Send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(client.Read().status, 204);
  EXPECT_EQ(Check(), "healthy: " + Address("127.0.0.1", port_) + " answers 503\n0\n");
}

TEST_F(HealthTest, AllServersOfTheBinaryAreNamed) {
  const auto server = Serve({"-http", Address("127.0.0.1", port_)});
  const int other_port = ProbablyFreePort();
  const auto other = Serve({"-http", Address("127.0.0.1", other_port)});
  const std::string one = Address("127.0.0.1", port_) + " answers 204";
  const std::string two = Address("127.0.0.1", other_port) + " answers 204";
  EXPECT_TRUE(Eventually([&] {
    const std::string said = Check();
    return said == "healthy: " + one + ", " + two + "\n0\n" ||
           said == "healthy: " + two + ", " + one + "\n0\n";
  })) << Check();
}

// Two of a kind on one machine: one that hangs is not hidden by the other.
TEST_F(HealthTest, AllServersOfTheBinaryMustBeHealthy) {
  const auto server = Serve({"-http", Address("127.0.0.1", port_)});
  ASSERT_TRUE(BecomesHealthy());
  const auto unknown = Serve({"-http", "127.0.0.1:0"});
  EXPECT_TRUE(Eventually([this] {
    return Check() ==
           "redis-proxy: unhealthy: 127.0.0.1:0: the port is unknown, because -http has port "
           "0\n1\n";
  }));
}

}  // namespace
}  // namespace rp::integration
