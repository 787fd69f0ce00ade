// Replies to COMMAND, and commands as the proxy parses them, for tests of forwarding.
//
// Owner: the test.
// Thread safety: any thread for the functions; one thread at a time for a ParsedCommand.
// Cost: O(n).
#pragma once

#include <string>
#include <vector>

#include "base/check.h"
#include "resp/request_reader.h"
#include "test/support/fetch_client.h"

namespace rp::proxy {

inline std::string ArrayOf(const std::vector<std::string>& elements) {
  std::string bytes = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

inline std::string BulkOf(const std::string& value) {
  return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

// As Redis 7 describes a command.
inline std::string Described(const std::string& name, int arity,
                             const std::vector<std::string>& flags, int first, int last, int step,
                             const std::vector<std::string>& subcommands = {}) {
  std::vector<std::string> flag_elements;
  for (const std::string& flag : flags) flag_elements.push_back("+" + flag + "\r\n");
  const auto integer = [](int number) { return ":" + std::to_string(number) + "\r\n"; };
  const std::string key_specification = ArrayOf({BulkOf("flags"), ArrayOf({"+RW\r\n"})});
  return ArrayOf({BulkOf(name), integer(arity), ArrayOf(flag_elements), integer(first),
                  integer(last), integer(step), ArrayOf({"+@slow\r\n"}), ArrayOf({}),
                  ArrayOf({key_specification}), ArrayOf(subcommands)});
}

class ParsedCommand {
 public:
  explicit ParsedCommand(const std::vector<std::string>& arguments)
      : bytes_(redis::Encode(arguments)), reader_(limits_) {
    RP_CHECK(reader_.Parse(bytes_, &command_) == ParseStatus::kDone);
  }
  ParsedCommand(const ParsedCommand&) = delete;
  ParsedCommand& operator=(const ParsedCommand&) = delete;

  const resp::Command& operator*() const { return command_; }

 private:
  const resp::RequestLimits limits_;
  const std::string bytes_;
  resp::RequestReader reader_;
  resp::Command command_;
};

}  // namespace rp::proxy
