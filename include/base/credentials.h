// Credentials: the users of the proxy and their passwords. Hides their notation, and that the time
// of a comparison reveals nothing about a password.
//
// Owner: the options; the sessions have copies. Thread safety: immutable. Cost: Match compares with
// every user.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rp {

class Credentials {
 public:
  // The user of a password that comes without a name, as in Redis.
  static constexpr std::string_view kDefaultUser = "default";

  // No password is required.
  Credentials() = default;

  // Parses `text`. Empty means that no password is required; without a colon it is the password of
  // kDefaultUser; otherwise it is user:password pairs, separated by commas or newlines. A password
  // may contain colons. The error does not repeat the text.
  [[nodiscard]] static Result<Credentials> Parse(std::string_view text);

  [[nodiscard]] bool required() const { return !users_.empty(); }

  // Returns whether the user exists and has this password. The time depends on the arguments'
  // lengths and the number of users, never on how much of a password was right.
  [[nodiscard]] bool Match(std::string_view user, std::string_view password) const;
  // Returns whether any user has this password. The same holds for the time.
  [[nodiscard]] bool MatchToken(std::string_view password) const;

 private:
  struct User {
    std::string name;
    std::string password;
  };

  std::vector<User> users_;
};

}  // namespace rp
