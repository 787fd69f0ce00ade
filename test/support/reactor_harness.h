// A reactor that serves HTTP and the Redis protocol on loopback ports, over a cache and a Redis
// that answers when the test says so; and clients with plain sockets.
//
// Thread safety: the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "server/reactor.h"

namespace rp::server {

struct Response {
  int status = 0;  // 0: the connection ended or nothing came for long
  std::string head;
  std::string body;
};

class Client {
 public:
  // `receive_bytes` is the size of the socket's buffer; 0 leaves it to the kernel.
  explicit Client(uint16_t port, int receive_bytes = 0);

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

class ReactorHarness {
 public:
  explicit ReactorHarness(ReactorOptions options = DefaultOptions());
  // Ends what Redis has not answered, stops the reactor and expects that no request was lost.
  ~ReactorHarness();

  // No time-outs, so that a slow machine fails nothing.
  static ReactorOptions DefaultOptions();

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] uint16_t resp_port() const { return resp_port_; }
  [[nodiscard]] cache::EntryRef Cached(const std::string& key) {
    return cache_.Get(hasher_(key), key, Now());
  }

  // Waits until Redis is asked for the key.
  [[nodiscard]] bool AwaitFetch(const std::string& key);
  // How many fetches Redis has not answered.
  [[nodiscard]] size_t fetches();
  // Redis answers. REQUIRES: AwaitFetch(key).
  void AnswerValue(const std::string& key, std::string_view value);
  void AnswerMissing(const std::string& key);

  // From here on only hits are answered.
  void StopWorkers() { workers_.Stop(); }

  // As SIGTERM does.
  void Drain();
  // Waits until the reactor has ended.
  void Join();

 private:
  class Stopper;

  bool Submit(redis::Fetch* fetch);
  void Answer(const std::string& key, const redis::FetchResult& result);

  const Hasher hasher_{{1, 2}};
  std::mutex mutex_;
  std::condition_variable condition_;
  std::list<redis::Fetch*> fetches_;

  cache::Cache cache_;
  proxy::ReadThrough read_through_;
  WorkerPool workers_;
  Reactor reactor_;
  std::unique_ptr<Stopper> stopper_;
  uint16_t port_ = 0;
  uint16_t resp_port_ = 0;
  std::thread thread_;
};

}  // namespace rp::server
