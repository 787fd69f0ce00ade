#include "http/response.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace rp::http {
namespace {

// Literals of known size, so that each copy becomes a few moves.
template <size_t N>
char* Put(char* out, const char (&literal)[N]) {
  std::memcpy(out, literal, N - 1);
  return out + (N - 1);
}

char* PutText(char* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// Room for 20 digits is part of kMaxHeadBytes.
char* PutNumber(char* out, uint64_t number) { return std::to_chars(out, out + 20, number).ptr; }

char* PutStatusLine(char* out, int status) {
  if (status == 200) return Put(out, "HTTP/1.1 200 OK\r\n");
  out = Put(out, "HTTP/1.1 ");
  out = PutNumber(out, static_cast<unsigned>(status));
  *out++ = ' ';  // also before an empty reason (RFC 9112 section 4)
  out = PutText(out, ReasonPhrase(status));
  return Put(out, "\r\n");
}

char* PutCacheStatus(char* out, CacheState state, std::string_view detail) {
  if (state == CacheState::kNone && detail.empty()) return out;
  out = Put(out, "Cache-Status: redis-proxy");
  if (state == CacheState::kHit) out = Put(out, "; hit");
  if (state == CacheState::kMiss) out = Put(out, "; fwd=miss");
  if (state == CacheState::kBypass) out = Put(out, "; fwd=bypass");
  if (state == CacheState::kStale) out = Put(out, "; hit; fwd=stale");
  if (!detail.empty()) out = PutText(Put(out, "; "), detail);
  return Put(out, "\r\n");
}

// Two decimal digits. REQUIRES: number < 100.
char* PutTwoDigits(char* out, unsigned number) {
  *out++ = static_cast<char>('0' + number / 10);
  *out++ = static_cast<char>('0' + number % 10);
  return out;
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return {};
  }
}

size_t WriteHead(const ResponseHead& head, std::string_view date, char* out) {
  RP_CHECK(head.status >= 100 && head.status <= 999 && date.size() <= 29 &&
           head.content_type.size() <= kMaxContentTypeBytes &&
           head.cache_detail.size() <= kMaxCacheDetailBytes);
  char* end = PutStatusLine(out, head.status);
  end = PutText(Put(end, "Date: "), date);
  end = Put(end, "\r\n");
  if (head.status != 204 && head.status != 304) {
    if (!head.content_type.empty()) {
      end = PutText(Put(end, "Content-Type: "), head.content_type);
      end = Put(end, "\r\nX-Content-Type-Options: nosniff\r\n");
    }
    end = PutNumber(Put(end, "Content-Length: "), head.content_length);
    end = Put(end, "\r\n");
  }
  if (head.age_seconds >= 0) {
    end = PutNumber(Put(end, "Age: "), static_cast<uint64_t>(head.age_seconds));
    end = Put(end, "\r\n");
  }
  end = PutCacheStatus(end, head.cache_state, head.cache_detail);
  if (head.status >= 400) end = Put(end, "Cache-Control: no-store\r\n");
  if (head.allow) end = Put(end, "Allow: GET, HEAD, OPTIONS\r\n");
  if (head.authenticate) {
    end = Put(end,
              "WWW-Authenticate: Basic realm=\"redis-proxy\", charset=\"UTF-8\"\r\n"
              "WWW-Authenticate: Bearer realm=\"redis-proxy\"\r\n");
  }
  if (head.retry_after) end = Put(end, "Retry-After: 1\r\n");
  if (head.close) {
    end = Put(end, "Connection: close\r\n");
  } else if (head.http10) {
    end = Put(end, "Connection: keep-alive\r\n");
  }
  return static_cast<size_t>(Put(end, "\r\n") - out);
}

std::string_view DateCache::At(time_t now) {
  constexpr int64_t kLastSecond = 253402300799;  // 9999-12-31 23:59:59
  const int64_t seconds = std::clamp<int64_t>(now, 0, kLastSecond);
  if (seconds != formatted_) Format(seconds);
  return {text_.data(), text_.size()};
}

// Every 400 years have 146097 days. Years are counted from March, so that the leap day is the last
// of its year, and the lengths of the months before a given one follow one linear formula.
void DateCache::Format(int64_t seconds) {
  constexpr char kDays[] = "ThuFriSatSunMonTueWed";  // 1970-01-01 was a Thursday
  constexpr char kMonths[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
  constexpr unsigned kDaysBeforeEpoch = 719468;  // since 0000-03-01
  formatted_ = seconds;
  const auto day = static_cast<unsigned>(seconds / 86400);
  const auto second = static_cast<unsigned>(seconds % 86400);

  const unsigned era = (day + kDaysBeforeEpoch) / 146097;
  const unsigned day_of_era = (day + kDaysBeforeEpoch) % 146097;
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month = (5 * day_of_year + 2) / 153;  // 0 is March
  const unsigned year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);

  char* out = PutText(text_.data(), {kDays + day % 7 * 3, 3});
  out = PutTwoDigits(Put(out, ", "), day_of_year - (153 * month + 2) / 5 + 1);
  *out++ = ' ';
  out = PutText(out, {kMonths + month * 3, 3});
  *out++ = ' ';
  out = PutTwoDigits(PutTwoDigits(out, year / 100), year % 100);
  *out++ = ' ';
  out = PutTwoDigits(out, second / 3600);
  *out++ = ':';
  out = PutTwoDigits(out, second / 60 % 60);
  *out++ = ':';
  out = PutTwoDigits(out, second % 60);
  Put(out, " GMT");
}

}  // namespace rp::http
