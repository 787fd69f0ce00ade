// What one turn of a reactor does for each of many connections: real sockets, and a session that
// answers each byte.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/connection.h"
#include "core/reactor_context.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_fixture.h"

namespace rp::core {
namespace {

class SameKeys final : public GroupKeys {
 public:
  SameKeys(size_t count, std::string key) : count_(count), key_(std::move(key)) {}
  [[nodiscard]] size_t size() const override { return count_; }
  [[nodiscard]] std::string_view operator[](size_t) const override { return key_; }

 private:
  const size_t count_;
  const std::string key_;
};

// A key that counts as much as this many.
constexpr size_t kKeyCost = 256;
const std::string& LongKey() {
  static const std::string key(TurnBudget::kPartBytes * (kKeyCost - 1), 'k');
  return key;
}

// The keys of one command: more than two turns look up. A connection may have two shares of a turn,
// one of them after all others have had theirs.
constexpr size_t kManyKeys = 3 * TurnBudget::kKeysOfOne + 1;

// Answers 's' with the value of the key small, 'l' with that of large, 'g' with the number of the
// keys of a group, and 'k' with that of a group of long keys; ends at 'x'.
class ByteSession final : public Session {
 public:
  size_t Consume(std::string_view bytes, Connection* connection) override {
    size_t used = 0;
    while (used < bytes.size() && connection->TakesRequests()) Run(bytes[used++], connection);
    return used;
  }
  [[nodiscard]] bool Midway() const override { return false; }
  [[nodiscard]] Pace pace() const override { return Pace::kPerByte; }
  void OnReceiveTimeout(Connection*) override {}
  void Refuse(Connection*, Reason) override {}
  size_t Write(const Request& request, bool, const core::Turn&, char* out,
               Payload* payload) override {
    if (request.group == nullptr) return PutValue(request.answer.value->value(), out, payload);
    const std::string count = std::to_string(request.group->existing());
    std::copy(count.begin(), count.end(), out);
    return count.size();
  }

 private:
  static void Run(char byte, Connection* connection) {
    if (byte == 'x') return connection->CloseAfterAnswers(Closing::kLinger);
    Request* request = connection->AddRequest();
    if (byte == 'g' || byte == 'k') {
      auto keys = byte == 'g' ? std::make_unique<SameKeys>(kManyKeys, "small")
                              : std::make_unique<SameKeys>(100, LongKey());
      return connection->StartGroup(
          request, std::make_unique<Group>(Group::Keeps::kCount, std::move(keys), 0));
    }
    request->question.key = byte == 'l' ? "large" : "small";
    connection->Submit(request);
  }
};

class TurnTest : public proxy::ReadThroughTest {
 protected:
  static constexpr size_t kClients = 64;
  static constexpr size_t kLargeBytes = size_t{1} << 20;

  TurnTest()
      : ReadThroughTest({}, {.capacity = 100, .expire = std::chrono::hours(1)}),
        forwarder_(
            Hasher({1, 2}), &cache_, [](redis::Fetch*) { return false; }, [] {}),
        router_(&read_through_, &forwarder_),
        workers_(&router_, [] {}),
        context_({}, ClientTimeouts(), &clients_, &router_, &workers_, &answers_) {
    Fetch("small", proxy::Value("s"));
    const std::string large(kLargeBytes, 'l');
    Fetch("large", proxy::Value(large));
    Fetch(LongKey(), proxy::Value("v"));
    context_.turn.now = Now();
    for (size_t i = 0; i < kClients; ++i) Connect();
  }

  ~TurnTest() override {
    context_.connections.CloseAll("the test is over");
    context_.connections.DeleteClosed();
    EXPECT_EQ(context_.requests.out(), 0u) << "a request was lost";
  }

  void Connect() {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    sockets_.emplace_back(ends[0]);
    auto made = std::make_unique<Connection>(&context_, sockets_.size(), UniqueFd(ends[1]),
                                             std::make_unique<ByteSession>());
    Connection* const connection = made.get();
    context_.connections.Add(std::move(made), clients_.Enter());
    ASSERT_TRUE(connection->Register());
  }

