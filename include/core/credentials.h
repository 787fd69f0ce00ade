// Who may use the proxy: names and passwords, and how they are compared. Hides their
// notation and that a comparison says nothing by the time it takes.
//
// Owned by the options. Thread safety: immutable. Cost: Match looks at every user.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rp::core {

class Credentials {
 public:
  // The user of a password that comes without a name, as in Redis.
  static constexpr std::string_view kDefaultUser = "default";

  // Nobody is asked.
  Credentials() = default;

  // Reads `text`: empty asks nobody; without a colon it is a password of kDefaultUser; else it is
  // user:password pairs, apart from each other by commas or newlines. A password may have colons.
  // The error does not repeat the text.
  [[nodiscard]] static Result<Credentials> Parse(std::string_view text);

  [[nodiscard]] bool required() const { return !users_.empty(); }

  // How long it takes depends on the arguments' lengths and the number of users, never on how much
  // of a password was right.
  [[nodiscard]] bool Match(std::string_view user, std::string_view password) const;
  // Whether it is the password of any user, compared likewise.
  [[nodiscard]] bool MatchToken(std::string_view password) const;

 private:
  struct User {
    std::string name;
    std::string password;
  };

  std::vector<User> users_;
};

}  // namespace rp::core
