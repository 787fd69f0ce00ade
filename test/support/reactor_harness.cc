#include "test/support/reactor_harness.h"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "net/socket.h"
#include "test/support/read_through_support.h"

namespace rp::core {
namespace {

constexpr std::chrono::seconds kPatience(30);
constexpr uint64_t kLargestValueBytes = 64 << 20;

}  // namespace

TestClient::TestClient(uint16_t port, int receive_bytes)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_bytes != 0) {
    EXPECT_EQ(setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)),
              0);
  }
  timeval patience{};
  patience.tv_sec = kPatience.count();
  EXPECT_EQ(setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fd_.Reset();
}

void TestClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ASSERT_GT(sent, 0);
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void TestClient::EndInput() { EXPECT_EQ(shutdown(fd_.get(), SHUT_WR), 0); }

bool TestClient::Receive() {
  std::array<char, 65536> buffer;
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count > 0) input_.append(buffer.data(), static_cast<size_t>(count));
  return count > 0;
}

Response TestClient::Read(bool has_body) {
  Response response;
  size_t head_end = 0;
  while ((head_end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive()) return response;
  }
  response.head = input_.substr(0, head_end + 4);
  input_.erase(0, head_end + 4);
  const size_t length_at = response.head.find("Content-Length: ");
  const size_t body_bytes =
      !has_body || length_at == std::string::npos
          ? 0
          : std::strtoull(response.head.c_str() + length_at + 16, nullptr, 10);
  while (input_.size() < body_bytes) {
    if (!Receive()) return response;
  }
  response.body = input_.substr(0, body_bytes);
  input_.erase(0, body_bytes);
  response.status = std::atoi(response.head.c_str() + sizeof("HTTP/1.1"));
  return response;
}

std::string TestClient::ReadBytes(size_t count) {
  while (input_.size() < count && Receive()) {
  }
  std::string bytes = input_.substr(0, count);
  input_.erase(0, count);
  return bytes;
}

bool TestClient::AtEnd() {
  char byte = 0;
  return input_.empty() && recv(fd_.get(), &byte, 1, 0) == 0;
}

DrainOnEvent::DrainOnEvent(Reactor* reactor) : reactor_(reactor), fd_(eventfd(0, EFD_CLOEXEC)) {
  RP_CHECK(reactor->loop()->Add(fd_.get(), EPOLLIN, this));
}

void DrainOnEvent::Raise() { RP_CHECK(eventfd_write(fd_.get(), 1) == 0); }

void DrainOnEvent::OnEvents(uint32_t) {
  eventfd_t count = 0;
  RP_CHECK(eventfd_read(fd_.get(), &count) == 0);
  reactor_->Drain();
}

UniqueFd ListenOnFreePort(uint16_t* port) {
  auto listening = net::Listen({"127.0.0.1", 0});
  RP_CHECK(listening.ok());
  const std::string name = net::LocalName(listening->get());
  *port = static_cast<uint16_t>(std::stoi(name.substr(name.rfind(':') + 1)));
  return std::move(*listening);
}

ReactorHarness::ReactorHarness(const HarnessOptions& options, size_t max_clients, size_t reactors)
    : cache_({.value_bytes = kLargestValueBytes}),
      read_through_(
          {}, hasher_, &cache_, nullptr,
          [this](redis::FetchQueue* fetches, Blocking blocking) {
            return Submit(fetches, blocking);
          },
          [](TimePoint) {},
          [this] {
            for (ReactorThread& thread : threads_) thread.reactor->Wake();
          }),
      router_(&read_through_, nullptr),
      workers_(&router_, [] {}),
      clients_(max_clients),
      threads_(reactors) {
  for (ReactorThread& thread : threads_) {
    thread.reactor = std::make_unique<Reactor>(options, &clients_, &router_, &workers_);
    thread.reactor->Serve(ListenOnFreePort(&thread.port), "HTTP",
                          http_front::HttpSessions(options.http));
    thread.reactor->Serve(ListenOnFreePort(&thread.resp_port), "the Redis protocol",
                          resp_front::RespSessions(WithServer(options.resp)));
  }
  stopper_ = std::make_unique<DrainOnEvent>(threads_[0].reactor.get());
  // One worker, so that requests of long chains reach Redis in their order.
  workers_.Start(1);
  for (ReactorThread& thread : threads_) {
    thread.thread = std::thread([reactor = thread.reactor.get()] { reactor->Run(); });
  }
}

resp_front::RespOptions ReactorHarness::WithServer(resp_front::RespOptions options) {
  options.server = &view_;
  return options;
}

ReactorHarness::~ReactorHarness() {
  for (;;) {
    redis::Fetch* fetch = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (fetches_.empty()) break;
      fetch = fetches_.front();
      fetches_.pop_front();
    }
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kMissing;
    read_through_.OnFetched(fetch, result, Now());
    read_through_.OnPause();
  }
  for (ReactorThread& thread : threads_) {
    if (!thread.thread.joinable()) continue;
    thread.reactor->RequestDrain();
    thread.thread.join();
  }
  workers_.Stop();
  for (const ReactorThread& thread : threads_) {
    EXPECT_EQ(thread.reactor->requests_out(), 0u) << "a request was lost";
  }
  EXPECT_EQ(clients_.served(), 0u);
}

HarnessOptions ReactorHarness::DefaultOptions() {
  HarnessOptions options;
  options.timeout = std::chrono::minutes(10);
  return options;
}

bool ReactorHarness::Submit(redis::FetchQueue* fetches, Blocking blocking) {
  if (blocking == Blocking::kNo && refusals_ > 0) {
    --refusals_;
    return false;
  }
  const std::lock_guard lock(mutex_);
  if (blocking == Blocking::kYes) fetches_of_workers_ += fetches->size();
  while (!fetches->empty()) fetches_.push_back(fetches->PopFront());
  condition_.notify_all();
  return true;
}

size_t ReactorHarness::fetches_of_workers() {
  const std::lock_guard lock(mutex_);
  return fetches_of_workers_;
}

bool ReactorHarness::AwaitFetch(const std::string& key) {
  std::unique_lock lock(mutex_);
  return condition_.wait_for(lock, kPatience, [&] {
    return std::any_of(fetches_.begin(), fetches_.end(),
                       [&](const redis::Fetch* fetch) { return fetch->key == key; });
  });
}

size_t ReactorHarness::fetches() {
  const std::lock_guard lock(mutex_);
  return fetches_.size();
}

void ReactorHarness::Answer(const std::string& key, const redis::FetchResult& result) {
  redis::Fetch* fetch = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(fetches_.begin(), fetches_.end(),
                     [&](const redis::Fetch* waiting) { return waiting->key == key; });
    ASSERT_NE(found, fetches_.end()) << "Redis was not asked for " << key;
    fetch = *found;
    fetches_.erase(found);
  }
  read_through_.OnFetched(fetch, result, Now());
  read_through_.OnPause();
}

void ReactorHarness::AnswerValue(const std::string& key, std::string_view value) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kValue;
  result.value = value;
  result.ttl_ms = redis::kTtlNone;
  result.sent_at = Now();
  Answer(key, result);
}

void ReactorHarness::AnswerMissing(const std::string& key) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kMissing;
  Answer(key, result);
}

void ReactorHarness::Drain() { stopper_->Raise(); }

}  // namespace rp::core
