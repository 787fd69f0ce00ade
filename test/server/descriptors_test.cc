#include "server/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "core/client_count.h"

namespace rp::server {
namespace {

constexpr rlim_t kOpen = 3;

config::Options OptionsOf(std::vector<const char*> arguments = {}) {
  arguments.insert(arguments.begin(), "redis-proxy");
  config::Options options;
  EXPECT_TRUE(
      config::ParseOptions(static_cast<int>(arguments.size()), arguments.data(), &options).ok());
  return options;
}

ClientPlaces PlacesOf(const config::Options& options, rlim_t limit) {
  const auto places = PlaceClients(options, {limit, kOpen});
  EXPECT_TRUE(places.ok()) << places.error().message;
  return places.ok() ? *places : ClientPlaces();
}

// The fewest with which the server starts.
rlim_t LeastOf(const config::Options& options) {
  rlim_t limit = kOpen;
  while (!PlaceClients(options, {limit, kOpen}).ok()) ++limit;
  return limit;
}

TEST(PlaceClientsTest, GivesAllTheirPlacesWhereThereAreDescriptorsForThem) {
  const config::Options options = OptionsOf({"-max-clients", "1000"});
  const rlim_t wanted = WantedDescriptors(options, kOpen);
  for (const rlim_t limit : {wanted, wanted + 1, RLIM_INFINITY}) {
    EXPECT_EQ(PlacesOf(options, limit).served, 1000u);
    EXPECT_EQ(PlacesOf(options, limit).refused, core::ClientCount::kMaxRefused);
  }
  EXPECT_EQ(PlacesOf(options, wanted - 1).served, 999u);
  EXPECT_EQ(PlacesOf(options, wanted - 1).refused, core::ClientCount::kMaxRefused);
}

TEST(PlaceClientsTest, NeverPlacesMoreThanThereAreDescriptors) {
  const config::Options options = OptionsOf({"-max-clients", "1000"});
  const rlim_t others = LeastOf(options) - 2;
  for (rlim_t limit = others + 2; limit < 2000; ++limit) {
    const ClientPlaces places = PlacesOf(options, limit);
    ASSERT_LE(others + places.served + places.refused, limit);
    ASSERT_GE(places.served, 1u);
    ASSERT_LE(places.served, 1000u);
    ASSERT_GE(places.refused, 1u);
    ASSERT_LE(places.refused, core::ClientCount::kMaxRefused);
    // Nothing is wasted either.
    ASSERT_TRUE(others + places.served + places.refused == limit ||
                places.refused == core::ClientCount::kMaxRefused)
        << limit;
  }
}

TEST(PlaceClientsTest, WithTooFewForOneClientSaysHowManyAreNeededAndThere) {
  const config::Options options = OptionsOf();
  const rlim_t least = LeastOf(options);
  const ClientPlaces places = PlacesOf(options, least);
  EXPECT_EQ(places.served, 1u);
  EXPECT_EQ(places.refused, 1u);
  const auto none = PlaceClients(options, {least - 1, kOpen});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().message, "only " + std::to_string(least - 1) +
                                      " file descriptors may be open (ulimit -n), and at least " +
                                      std::to_string(least) + " are needed");
}

TEST(PlaceClientsTest, CountsWhatEachFlagTakes) {
  const rlim_t least = LeastOf(OptionsOf());
  EXPECT_EQ(LeastOf(OptionsOf({"-redis-connections", "5"})), least + 1);
  EXPECT_EQ(LeastOf(OptionsOf({"-redis-connections", "5", "-redis-ops-limit", "2"})), least - 2)
      << "no more connections than GETs";
  EXPECT_EQ(LeastOf(OptionsOf({"-resp", ":0"})), least + 1);
  EXPECT_EQ(LeastOf(OptionsOf({"-coherent"})), least + 3);
  EXPECT_EQ(LeastOf(OptionsOf({"-redis", "[::1]:1"})), least - 1) << "its address cannot change";
  EXPECT_EQ(LeastOf(OptionsOf({"-redis", "/redis.sock"})), least - 1);
  EXPECT_EQ(LeastOf(OptionsOf({"-redis", "/redis.sock", "-coherent"})), least + 3);
  EXPECT_EQ(LeastOf(OptionsOf({"-reactors", "2"})), least + 4);
  EXPECT_EQ(LeastOf(OptionsOf({"-reactors", "3", "-resp", ":0"})), least + 11);
}

TEST(DescriptorLimitTest, IsRaisedAsFarAsItIsOfUseAndPermitted) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const config::Options options = OptionsOf({"-max-clients", "5"});
  const rlimit low{64, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const Descriptors all = RaiseDescriptorLimit(options);
  EXPECT_EQ(all.limit, WantedDescriptors(options, all.open));
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, all.limit);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(DescriptorLimitTest, WhatIsOpenAlreadyIsCountedWhereverItLies) {
  const config::Options options = OptionsOf({"-max-clients", "1"});
  const rlim_t before = RaiseDescriptorLimit(options).open;
  const UniqueFd low(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd high(fcntl(low.get(), F_DUPFD_CLOEXEC, 60));
  ASSERT_TRUE(high);
  EXPECT_EQ(RaiseDescriptorLimit(options).open, before + 2);
}

}  // namespace
}  // namespace rp::server