  void Send(size_t client, std::string_view bytes) {
    ASSERT_EQ(send(sockets_[client].get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }

  void Turn() {
    context_.budget = {};
    context_.loop.Wait(context_.turn.now, context_.turn.now);
    context_.connections.ReadUnread(&context_.budget);
    context_.loop.Dispatch();
    context_.connections.FlushDirty(&context_.budget);
    static_cast<void>(context_.requests.EndTurn(context_.turn.now));
  }

  // Reads what the client has got since the last call.
  std::string Read(size_t client) {
    std::string all;
    std::array<char, 65536> buffer;
    ssize_t count = 0;
    while ((count = recv(sockets_[client].get(), buffer.data(), buffer.size(), 0)) > 0)
      all.append(buffer.data(), static_cast<size_t>(count));
    return all;
  }

  // How many bytes each of the clients has got since the last call.
  std::vector<size_t> ReadAll() {
    std::vector<size_t> bytes;
    for (size_t i = 0; i < kClients; ++i) bytes.push_back(Read(i).size());
    return bytes;
  }

  static size_t SumOf(const std::vector<size_t>& numbers) {
    size_t sum = 0;
    for (const size_t number : numbers) sum += number;
    return sum;
  }

  proxy::TestHome answers_;
  proxy::Forwarder forwarder_;
  proxy::Router router_;
  WorkerPool workers_;
  ClientCount clients_{kClients};
  ReactorContext context_;
  std::vector<UniqueFd> sockets_;
};

TEST_F(TurnTest, SendsOnlySoManyBytesAndSmallAnswersBeforeLargeOnes) {
  for (size_t i = 0; i + 1 < kClients; ++i) Send(i, "l");
  Send(kClients - 1, "s");
  Turn();
  EXPECT_EQ(Read(kClients - 1), "s") << "it came last, and is answered in the first turn";
  const size_t sent = SumOf(ReadAll());
  EXPECT_GE(sent, TurnBudget::kSentBytes);
  EXPECT_LT(sent, TurnBudget::kSentBytes + TurnBudget::kSentBytesOfOne);
  EXPECT_TRUE(context_.connections.has_work());
}

TEST_F(TurnTest, LargeAnswersTakeTurns) {
  for (size_t i = 0; i < kClients; ++i) Send(i, "l");
  std::vector<size_t> got(kClients);
  size_t largest_lead = 0;
  for (int turn = 0; SumOf(got) < kClients * kLargeBytes; ++turn) {
    ASSERT_LT(turn, 10'000);
    Turn();
    const std::vector<size_t> more = ReadAll();
    for (size_t i = 0; i < kClients; ++i) got[i] += more[i];
    if (got[kClients - 1] == 0) largest_lead = std::max(largest_lead, got[0]);
  }
  EXPECT_LT(largest_lead, kLargeBytes) << "the first was served again before the last";
  for (const size_t bytes : got) EXPECT_EQ(bytes, kLargeBytes);
  EXPECT_FALSE(context_.connections.has_work());
}

TEST_F(TurnTest, ALargeAnswerIsSentAtOnceWhileNobodyWaits) {
  Send(0, "l");
  Turn();
  EXPECT_GT(Read(0).size(), TurnBudget::kSmallBytes);
}

TEST_F(TurnTest, AClosedConnectionLeavesTheQueue) {
  for (size_t i = 0; i < kClients; ++i) Send(i, "l");
  Turn();
  EXPECT_TRUE(context_.connections.has_work());
  context_.connections.CloseAll("as on a fault");
  context_.connections.DeleteClosed();
  EXPECT_FALSE(context_.connections.has_work());
}

TEST_F(TurnTest, ReadsOnlySoManyBytesAndGoesOnWithThoseItHasNotRead) {
  const std::string input(ReactorContext::kReadBufferBytes, 's');
  constexpr size_t kReaders = TurnBudget::kReadBytes / ReactorContext::kReadBufferBytes;
  for (int i = 0; i < 2; ++i) Connect();
  ASSERT_LT(kReaders, sockets_.size());
  for (size_t i = 0; i < sockets_.size(); ++i) Send(i, input);
  const auto unread = [this] {
    size_t clients = 0;
    for (size_t i = 0; i < sockets_.size(); ++i) clients += Read(i).empty() ? 1 : 0;
    return clients;
  };
  context_.budget = {};
  context_.loop.Wait(context_.turn.now, context_.turn.now);
  context_.loop.Dispatch();
  EXPECT_FALSE(context_.budget.may_read());
  context_.budget = {};
  context_.connections.FlushDirty(&context_.budget);
  EXPECT_EQ(unread(), sockets_.size() - kReaders);
  Turn();
  EXPECT_EQ(unread(), 0u);
}

TEST_F(TurnTest, AnswersOnlySoManyRequests) {
  constexpr size_t kEach = 1000;
  static_assert(kClients * kEach > 2 * TurnBudget::kRequests);
  for (size_t i = 0; i < kClients; ++i) Send(i, std::string(kEach, 's'));
  std::vector<size_t> sums(kClients);
  size_t turns = 0;
  for (; SumOf(sums) < kClients * kEach; ++turns) {
    ASSERT_LT(turns, 100u);
    Turn();
    const std::vector<size_t> got = ReadAll();
    EXPECT_LT(SumOf(got), TurnBudget::kRequests + Pipeline::kMaxRequests);
    for (size_t i = 0; i < kClients; ++i) {
      EXPECT_TRUE(got[i] > 0 || sums[i] == kEach) << "client " << i << " in turn " << turns;
      sums[i] += got[i];
    }
  }
  EXPECT_GE(turns, kClients * kEach / TurnBudget::kRequests);
}

TEST_F(TurnTest, ThoseThatWaitHaveAShareHoweverMuchTheOthersWant) {
  std::string got;
  Send(0, "l");
  for (int turn = 0; got.size() < kLargeBytes; ++turn) {
    ASSERT_LT(turn, 100);
    for (size_t i = 1; i < kClients; ++i)
      Send(i, std::string(2 * TurnBudget::kRequests / kClients, 's'));
    Turn();
    EXPECT_FALSE(context_.budget.may_answer());
    for (size_t i = 1; i < kClients; ++i) static_cast<void>(Read(i));
    const std::string more = Read(0);
    EXPECT_NE(more, "") << "turn " << turn;
    got += more;
  }
}

// It has read all that was sent, and waits for its share.
TEST_F(TurnTest, AWaitForTheShareIsNotTheClients) {
  for (size_t i = 0; i < kClients; ++i) Send(i, "l");
  Turn();
  static_cast<void>(ReadAll());
  ASSERT_TRUE(context_.connections.has_work());
  for (int i = 0; i < 3; ++i) {
    context_.turn.now += std::chrono::minutes(1);
    while (Connection* const connection = context_.waits.TakeEnded(context_.turn.now))
      connection->OnWaitEnded();
  }
  size_t bytes = 0;
  for (int turn = 0; context_.connections.has_work() && turn < 10'000; ++turn) {
    Turn();
    bytes += SumOf(ReadAll());
  }
  EXPECT_GT(bytes, (kClients - 4) * kLargeBytes) << "all were sent the rest";
}

TEST_F(TurnTest, InputThatIsDroppedCountsToo) {
  for (size_t i = 0; i < kClients; ++i) Send(i, "x");
  Turn();
  const std::string input(ReactorContext::kReadBufferBytes, 's');
  for (size_t i = 0; i < kClients; ++i) Send(i, input);
  Turn();
  EXPECT_FALSE(context_.budget.may_read());
}

TEST_F(TurnTest, LongKeysCountAsSeveral) {
  Send(0, "k");
  int turns = 0;
  std::string got;
  for (; got.empty() && turns < 1000; ++turns) {
    Turn();
    got = Read(0);
  }
  EXPECT_EQ(got, "100");
  EXPECT_GE(turns, 100 * int{kKeyCost} / int{TurnBudget::kKeysOfOne} / 2);
}

TEST_F(TurnTest, ACommandOfManyKeysIsLookedUpInParts) {
  Send(0, "g");
  Turn();
  EXPECT_TRUE(context_.connections.has_work());
  Send(1, "s");
  Turn();
  EXPECT_EQ(Read(1), "s");
  EXPECT_EQ(Read(0), "") << "a part of the keys is left";
  Turn();
  EXPECT_EQ(Read(0), std::to_string(kManyKeys));
  EXPECT_FALSE(context_.connections.has_work());
}

}  // namespace
}  // namespace rp::core
