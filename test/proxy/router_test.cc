#include "proxy/router.h"

#include <deque>

#include "test/support/cache_flight.h"
#include "test/support/outgoing.h"
#include "test/support/owned_command.h"
#include "test/support/read_through_fixture.h"

namespace rp::proxy {
namespace {

// A router whose keys go to the fixture's ReadThrough and whose commands stay where they are sent.
class RouterTest : public ReadThroughTest {
 protected:
  RouterTest()
      : forwarder_(
            Hasher({1, 2}), &cache_,
            [this](redis::Fetch* fetch) {
              commands_.push_back(fetch);
              return true;
            },
            [] {}),
        router_(&read_through_, &forwarder_) {}

  ~RouterTest() override {
    for (redis::Fetch* fetch : commands_) fetch->sink->OnFetched(fetch, Reply("+reply\r\n"), Now());
  }

  static redis::FetchResult Reply(std::string_view bytes) {
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kReply;
    result.value = bytes;
    return result;
  }

  Request* Key(const std::string& key) { return &requests_.emplace_back(MakeRequest(key)); }

  Request* Ttl(const std::string& key, Question::Kind kind) {
    Request* request = Key(key);
    SetCommand(request, {"TTL", key});
    request->question.kind = kind;
    request->question.reads_only = true;
    return request;
  }

  static Request* Chain(const std::vector<Request*>& requests) {
    RequestChain chain;
    for (Request* request : requests) chain.Append(request);
    return chain.first();
  }

  std::deque<Request> requests_;
  std::vector<redis::Fetch*> commands_;
  Forwarder forwarder_;
  Router router_;
};

std::vector<Request*> All(const RequestChain& chain) {
  std::vector<Request*> all;
  for (Request* request = chain.first(); request != nullptr; request = RequestChain::Next(request))
    all.push_back(request);
  return all;
}

TEST_F(RouterTest, WithoutWaitingMissesAreStartedAndCommandsAreLeft) {
  Request* miss = Key("miss");
  Request* command = Ttl("miss", Question::Kind::kCommand);
  Request* key_or_command = Ttl("miss", Question::Kind::kKeyOrCommand);
  redis::FetchQueue fetches;
  const Router::StartResult started =
      router_.Start(Chain({miss, command, key_or_command}), Now(), Blocking::kNo, &fetches);
  EXPECT_TRUE(started.answered.empty());
  EXPECT_EQ(All(started.left), (std::vector<Request*>{command, key_or_command}));
  EXPECT_TRUE(commands_.empty());
  ASSERT_TRUE(router_.Submit(&fetches, Blocking::kNo));
  Finish(Value("value"));
  EXPECT_EQ(miss->answer.value->value(), "value");
}

TEST_F(RouterTest, RunAnswersHitsAndStartsTheRest) {
  Fetch("hit", Value("value"));
  Request* hit = Key("hit");
  Request* miss = Key("miss");
  Request* command = Ttl("hit", Question::Kind::kCommand);
  EXPECT_EQ(All(router_.Run(Chain({hit, miss, command}))), std::vector<Request*>{hit});
  EXPECT_EQ(hit->answer.source, Source::kCache);
  EXPECT_EQ(fetches_.size(), 1u);
  ASSERT_EQ(commands_.size(), 1u);
  EXPECT_EQ(TextOf(*commands_[0]), redis::Encode({"TTL", "hit"}));
  Finish(Missing());
}

TEST_F(RouterTest, WhatTheCacheKnowsOfAKeyNeedsNoCommand) {
  Fetch("ends", Value("value", 100'000));
  Request* known = Ttl("ends", Question::Kind::kEndOrCommand);
  EXPECT_EQ(All(router_.Run(known)), std::vector<Request*>{known});
  EXPECT_EQ(known->answer.outcome, Outcome::kValue);
  EXPECT_TRUE(commands_.empty());
}

// TYPE of such a key went to Redis.
TEST_F(RouterTest, AnEndBeyondTheClockMattersOnlyToWhoAsksForTheEnd) {
  Fetch("too far", Value("value", INT64_MAX));
  Request* known = Ttl("too far", Question::Kind::kKeyOrCommand);
  EXPECT_EQ(All(router_.Run(known)), std::vector<Request*>{known});
}

TEST_F(RouterTest, WhatTheCacheDoesNotKnowIsAskedOfRedis) {
  Fetch("too far", Value("value", INT64_MAX));
  for (const std::string key : {"missing", "too far"}) {
    Request* unknown = Ttl(key, Question::Kind::kEndOrCommand);
    EXPECT_TRUE(router_.Run(unknown).empty()) << key;
    ASSERT_EQ(commands_.size(), 1u) << key;
    redis::Fetch* fetch = commands_[0];
    commands_.clear();
    fetch->sink->OnFetched(fetch, Reply(":7\r\n"), Now());
    EXPECT_EQ(unknown->answer.outcome, Outcome::kReply) << key;
    EXPECT_EQ(unknown->answer.reply, ":7\r\n") << key;
  }
}

}  // namespace
}  // namespace rp::proxy
