// The watch against a scripted Redis, with a resolver that says what the test wants.
#include "redis/address_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "redis/endpoint.h"
#include "test/support/fake_redis.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Kind = ServerIdentity::Kind;
using Probes = AddressWatchOptions::Probes;

constexpr Duration kOften = std::chrono::milliseconds(1);
constexpr Duration kLong = std::chrono::seconds(10);

Endpoint EndpointOf(const std::string& text) {
  const Result<Endpoint> endpoint = ParseEndpoint(text);
  EXPECT_TRUE(endpoint.ok()) << text;
  return *endpoint;
}

std::vector<Address> AddressesOf(const std::vector<std::string>& hosts) {
  std::vector<Address> addresses;
  for (const std::string& host : hosts) {
    const Result<std::vector<Address>> some = Resolve(EndpointOf(host));
    EXPECT_TRUE(some.ok());
    addresses.insert(addresses.end(), some->begin(), some->end());
  }
  return addresses;
}

FakeRedis::Script RunIdIs(std::string run_id) {
  return [run_id = std::move(run_id)](
             const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "INFO") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("run_id:" + run_id + "\r\n")};
  };
}

ServerIdentity IdentityOf(std::string_view run_id) { return {Kind::kRunId, IdOf(run_id)}; }

class AddressWatchTest : public testing::Test {
 protected:
  // A connection of the program, which the watch does not make.
  uint64_t Use(const std::string& host, const ServerIdentity& server = IdentityOf("one")) {
    return server_.OnConnected(server, AddressesOf({host})[0].id(), server_.generation(), Now());
  }

  void Resolves(const std::vector<std::string>& hosts) { Resolves(AddressesOf(hosts)); }
  void Resolves(Result<std::vector<Address>> answer) {
    MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }

  void Watch(const std::string& target, Probes probes, Duration timeout = kLong) {
    AddressWatchOptions options;
    options.target.endpoint = EndpointOf(target);
    options.probes = probes;
    options.timeout = timeout;
    options.interval = kOften;
    options.resolve = [this] {
      MutexLock lock(&mutex_);
      ++resolved_;
      return answer_;
    };
    watch_ = AddressWatch::Start(std::move(options), &server_);
  }

  // Waits until what is said from now on has been looked at.
  bool AwaitLooks() {
    const int before = resolved_;
    return Await([&] { return resolved_ >= before + 3; });
  }

  Mutex mutex_;
  Result<std::vector<Address>> answer_ = AddressesOf({"127.0.0.1:6379"});
  std::atomic<int> resolved_ = 0;
  std::atomic<int> moves_ = 0;
  CurrentServer server_{"redis.test:6379", [this](TimePoint) { ++moves_; }};
  std::unique_ptr<AddressWatch> watch_;
};

TEST_F(AddressWatchTest, AnAddressInUseThatTheNameHasNoLongerOutdatesAllOnce) {
  Resolves({"127.0.0.1:6379", "127.0.0.2:6379"});
  const uint64_t generation = Use("127.0.0.2:6379");
  Watch("redis.test", Probes::kNo);
  ASSERT_TRUE(AwaitLooks());
  EXPECT_EQ(server_.generation(), generation);
  testing::internal::CaptureStderr();
  Resolves({"127.0.0.1:6379", "127.0.0.3:6379"});
  ASSERT_TRUE(Await([&] { return server_.generation() != generation; }));
  ASSERT_TRUE(AwaitLooks());
  EXPECT_EQ(moves_, 1) << "nothing is in use any more";
  watch_->Stop();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("the name redis.test:6379 no longer has an address"), std::string::npos)
      << log;
}

TEST_F(AddressWatchTest, NeitherTheOrderNorFurtherAddressesMatter) {
  Resolves({"127.0.0.1:6379", "[::1]:6379"});
  const uint64_t generation = Use("127.0.0.1:6379");
  EXPECT_EQ(Use("[::1]:6379"), generation);
  Watch("redis.test", Probes::kNo);
  ASSERT_TRUE(AwaitLooks());
  Resolves({"[::1]:6379", "127.0.0.1:6379"});
  ASSERT_TRUE(AwaitLooks());
  Resolves({"127.0.0.9:6379", "[::1]:6379", "127.0.0.1:6379"});
  ASSERT_TRUE(AwaitLooks());
  EXPECT_EQ(moves_, 0);
  Resolves({"127.0.0.1:6379"});
  EXPECT_TRUE(Await([&] { return moves_ == 1; })) << "one of two in use is gone";
}

