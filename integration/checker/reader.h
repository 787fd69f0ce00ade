// The readers of the stale-read checker: clients of the proxy that ask for keys and say what came
// when. It hides the two protocols.
//
// Owner: a thread of the checker.
// Thread safety: none.
// Cost: a request and its answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace rp::integration {

// The keys of a check, by number, and their values: a value names its key and the number of the
// write that made it.
std::string KeyName(int key);
std::string ValueOf(int key, uint64_t stamp);
// The stamp in a value of `key`; 0, which no value has, where it is not one.
uint64_t StampOf(int key, std::string_view value);

struct Answer {
  enum class Outcome { kValue, kAbsent, kFailed };

  int key = 0;
  Outcome outcome = Outcome::kFailed;
  uint64_t stamp = 0;  // of the value; 0 if it is none of the key's
  TimePoint asked{};
  TimePoint answered{};
  const char* protocol = "";
  std::string cache{};  // what Cache-Status says of it, without the proxy's name; HTTP alone has it

  [[nodiscard]] bool IsHit() const { return cache == "hit"; }
};

class Reader {
 public:
  virtual ~Reader() = default;
  // Asks for the keys, and appends one answer for each. Returns false if the connection is of no
  // more use.
  [[nodiscard]] virtual bool Read(const std::vector<int>& keys, std::vector<Answer>* answers) = 0;
};

// Both are null if they cannot connect.
// One request for each key; none waits longer than `limit`.
std::unique_ptr<Reader> NewHttpReader(int port, Duration limit);
// GET for one key and MGET for several.
std::unique_ptr<Reader> NewRespReader(int port);

// The strings in a reply of the Redis protocol, which is one or an array of them; the inner nothing
// is a null. Nothing at all if it is an error, or no such reply.
std::optional<std::vector<std::optional<std::string>>> ParseStrings(std::string_view reply);

}  // namespace rp::integration
