// A real redis-server for one test, and a plain client that sets it up and looks inside. It hides
// how a server is started, how one knows that it is ready, and hiredis.
//
// Thread safety: none; an object belongs to the main thread. Cost: a start takes about 30 ms.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "integration/harness/support.h"

namespace rp::integration {

// One connection to a Redis; connects when it is first used and anew after a failure.
class RedisClient {
 public:
  // `address` is host:port or the path of a socket. `password` is that of the default user; empty
  // means none is asked for.
  explicit RedisClient(std::string address, std::string password = "");

  // The reply as text: strings as they are, integers in decimal, nil as "(nil)", arrays as the
  // texts of their elements, a line each, errors as "-ERR ...", and a failure to talk to the server
  // as "-IO ...".
  std::string Command(const std::vector<std::string>& arguments);
  // Pipelines all the commands and returns whether every reply came and none was an error.
  [[nodiscard]] bool Pipeline(const std::vector<std::vector<std::string>>& commands);

  // Command("SET"), which must succeed: a failure fails the test.
  void Set(const std::string& key, const std::string& value);
  // The number of GETs that reached this server since it started.
  int64_t GetCount();
  // The number of clients connected right now, this one among them.
  int64_t ConnectedClients();
  // The lines of CLIENT LIST of the connections with this name.
  std::vector<std::string> ClientsNamed(const std::string& name);
  // Closes the connections with this name.
  void KillClientsNamed(const std::string& name);
  // Closes the connection on which the proxy follows the writes, if there is one.
  void KillSubscriber() { KillClientsNamed("redis-proxy-tracking"); }
  void Disconnect() { context_.reset(); }

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  bool Connect();
  std::string InfoField(const std::string& section, const std::string& field);

  const std::string address_;
  const std::string password_;
  std::unique_ptr<redisContext, Free> context_;
};

struct RedisOptions {
  bool unix_socket = false;              // listen on a socket in a temporary folder, not on a port
  std::string host = "127.0.0.1";        // the numeric address to listen on
  int port = 0;                          // 0: a free one
  std::string password{};                // requirepass; empty means none
  std::vector<std::string> arguments{};  // more of them for redis-server
};

class RedisServer {
 public:
  // Starts a server that keeps nothing on disk and waits until it answers PING. A server that does
  // not come up fails the test.
  explicit RedisServer(RedisOptions options = {});
  // Kills the server, stopped or not.
  ~RedisServer() = default;

  // What goes behind -redis: HOST:PORT or the path of the socket.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] int port() const { return port_; }
  RedisClient& client() { return *client_; }

  void Set(const std::string& key, const std::string& value) { client().Set(key, value); }
  std::string Command(const std::vector<std::string>& arguments) {
    return client().Command(arguments);
  }
  int64_t GetCount() { return client().GetCount(); }

  // kill -9; the address then refuses connections until Restart().
  void Kill();
  // Starts an empty server again on the same address with the same arguments, and waits for it.
  void Restart();
  // SIGSTOP and SIGCONT: the server keeps its connections and says nothing.
  void Freeze() { process_->Freeze(); }
  void Thaw() { process_->Thaw(); }

 private:
  // Whether the server on address_ came up; it does not if the port was taken meanwhile.
  bool Start();

  const RedisOptions options_;
  TempDir directory_;
  int port_ = 0;
  std::string address_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<RedisClient> client_;
};

}  // namespace rp::integration
