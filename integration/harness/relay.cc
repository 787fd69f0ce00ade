#include "integration/harness/relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/check.h"

namespace rp::integration {
namespace {

// A side that takes nothing is not read for more than this.
constexpr size_t kMaxPieces = 256;

}  // namespace

Relay::Relay(int target_port, Duration most_delay, unsigned seed)
    : target_port_(target_port),
      most_delay_(most_delay),
      listener_(ListenOnLoopback(&port_)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      random_(seed) {
  Start();
}

Relay::Relay(UniqueFd listener, int target_port, Duration most_delay, unsigned seed)
    : target_port_(target_port),
      most_delay_(most_delay),
      listener_(std::move(listener)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      random_(seed) {
  Start();
}

void Relay::Start() {
  RP_CHECK(listener_ && wake_);
  thread_ = std::thread([this] { Run(); });
}

Relay::~Relay() {
  stop_ = true;
  Wake();
  thread_.join();
}

void Relay::Become(State state) {
  state_ = state;
  Wake();
}

void Relay::Hold(const std::string& text, Held what) {
  const std::lock_guard<std::mutex> lock(text_mutex_);
  held_ = what;
  held_text_ = text;
}

void Relay::Release() {
  {
    const std::lock_guard<std::mutex> lock(text_mutex_);
    held_text_.clear();
  }
  holding_ = false;
  ++hold_;
  Wake();
}

void Relay::DropAll() {
  drop_ = true;
  Wake();
}

void Relay::DropSubscribers() {
  drop_subscribers_ = true;
  Wake();
}

void Relay::Wake() const { eventfd_write(wake_.get(), 1); }

bool Relay::Frozen(const Pair& pair, const Direction& direction) const {
  const bool is_reply = &direction == &pair.to_client;
  if (pair.hold == hold_ && is_reply == (held_ == Held::kReplies)) return true;
  switch (state_) {
    case State::kOpen:
      return false;
    case State::kSubscribersFrozen:
      return pair.is_subscriber;
    case State::kRepliesHeld:
      return !pair.is_subscriber && is_reply;
    case State::kFrozen:
      break;
  }
  return true;
}

void Relay::Run() {
  std::vector<pollfd> entries;
  while (!stop_) {
    // A negative descriptor is one that poll leaves alone.
    const auto watch = [&](const UniqueFd& fd, bool wanted) {
      entries.push_back({wanted ? fd.get() : -1, POLLIN, 0});
    };
    entries.clear();
    watch(wake_, true);
    watch(listener_, state_ != State::kFrozen);
    for (const Pair& pair : pairs_) {
      for (const auto& [fd, direction] :
           {std::pair(&pair.client, &pair.to_server), std::pair(&pair.server, &pair.to_client)}) {
        watch(*fd, !Frozen(pair, *direction) && !direction->ended &&
                       direction->pieces.size() < kMaxPieces);
      }
    }
    poll(entries.data(), entries.size(), PollTimeout());
    eventfd_t ignored = 0;
    eventfd_read(wake_.get(), &ignored);
    if (drop_ || drop_subscribers_) {
      Drop();
      continue;
    }
    size_t i = 2;
    for (auto pair = pairs_.begin(); pair != pairs_.end(); i += 2) {
      const bool open = Serve(&*pair, entries[i].revents, entries[i + 1].revents);
      pair = open ? std::next(pair) : pairs_.erase(pair);
    }
    if (entries[1].revents != 0) Accept();
  }
}

void Relay::Drop() {
  if (drop_.exchange(false)) pairs_.clear();
  if (drop_subscribers_.exchange(false)) {
    pairs_.remove_if([](const Pair& pair) { return pair.is_subscriber; });
  }
}

void Relay::Accept() {
  UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) return;
  const int on = 1;
  setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  UniqueFd server = ConnectToLoopback(target_port_);
  if (!server) return;
  pairs_.push_back({std::move(client), std::move(server), {}, {}});
}

bool Relay::Serve(Pair* pair, short client_events, short server_events) {
  if (client_events != 0 && !Receive(pair, pair->client, &pair->to_server)) return false;
  if (server_events != 0 && !Receive(pair, pair->server, &pair->to_client)) return false;
  for (const auto& [direction, target] :
       {std::pair(&pair->to_server, &pair->server), std::pair(&pair->to_client, &pair->client)}) {
    if (Frozen(*pair, *direction)) continue;
    if (!SendDue(direction, *target)) return false;
    if (direction->ended && direction->pieces.empty()) return false;
  }
  return true;
}

bool Relay::Receive(Pair* pair, const UniqueFd& source, Direction* direction) {
  char buffer[65536];
  const ssize_t size = recv(source.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN;
  if (size == 0) {
    direction->ended = true;
    return true;
  }
  const std::string bytes(buffer, static_cast<size_t>(size));
  if (direction == &pair->to_server) LookAtRequest(pair, bytes);
  const double part = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto delay = std::chrono::duration_cast<Duration>(part * part * part * most_delay_);
  TimePoint due = Now() + delay;
  if (!direction->pieces.empty()) due = std::max(due, direction->pieces.back().due);
  direction->pieces.push_back({bytes, due});
  return true;
}

void Relay::LookAtRequest(Pair* pair, const std::string& bytes) {
  if (bytes.find("TRACKING") != std::string::npos) pair->is_subscriber = true;
  const std::lock_guard<std::mutex> lock(text_mutex_);
  if (held_text_.empty() || bytes.find(held_text_) == std::string::npos) return;
  held_text_.clear();
  pair->hold = hold_;
  holding_ = true;
}

bool Relay::SendDue(Direction* direction, const UniqueFd& target) {
  std::deque<Piece>& pieces = direction->pieces;
  while (!pieces.empty() && pieces.front().due <= Now()) {
    std::string& bytes = pieces.front().bytes;
    const ssize_t sent =
        send(target.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    bytes.erase(0, static_cast<size_t>(std::max<ssize_t>(sent, 0)));
    if (!bytes.empty()) return true;
    pieces.pop_front();
  }
  return true;
}

int Relay::PollTimeout() const {
  TimePoint earliest = kNever;
  for (const Pair& pair : pairs_) {
    for (const Direction* direction : {&pair.to_server, &pair.to_client}) {
      if (direction->pieces.empty() || Frozen(pair, *direction)) continue;
      earliest = std::min(earliest, direction->pieces.front().due);
    }
  }
  if (earliest == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(earliest - Now()).count();
  // A target that takes nothing would otherwise be asked without a pause.
  return static_cast<int>(std::max<int64_t>(left, 1));
}

}  // namespace rp::integration
