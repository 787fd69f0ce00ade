#include "resp_front/answers.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "cache/entry.h"
#include "core/pipeline.h"
#include "resp/writer.h"
#include "resp_front/proxy_section.h"
#include "test/resp_front/command_runner.h"

namespace rp::resp_front {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint kNow = TimePoint() + std::chrono::hours(1);

class AnswersTest : public ::testing::Test {
 protected:
  AnswersTest() { request_.data.Emplace<Framing>(); }

  void SetValue(const std::string& value, TimePoint hard_deadline = kNever) {
    request_.answer.outcome = proxy::Outcome::kValue;
    request_.answer.value = cache::MakeEntry(1, "key", value, kNow, hard_deadline);
  }
  void SetMissing() { request_.answer.outcome = proxy::Outcome::kMissing; }
  void SetReply(std::string reply) {
    request_.answer.outcome = proxy::Outcome::kReply;
    request_.answer.reply = std::move(reply);
  }

  // The whole answer; `copied_bytes_` is how much of it lies before the payload.
  std::string Written(WriteAnswer* write) {
    std::array<char, core::Session::kMaxAnswerBytes> out;
    core::Payload payload;
    const core::Turn turn{.now = kNow};
    copied_bytes_ = write(request_, {turn, options_}, out.data(), &payload);
    return std::string(out.data(), copied_bytes_) + std::string(payload.bytes) +
           std::string(payload.tail);
  }