TEST_F(AddressWatchTest, AnotherPortIsAnotherAddress) {
  Resolves({"127.0.0.1:6380"});
  static_cast<void>(Use("127.0.0.1:6379"));
  Watch("redis.test", Probes::kNo);
  EXPECT_TRUE(Await([&] { return moves_ == 1; }));
}

TEST_F(AddressWatchTest, AResolverThatFailsChangesNothing) {
  FakeRedis redis(RunIdIs("other"));
  static_cast<void>(Use(redis.address()));
  Resolves(Error{ErrorCode::kUnavailable, "cannot resolve the host name"});
  Watch(redis.address(), Probes::kYes);
  ASSERT_TRUE(AwaitLooks());
  EXPECT_EQ(moves_, 0);
  EXPECT_EQ(redis.connections_accepted(), 0) << "its name would be resolved in vain again";
  Resolves({"127.0.0.1:1"});
  EXPECT_TRUE(Await([&] { return moves_ >= 1; }));
}

TEST_F(AddressWatchTest, WhileNothingIsInUseNothingIsOutdated) {
  Watch("redis.test", Probes::kNo);
  ASSERT_TRUE(AwaitLooks());
  EXPECT_EQ(moves_, 0);
}

TEST_F(AddressWatchTest, AConnectionThatIsMadeWhileTheNameIsResolvedIsNotHeldAgainstTheAnswer) {
  // The name moves between the answer and its use, and a connection is faster.
  static_cast<void>(Use("127.0.0.1:6379"));
  AddressWatchOptions options;
  options.target.endpoint = EndpointOf("redis.test");
  options.probes = Probes::kNo;
  options.interval = kOften;
  std::atomic<int> calls = 0;
  uint64_t generation = 0;
  options.resolve = [&]() -> Result<std::vector<Address>> {
    if (++calls == 1) generation = Use("127.0.0.2:6379", IdentityOf("other"));
    return AddressesOf({calls == 1 ? "127.0.0.1:6379" : "127.0.0.2:6379"});
  };
  const std::unique_ptr<AddressWatch> watch = AddressWatch::Start(std::move(options), &server_);
  ASSERT_TRUE(Await([&] { return calls > 3; }));
  watch->Stop();
  EXPECT_EQ(server_.generation(), generation);
  EXPECT_EQ(moves_, 1) << "by the connection alone";
}

TEST_F(AddressWatchTest, AnotherServerAtTheAddressOutdatesAll) {
  FakeRedis redis(RunIdIs("one"));
  Resolves({redis.address()});
  const uint64_t generation = Use(redis.address());
  Watch(redis.address(), Probes::kYes);
  ASSERT_TRUE(Await([&] { return redis.Count("INFO") >= 3; }));
  EXPECT_EQ(server_.generation(), generation);
  redis.SetScript(RunIdIs("other"));
  ASSERT_TRUE(Await([&] { return moves_ == 1; }));
  const size_t before = redis.Count("INFO");
  ASSERT_TRUE(Await([&] { return redis.Count("INFO") >= before + 3; }));
  EXPECT_EQ(moves_, 1) << "it is the current one now";
}

// Nobody else may notice: all other connections live.
TEST_F(AddressWatchTest, SaysOnceThatNewConnectionsAreRefused) {
  FakeRedis redis([](const FakeRedis::Command& command) {
    return command.name() == "PING"
               ? std::optional(FakeRedis::Answer{.bytes = "-NOAUTH Authentication required.\r\n"})
               : std::nullopt;
  });
  Resolves({redis.address()});
  static_cast<void>(Use(redis.address()));
  testing::internal::CaptureStderr();
  Watch(redis.address(), Probes::kYes);
  ASSERT_TRUE(Await([&] { return redis.Count("PING") >= 3; }));
  watch_->Stop();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_NE(log.find("refuses a new connection (NOAUTH Authentication required.)"),
            std::string::npos)
      << log;
  EXPECT_EQ(moves_, 0);
}

