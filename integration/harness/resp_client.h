// A plain socket that speaks the Redis protocol byte for byte, and programs that do. It hides when
// a reply is whole: behind every exchange an ECHO is sent, whose reply ends it.
//
// Thread safety: none. Cost: a blocking socket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "integration/harness/proxy_process.h"

namespace rp::integration {

// Where the proxy speaks the Redis protocol; 0 if it does not.
int RespPort(const Proxy& proxy);

// The command as an array of bulk strings.
std::string RespCommand(const std::vector<std::string>& arguments);

class RespClient {
 public:
  explicit RespClient(int port) : fd_(ConnectToLoopback(port)) {}
  [[nodiscard]] bool connected() const { return static_cast<bool>(fd_); }

  void Send(std::string_view bytes);
  // No more will be sent.
  void EndInput();
  // All that comes until the server closes ("<closed>" stands for that) or has answered an ECHO
  // behind `requests`, whose reply is left out.
  std::string Exchange(std::string_view requests);
  // All that comes until the server closes, or until `bytes` came.
  std::string Read(size_t bytes);
  // All that comes until `end` has come, it included.
  std::string ReadThrough(std::string_view end);

 private:
  [[nodiscard]] bool Receive();

  UniqueFd fd_;
  std::string input_;
};

// What the program prints on both outputs, run by the shell.
std::string RunShell(const std::string& command);

}  // namespace rp::integration
