// Writes replies in RESP2 or RESP3. Hides: which of the two spells what how, exactly as
// redis-server 7.0 does.
//
// A Writer borrows the string it appends to; it is small, and made for one reply or many. The
// functions for raw buffers are the path of every hit: the header goes in front of a value that is
// sent from where it lies.
//
// Thread safety: pure functions, any thread; a Writer belongs to one thread. Cost: O(bytes
// written), no allocation but the string's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rp::resp {

// The most that PutHeader writes: type, sign, 19 digits, CR LF, and one to spare.
inline constexpr size_t kMaxHeaderBytes = 24;

// Writes `type`, `number` and CR LF to `out` and returns the end. REQUIRES: kMaxHeaderBytes at out.
char* PutHeader(char type, int64_t number, char* out);

// The header of a bulk string; the value and kCrLf follow it.
inline char* PutBulkHeader(size_t bytes, char* out) {
  return PutHeader('$', static_cast<int64_t>(bytes), out);
}

inline constexpr std::string_view kCrLf = "\r\n";

// The reply for a missing value.
constexpr std::string_view NullReply(int version) { return version >= 3 ? "_\r\n" : "$-1\r\n"; }

class Writer {
 public:
  // `version` is 2 or 3. `out` must outlive the writer.
  Writer(int version, std::string* out) : out_(out), version_(version) {}

  // Single lines: CR and LF in them become spaces. An error's first word is its code ("ERR ...").
  void SimpleString(std::string_view text);
  void Error(std::string_view text);
  // The code, a space, and the text.
  void Error(std::string_view code, std::string_view text);

  void Integer(int64_t number);
  void Bulk(std::string_view bytes);
  void Null() { out_->append(NullReply(version_)); }

  // Headers: so many elements, or pairs, are to be written behind them. In RESP2 a map is an array
  // of keys and values in turn, and a set or a push is an array.
  void ArrayHeader(size_t elements) { Header('*', elements); }
  void MapHeader(size_t pairs);
  void SetHeader(size_t elements) { Header(version_ >= 3 ? '~' : '*', elements); }

  // In RESP2: a bulk string. `format` is three bytes, "txt" or "mkd".
  void Verbatim(std::string_view format, std::string_view text);

 private:
  void Header(char type, size_t number);
  void Line(std::string_view text);

  std::string* out_;
  int version_;
};

}  // namespace rp::resp
