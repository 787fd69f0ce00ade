#include "base/credentials.h"

#include <algorithm>

namespace rp {
namespace {

// Compares all of `given`, even after a difference. REQUIRES: `secret` is not empty.
bool EqualsInConstantTime(std::string_view given, std::string_view secret) {
  size_t difference = given.size() ^ secret.size();
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i] ^ secret[i % secret.size()]);
  }
  return difference == 0;
}

}  // namespace

Result<Credentials> Credentials::Parse(std::string_view text) {
  Credentials credentials;
  while (text.ends_with('\n')) text.remove_suffix(1);  // as from a file
  if (text.empty()) return credentials;
  if (text.find(':') == std::string_view::npos) {
    credentials.users_.push_back({std::string(kDefaultUser), std::string(text)});
    return credentials;
  }
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(",\n"), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const size_t colon = pair.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == pair.size()) {
      return Error{ErrorCode::kInternal,
                   "expected a password, or user:password pairs separated by commas"};
    }
    credentials.users_.push_back(
        {std::string(pair.substr(0, colon)), std::string(pair.substr(colon + 1))});
  }
  return credentials;
}

bool Credentials::Match(std::string_view user, std::string_view password) const {
  bool matches = false;
  for (const User& known : users_) {
    const bool name_matches = EqualsInConstantTime(user, known.name);
    const bool password_matches = EqualsInConstantTime(password, known.password);
    matches |= name_matches & password_matches;
  }
  return matches;
}

bool Credentials::MatchToken(std::string_view password) const {
  bool matches = false;
  for (const User& known : users_) matches |= EqualsInConstantTime(password, known.password);
  return matches;
}

}  // namespace rp
