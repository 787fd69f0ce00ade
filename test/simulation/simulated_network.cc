#include "test/simulation/simulated_network.h"

#include <algorithm>
#include <utility>

namespace rp::simulation {

LinkRef Network::Open(int server) {
  Forget();
  auto link = std::make_shared<Link>();
  link->id = ++opened_;
  link->server = server;
  links_.push_back(link);
  return link;
}

Duration Network::Delay() {
  if (world_->Happens(world_->plan.resent)) {
    return world_->random.Wait(std::chrono::milliseconds(20), 2 * world_->plan.max_stale);
  }
  const Duration least = std::chrono::microseconds(20);
  const bool is_slow = world_->now() < slow_until_;
  return least + world_->random.MostlyShort(is_slow ? slow_ : latency_);
}

void Network::ToServer(const LinkRef& link, std::function<void()> arrive) {
  if (link->state != Link::State::kOpen) return;
  link->to_server = std::max(link->to_server, world_->now() + Delay());
  world_->scheduler.At(link->to_server, [link, arrive = std::move(arrive)] {
    if (link->state == Link::State::kOpen) arrive();
  });
}

void Network::ToProxy(const LinkRef& link, std::function<void()> arrive) {
  if (link->state != Link::State::kOpen) return;
  link->to_proxy = std::max(link->to_proxy, world_->now() + Delay());
  world_->scheduler.At(link->to_proxy, [link, arrive = std::move(arrive)] {
    if (link->state == Link::State::kOpen) arrive();
  });
}

void Network::Close(const LinkRef& link) {
  link->state = Link::State::kClosed;
  link->on_lost = nullptr;
  link->on_bytes = nullptr;
}

void Network::Break(const LinkRef& link) {
  if (link->state == Link::State::kClosed) return;
  world_->Trace("network: connection %llu breaks", static_cast<unsigned long long>(link->id));
  link->state = Link::State::kHalfOpen;
  world_->scheduler.After(Delay(), [link] {
    if (auto on_lost = std::exchange(link->on_lost, nullptr)) on_lost();
  });
}

void Network::BreakAll(int server, double half_open) {
  const std::vector<LinkRef> links = links_;
  for (const LinkRef& link : links) {
    if (link->server != server) continue;
    if (!world_->random.Chance(half_open)) {
      Break(link);
    } else if (link->state == Link::State::kOpen) {
      link->state = Link::State::kHalfOpen;
    }
  }
}

void Network::Stall(const LinkRef& link, Duration time) {
  const TimePoint until = world_->now() + time;
  world_->Trace("network: connection %llu stalls for %lld ms",
                static_cast<unsigned long long>(link->id),
                static_cast<long long>(time / std::chrono::milliseconds(1)));
  link->to_proxy = std::max(link->to_proxy, until);
  if (world_->random.Chance(0.5)) link->to_server = std::max(link->to_server, until);
}

void Network::Slow(Duration most, Duration time) {
  slow_ = most;
  slow_until_ = world_->now() + time;
}

LinkRef Network::AnyOpen() {
  Forget();
  std::vector<LinkRef> open;
  for (const LinkRef& link : links_) {
    if (link->state == Link::State::kOpen) open.push_back(link);
  }
  return open.empty() ? nullptr : open[world_->random.Index(open.size())];
}

void Network::Forget() {
  std::erase_if(links_, [](const LinkRef& link) { return link->state == Link::State::kClosed; });
}

}  // namespace rp::simulation
