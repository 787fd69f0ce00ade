#include "config/secrets.h"

#include <array>
#include <utility>

namespace rp::config {
namespace {

template <auto kMember>
Result<void> StoreText(std::string_view text, Options* options) {
  options->*kMember = text;
  return {};
}

Result<void> ParseProxyAuth(std::string_view text, Options* options) {
  Result<Credentials> credentials = Credentials::Parse(text);
  if (!credentials) return credentials.error();
  options->proxy_auth = std::move(*credentials);
  return {};
}

constexpr std::array<Variable, 3> kVariables = {{
    {"REDIS_USERNAME", "User name to log in to Redis with.",
     "If it is not set, Redis's default user is logged in.", StoreText<&Options::redis_username>},
    {"REDIS_PASSWORD", "Password to log in to Redis with.",
     "If neither it nor REDIS_USERNAME is set, the program does not log in.",
     StoreText<&Options::redis_password>},
    {"REDIS_PROXY_AUTH", "A password, or user:password pairs separated by commas, for clients.",
     "Newlines may separate the pairs as well. A password alone belongs to the user default. "
     "Clients of -resp must then log in with AUTH or HELLO, and those of HTTP, if -http-auth is "
     "given, by Basic or Bearer authentication. If it is not set, clients need no password.",
     ParseProxyAuth},
}};

}  // namespace

std::span<const Variable> Variables() { return kVariables; }

Result<void> LoadSecrets(Options* options, const std::function<const char*(const char*)>& get_env) {
  for (const Variable& variable : kVariables) {
    const char* const value = get_env(variable.name);
    const Result<void> parsed = variable.parse(value == nullptr ? "" : value, options);
    if (!parsed) {
      return Error{parsed.error().code, std::string(variable.name) + ": " + parsed.error().message};
    }
  }
  if (options->http_auth && !options->proxy_auth.required()) {
    return Error{ErrorCode::kInternal, "-http-auth: requires REDIS_PROXY_AUTH in the environment"};
  }
  return {};
}

}  // namespace rp::config
