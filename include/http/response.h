// Writes response heads. Hides: which fields an answer carries, in which order, and how numbers and
// dates are spelled. This is on the path of every hit: one pass of copies into the caller's buffer,
// no allocation, no locale, no system call.
//
// Thread safety: WriteHead and ReasonPhrase any thread; a DateCache belongs to one thread. Cost:
// O(bytes written), about 250.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace rp::http {

enum class CacheState : unsigned char {
  kNone,
  kHit,
  kMiss,    // fwd=miss
  kBypass,  // fwd=bypass: the cache was not to be asked
  kStale,   // hit; fwd=stale: for want of an answer
};

struct ResponseHead {
  int status = 200;           // 100 to 999
  bool http10 = false;        // the request was HTTP/1.0, which has to be told that it persists
  bool close = false;         // the connection ends behind this answer
  bool retry_after = false;   // "Retry-After: 1"
  bool authenticate = false;  // what schemes there are: for 401 (RFC 9110 section 11.6.1)
  bool allow = false;         // the methods we know: for 405 and OPTIONS (RFC 9110 section 10.2.1)
  CacheState cache_state = CacheState::kNone;
  int64_t age_seconds = -1;       // how long the value has been in the cache; below 0: no Age
  uint64_t content_length = 0;    // of the body that a GET has, also when answering HEAD
  std::string_view content_type;  // empty: none
  // More parameters of Cache-Status (RFC 9211), without the first ';'.
  std::string_view cache_detail;
};

inline constexpr size_t kMaxContentTypeBytes = 256;
inline constexpr size_t kMaxCacheDetailBytes = 128;

// The most that WriteHead writes.
inline constexpr size_t kMaxHeadBytes = 768;

// The reason phrase of a status that this program sends, else an empty one.
std::string_view ReasonPhrase(int status);

// Writes the head of a final response, its empty line included, to `out` and returns its size. A
// 204 has no Content-Length and no Content-Type (RFC 9110 section 8.6); what is 400 or above is
// marked as not to be stored. `date` is an IMF-fixdate (DateCache). REQUIRES: kMaxHeadBytes at
// `out`; content_type and cache_detail within their bounds and free of control characters.
size_t WriteHead(const ResponseHead& head, std::string_view date, char* out);

// The Date field's value, formatted once per second.
class DateCache {
 public:
  // `now` as IMF-fixdate (RFC 9110 section 5.6.7), valid until the next call. What lies outside
  // the years 1970 to 9999 becomes the nearest second inside.
  std::string_view At(time_t now);

 private:
  void Format(int64_t seconds);

  int64_t formatted_ = -1;
  std::array<char, 29> text_{};
};

}  // namespace rp::http