  FixedServer server_;
  const RespOptions options_{.server = &server_, .version = "1.2", .credentials = {}, .limits = {}};
  core::Request request_;
  size_t copied_bytes_ = 0;
};

TEST_F(AnswersTest, OfAValue) {
  SetValue("hello");
  FramingOf(&request_)->range_start = 1;
  FramingOf(&request_)->range_end = -2;
  EXPECT_EQ(Written(WriteGet), "$5\r\nhello\r\n");
  EXPECT_EQ(Written(WriteStrlen), ":5\r\n");
  EXPECT_EQ(Written(WriteRange), "$3\r\nell\r\n");
  EXPECT_EQ(Written(WriteTtl), ":-1\r\n");
  EXPECT_EQ(Written(WritePttl), ":-1\r\n");
  EXPECT_EQ(Written(WriteType), "+string\r\n");
}

TEST_F(AnswersTest, OfAMissingKey) {
  SetMissing();
  EXPECT_EQ(Written(WriteGet), "$-1\r\n");
  EXPECT_EQ(Written(WriteStrlen), ":0\r\n");
  EXPECT_EQ(Written(WriteRange), "$0\r\n\r\n");
  EXPECT_EQ(Written(WriteTtl), ":-2\r\n");
  EXPECT_EQ(Written(WritePttl), ":-2\r\n");
  EXPECT_EQ(Written(WriteType), "+none\r\n");
  FramingOf(&request_)->version = 3;
  EXPECT_EQ(Written(WriteGet), "_\r\n");
}

TEST_F(AnswersTest, SecondsAreRoundedAndNeverNegative) {
  for (const auto& [left, ttl, pttl] : {std::tuple(milliseconds(1499), ":1\r\n", ":1499\r\n"),
                                        std::tuple(milliseconds(1500), ":2\r\n", ":1500\r\n"),
                                        std::tuple(milliseconds(-1), ":0\r\n", ":0\r\n")}) {
    SetValue("a", kNow + left);
    EXPECT_EQ(Written(WriteTtl), ttl);
    EXPECT_EQ(Written(WritePttl), pttl);
  }
}

TEST_F(AnswersTest, OfAnErrorOrARedisReply) {
  for (WriteAnswer* const write :
       {WriteGet, WriteStrlen, WriteRange, WriteTtl, WritePttl, WriteType, WriteForwarded}) {
    request_.answer = {};
    request_.Fail(ErrorCode::kTimeout);
    EXPECT_EQ(Written(write), "-TIMEOUT Redis did not answer in time\r\n");
    request_.answer.error_text = "ERR from Redis";
    EXPECT_EQ(Written(write), "-ERR from Redis\r\n");
    request_.Fail(ErrorCode::kAuth);
    EXPECT_EQ(Written(write), "-ERR ERR from Redis\r\n") << "not the client's own credentials";
    SetReply(":1\r\n");
    EXPECT_EQ(Written(write), ":1\r\n");
    EXPECT_EQ(copied_bytes_, 0u);
  }
  EXPECT_EQ(Written(WriteNothing), "");
}

TEST_F(AnswersTest, AnErrorTextHasALimit) {
  request_.Fail(ErrorCode::kUpstream);
  request_.answer.error_text = "ERR " + std::string(508, 'x');
  EXPECT_EQ(Written(WriteGet), "-" + request_.answer.error_text + "\r\n");
  request_.answer.error_text += 'y';
  EXPECT_EQ(Written(WriteGet), "-ERR " + std::string(508, 'x') + "\r\n");
}

TEST_F(AnswersTest, ASmallValueIsCopiedAndALargeOneIsNot) {
  constexpr size_t kMost = core::Session::kCopiedBytes;
  for (const size_t bytes : {kMost, kMost + 1}) {
    const std::string value(bytes, 'x');
    SetValue(value);
    const std::string header = "$" + std::to_string(bytes) + "\r\n";
    EXPECT_EQ(Written(WriteGet), header + value + "\r\n");
    EXPECT_EQ(copied_bytes_, bytes == kMost ? header.size() + bytes + 2 : header.size());
  }
}

TEST_F(AnswersTest, AReadyReplyIsCopiedIfThereIsRoom) {
  constexpr size_t kMost = core::Session::kMaxAnswerBytes;
  for (const size_t bytes : {kMost, kMost + 1}) {
    request_.answer.reply = std::string(bytes, 'x');
    EXPECT_EQ(Written(WriteReply), request_.answer.reply);
    EXPECT_EQ(copied_bytes_, bytes == kMost ? bytes : 0);
  }
  request_.answer.reply.clear();
  FramingOf(&request_)->constant = "+OK\r\n";
  EXPECT_EQ(Written(WriteReply), "+OK\r\n");
}

TEST_F(AnswersTest, InfoHasTheSectionOfTheProxyBehindRedissOwn) {
  std::array<char, kMaxProxySectionBytes> room;
  const std::string section(room.data(),
                            PutProxySection(server_.facts, options_.version, room.data()));
  const auto bulk = [](char type, const std::string& text) {
    return type + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  };
  const std::string own = "# Server\r\n" + std::string(5000, 'x') + "\r\n";
  SetReply(bulk('$', own));
  EXPECT_EQ(Written(WriteInfo), bulk('$', own + "\r\n" + section));
  SetReply(bulk('=', "txt:" + own));
  EXPECT_EQ(Written(WriteInfo), bulk('=', "txt:" + own + "\r\n" + section));
  EXPECT_LT(copied_bytes_, resp::kMaxHeaderBytes) << "Redis's is sent from where it lies";
  SetReply(bulk('$', ""));
  EXPECT_EQ(Written(WriteInfo), bulk('$', section)) << "INFO proxy";
  SetReply(bulk('=', "txt:"));
  EXPECT_EQ(Written(WriteInfo), bulk('=', "txt:" + section));
}

TEST_F(AnswersTest, ALargeInfoHasTheSectionToo) {
  std::array<char, kMaxProxySectionBytes> room;
  const std::string section(room.data(),
                            PutProxySection(server_.facts, options_.version, room.data()));
  const std::string own = "# Server\r\n" + std::string(100'000, 'x') + "\r\n";
  const auto reply =
      std::make_shared<const std::string>("$" + std::to_string(own.size()) + "\r\n" + own + "\r\n");
  SetReply("");
  request_.answer.large_reply = {.owner = reply, .bytes = *reply};
  const std::string text = own + "\r\n" + section;
  EXPECT_EQ(Written(WriteInfo), "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n");
}

TEST_F(AnswersTest, InfoThatIsNoTextIsSentAsItCame) {
  for (const std::string reply :
       {"-NOPERM no\r\n", "$-1\r\n", "_\r\n", "+OK\r\n", "*1\r\n$1\r\na\r\n", "$1\r\na\r\n+OK\r\n",
        "$1\r\n", "$\r\n", "$99999999999999999999\r\n\r\n"}) {
    SetReply(reply);
    EXPECT_EQ(Written(WriteInfo), reply);
  }
  request_.Fail(ErrorCode::kTimeout);
  EXPECT_EQ(Written(WriteInfo), "-TIMEOUT Redis did not answer in time\r\n");
}

class Keys final : public core::GroupKeys {
 public:
  [[nodiscard]] size_t size() const override { return 3; }
  [[nodiscard]] std::string_view operator[](size_t) const override { return "key"; }
};

// An answer that begins with what the request holds and goes on with a group of two keys.
class GroupAnswersTest : public AnswersTest {
 protected:
  void MakeGroup(core::Group::Keeps keeps) {
    group_ = std::make_unique<core::Group>(keeps, std::make_unique<Keys>(), 1);
    request_.group = group_.get();
    request_.answer.reply = "*3\r\n$1\r\na\r\n";
    FramingOf(&request_)->found = 1;
  }

  static cache::EntryRef Entry(std::string_view value, cache::Kind kind = cache::Kind::kValue) {
    return cache::MakeEntry(1, "key", value, kNow, kNever, kind);
  }

  // All parts, one after the other.
  std::string WrittenParts(WriteAnswer* write) {
    std::string all = Written(write);
    while (group_->NextPart()) all += Written(write);
    return all;
  }

  std::unique_ptr<core::Group> group_;
};

TEST_F(GroupAnswersTest, MgetBeginsWithTheReplyAndGoesOnWithTheKeys) {
  MakeGroup(core::Group::Keeps::kValues);
  group_->Take(Entry("b"));
  group_->Take(Entry("", cache::Kind::kMissing));
  EXPECT_EQ(WrittenParts(WriteMget), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n");
}

TEST_F(GroupAnswersTest, AKeyOfAnotherTypeExistsWithoutAValue) {
  MakeGroup(core::Group::Keeps::kValues);
  group_->Take(Entry("WRONGTYPE", cache::Kind::kWrongType));
  group_->Take(Entry("c"));
  EXPECT_EQ(WrittenParts(WriteMget), "*3\r\n$1\r\na\r\n$-1\r\n$1\r\nc\r\n");
  MakeGroup(core::Group::Keeps::kCount);
  group_->Take(Entry("WRONGTYPE", cache::Kind::kWrongType));
  group_->Take(Entry("", cache::Kind::kMissing));
  EXPECT_EQ(WrittenParts(WriteExists), ":2\r\n");
}

TEST_F(GroupAnswersTest, AFailureIsTheWholeAnswer) {
  for (const auto keeps : {core::Group::Keeps::kValues, core::Group::Keeps::kCount}) {
    MakeGroup(keeps);
    group_->Fail(ErrorCode::kTimeout);
    EXPECT_EQ(WrittenParts(keeps == core::Group::Keeps::kValues ? WriteMget : WriteExists),
              "-TIMEOUT Redis did not answer in time\r\n");
  }
}

}  // namespace
}  // namespace rp::resp_front
