// Reactors that serve HTTP and the Redis protocol, each on loopback ports of its own, over a cache
// and a Redis that answers when the test says so; and clients with plain sockets.
//
// Thread safety: the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/reactor.h"
#include "http_front/http_session.h"
#include "resp_front/resp_session.h"

namespace rp::core {

struct Response {
  int status = 0;  // 0: the connection ended or nothing came for long
  std::string head;
  std::string body;
};

class TestClient {
 public:
  // `receive_bytes` is the size of the socket's buffer; 0 leaves it to the kernel.
  explicit TestClient(uint16_t port, int receive_bytes = 0);

  void Send(std::string_view bytes);
  void SendGet(const std::string& key) { Send("GET /" + key + " HTTP/1.1\r\nHost: h\r\n\r\n"); }
  // No more will be sent.
  void EndInput();
  // The next response. `has_body` is false behind HEAD.
  [[nodiscard]] Response Read(bool has_body = true);
  // The next `count` bytes, fewer if the connection ended or nothing came for long.
  [[nodiscard]] std::string ReadBytes(size_t count);
  // Whether the server has ended the connection and sent nothing further.
  [[nodiscard]] bool AtEnd();
  [[nodiscard]] bool connected() const { return static_cast<bool>(fd_); }

 private:
  [[nodiscard]] bool Receive();

  UniqueFd fd_;
  std::string input_;
};

// A handler of a reactor's loop that drains the reactor, as the server's does at SIGTERM.
class DrainOnEvent final : public net::EventHandler {
 public:
  explicit DrainOnEvent(Reactor* reactor);
  // Any thread.
  void Raise();
  void OnEvents(uint32_t events) override;

 private:
  Reactor* const reactor_;
  const UniqueFd fd_;
};

// Listens on a free port of loopback, which is told in `*port`.
[[nodiscard]] UniqueFd ListenOnFreePort(uint16_t* port);

struct HarnessOptions : ReactorOptions {
  http_front::HttpOptions http;
  resp_front::RespOptions resp;
};

class ReactorHarness {
 public:
  static constexpr size_t kMaxClients = 10'000;

  explicit ReactorHarness(const HarnessOptions& options = DefaultOptions(),
                          size_t max_clients = kMaxClients, size_t reactors = 1);
  // Ends what Redis has not answered, stops the reactors and expects that no request was lost and
  // every client has given its place back.
  ~ReactorHarness();

  // No time-outs, so that a slow machine fails nothing.
  static HarnessOptions DefaultOptions();

  // Of the reactor of that number.
  [[nodiscard]] uint16_t port(size_t reactor = 0) const { return threads_[reactor].port; }
  [[nodiscard]] uint16_t resp_port(size_t reactor = 0) const { return threads_[reactor].resp_port; }
  [[nodiscard]] cache::EntryRef Cached(const std::string& key) {
    return cache_.Get(hasher_(key), key, Now());
  }

  // Waits until Redis is asked for the key.
  [[nodiscard]] bool AwaitFetch(const std::string& key);
  // How many fetches were submitted by threads that may wait: the workers.
  [[nodiscard]] size_t fetches_of_workers();
  // The reactors' next so many attempts to submit what they have started find the fetchers busy.
  void RefuseToTake(int attempts) { refusals_ = attempts; }

  // How many fetches Redis has not answered.
  [[nodiscard]] size_t fetches();
  // Redis answers. REQUIRES: AwaitFetch(key).
  void AnswerValue(const std::string& key, std::string_view value);
  void AnswerMissing(const std::string& key);

  // From here on only what needs no worker is answered.
  void StopWorkers() { workers_.Stop(); }

  // As SIGTERM does with the first reactor.
  void Drain();
  // As SIGTERM does with the others, from this thread.
  void RequestDrain(size_t reactor) { threads_[reactor].reactor->RequestDrain(); }
  // Waits until the reactor has ended.
  void Join(size_t reactor = 0) { threads_[reactor].thread.join(); }

 private:
  class View final : public resp_front::ServerView {
   public:
    explicit View(ReactorHarness* harness) : harness_(harness) {}
    [[nodiscard]] resp_front::ServerFacts Facts() const override {
      resp_front::ServerFacts facts;
      facts.cache = harness_->cache_.stats();
      facts.clients = harness_->clients_.served();
      facts.max_clients = harness_->clients_.limit();
      return facts;
    }
    [[nodiscard]] std::string RedisVersion() const override { return "7.2.4"; }

   private:
    ReactorHarness* const harness_;
  };

  struct ReactorThread {
    std::unique_ptr<Reactor> reactor;
    uint16_t port = 0;
    uint16_t resp_port = 0;
    std::thread thread;
  };

  bool Submit(redis::FetchQueue* fetches, Blocking blocking);
  resp_front::RespOptions WithServer(resp_front::RespOptions options);
  void Answer(const std::string& key, const redis::FetchResult& result);

  const Hasher hasher_{{1, 2}};
  std::mutex mutex_;
  std::condition_variable condition_;
  std::list<redis::Fetch*> fetches_;
  size_t fetches_of_workers_ = 0;
  std::atomic<int> refusals_ = 0;

  cache::Cache cache_;
  proxy::ReadThrough read_through_;
  proxy::Router router_;
  WorkerPool workers_;
  ClientCount clients_;
  const View view_{this};
  std::vector<ReactorThread> threads_;
  std::unique_ptr<DrainOnEvent> stopper_;
};

}  // namespace rp::core
