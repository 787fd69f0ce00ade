// Writes response heads. Hides: which fields an answer carries, in which order, and how numbers and
// dates are written. Every hit needs this, so it is one pass of copies into the caller's buffer,
// without allocation, locale or system call.
//
// Owner: nobody for the functions; a session or its reactor for a DateCache.
// Thread safety: WriteHead and ReasonPhrase any thread; a DateCache one thread at a time.
// Cost: O(bytes written), about 250.
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
  kBypass,  // fwd=bypass: the request does not use the cache
  kStale,   // hit; fwd=stale: Redis did not answer
};

struct ResponseHead {
  int status = 200;           // 100 to 999
  bool http10 = false;        // the request was HTTP/1.0: a connection that persists is announced
  bool close = false;         // the connection ends after this answer
  bool retry_after = false;   // "Retry-After: 1"
  bool authenticate = false;  // names the schemes, for 401 (RFC 9110 section 11.6.1)
  bool allow = false;         // names the methods, for 405 and OPTIONS (RFC 9110 section 10.2.1)
  CacheState cache_state = CacheState::kNone;
  int64_t age_seconds = -1;       // age of the value in the cache; below 0: no Age field
  uint64_t content_length = 0;    // of the body for a GET, also in the answer to HEAD
  std::string_view content_type;  // empty: none
  // More parameters of Cache-Status (RFC 9211), without the leading ';'.
  std::string_view cache_detail;
};

inline constexpr size_t kMaxContentTypeBytes = 256;
inline constexpr size_t kMaxCacheDetailBytes = 128;

// WriteHead never writes more.
inline constexpr size_t kMaxHeadBytes = 768;

// Returns the reason phrase of a status that this program sends, or an empty text for another.
std::string_view ReasonPhrase(int status);

// Writes the head of a final response, its empty line included, to `out` and returns its size. A
// 204 gets no Content-Length and no Content-Type (RFC 9110 section 8.6). A status of 400 or above
// gets Cache-Control: no-store. `date` is an IMF-fixdate (DateCache). REQUIRES: `out` has room for
// kMaxHeadBytes; content_type and cache_detail are within their limits and have no control
// characters.
size_t WriteHead(const ResponseHead& head, std::string_view date, char* out);

// DateCache: the Date field's value, formatted once per second.
class DateCache {
 public:
  // Returns `now` as IMF-fixdate (RFC 9110 section 5.6.7), valid until the next call. A time
  // outside the years 1970 to 9999 becomes the nearest second inside.
  std::string_view At(time_t now);

 private:
  void Format(int64_t seconds);

  int64_t formatted_ = -1;
  std::array<char, 29> text_{};
};

}  // namespace rp::http