TEST_F(AddressWatchTest, AProbeIsAConnectionOfItsOwnThatIsClosed) {
  FakeRedis redis(RunIdIs("one"));
  Resolves({redis.address()});
  Watch(redis.address(), Probes::kYes);
  ASSERT_TRUE(Await([&] { return redis.connections_accepted() >= 5; }));
  watch_->Stop();
  EXPECT_TRUE(Await([&] { return redis.connections_open() == 0; }));
  EXPECT_EQ(redis.Count("INFO"), redis.Count("PING"));
  EXPECT_EQ(redis.Count("CLIENT"), 0u) << "Redis would log each name that is refused";
  EXPECT_EQ(redis.Count("SELECT"), 0u);
}

TEST_F(AddressWatchTest, ThePathOfASocketIsNotResolvedButProbed) {
  FakeRedis redis(RunIdIs("one"), FakeRedis::Transport::kUnix);
  // As if the server had been started with another path: the peer's address is that one.
  const uint64_t generation = Use("/another.sock");
  Watch(redis.address(), Probes::kYes);
  ASSERT_TRUE(Await([&] { return redis.Count("INFO") >= 3; }));
  EXPECT_EQ(server_.generation(), generation);
  EXPECT_EQ(resolved_, 0);
  redis.SetScript(RunIdIs("other"));
  EXPECT_TRUE(Await([&] { return moves_ == 1; }));
}

TEST_F(AddressWatchTest, AServerThatDoesNotAnswerOrIsAwayChangesNothing) {
  FakeRedis redis(RunIdIs("other"));
  Resolves({redis.address()});
  const uint64_t generation = Use(redis.address());
  redis.Freeze();
  Watch(redis.address(), Probes::kYes, std::chrono::milliseconds(20));
  ASSERT_TRUE(AwaitLooks());
  redis.GoDown();
  ASSERT_TRUE(AwaitLooks());
  EXPECT_EQ(server_.generation(), generation);
  redis.Thaw();
  redis.ComeUp();
  EXPECT_TRUE(Await([&] { return moves_ == 1; }));
}

TEST_F(AddressWatchTest, AServerThatIsLoadingChangesNothing) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "INFO") return std::nullopt;
    return FakeRedis::Answer{.bytes = "-LOADING Redis is loading the dataset in memory\r\n"};
  });
  Resolves({redis.address()});
  const uint64_t generation = Use(redis.address());
  Watch(redis.address(), Probes::kYes);
  ASSERT_TRUE(Await([&] { return redis.Count("INFO") >= 3; }));
  EXPECT_EQ(server_.generation(), generation);
}

TEST_F(AddressWatchTest, StopDoesNotWaitForRedis) {
  FakeRedis redis(RunIdIs("one"));
  Resolves({redis.address()});
  redis.Freeze();
  Watch(redis.address(), Probes::kYes, std::chrono::hours(1));
  ASSERT_TRUE(Await([&] { return resolved_ >= 1; }));
  const TimePoint start = Now();
  watch_->Stop();
  watch_->Stop();
  EXPECT_LT(Now() - start, kLong);
}

TEST_F(AddressWatchTest, StopDoesNotWaitForTheInterval) {
  AddressWatchOptions options;
  options.target.endpoint = EndpointOf("redis.test");
  options.interval = std::chrono::hours(1);
  watch_ = AddressWatch::Start(std::move(options), &server_);
  const TimePoint start = Now();
  watch_->Stop();
  EXPECT_LT(Now() - start, kLong);
}

TEST(HasNameTest, OnlyANameCanGetOtherAddresses) {
  for (const std::string name : {"redis", "localhost:6379", ":6379", "127.0.0.1.example"}) {
    EXPECT_TRUE(HasName(EndpointOf(name))) << name;
  }
  for (const std::string numeric :
       {"127.0.0.1:6379", "[::1]:6379", "[::ffff:127.0.0.1]:1", "/redis.sock"}) {
    EXPECT_FALSE(HasName(EndpointOf(numeric))) << numeric;
  }
}

}  // namespace
}  // namespace rp::redis
