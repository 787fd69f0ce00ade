// Writer: writes replies in RESP2 or RESP3. Hides: how each of the two versions writes each type,
// exactly as redis-server 7.0 does.
//
// The functions for raw buffers are used by every hit: the header goes in front of a value that is
// sent from its entry.
//
// Owner: the caller. It borrows the string it appends to, and is cheap enough for one reply.
// Thread safety: any thread for the functions; one thread at a time for a Writer.
// Cost: O(bytes written), no allocation except the string's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rp::resp {

// PutHeader never writes more: type, sign, 19 digits, CR LF, and one spare byte.
inline constexpr size_t kMaxHeaderBytes = 24;

// Writes `type`, `number` and CR LF to `out` and returns the end. REQUIRES: `out` has room for
// kMaxHeaderBytes.
char* PutHeader(char type, int64_t number, char* out);

// Writes the header of a bulk string, which the value and kCrLf follow. Otherwise as PutHeader.
inline char* PutBulkHeader(size_t bytes, char* out) {
  return PutHeader('$', static_cast<int64_t>(bytes), out);
}

inline constexpr std::string_view kCrLf = "\r\n";

// Returns the reply for a missing value.
constexpr std::string_view NullReply(int version) { return version >= 3 ? "_\r\n" : "$-1\r\n"; }

class Writer {
 public:
  // REQUIRES: `version` is 2 or 3; `out` outlives the writer.
  Writer(int version, std::string* out) : out_(out), version_(version) {}

  // Write one line, with each CR and LF replaced by a space. The first word of an error is its code
  // ("ERR ...").
  void SimpleString(std::string_view text);
  void Error(std::string_view text);
  // Writes an error of the code, a space, and the text.
  void Error(std::string_view code, std::string_view text);

  void Integer(int64_t number);
  void Bulk(std::string_view bytes);
  void Null() { out_->append(NullReply(version_)); }

  // Write a header; the caller writes that many elements, or pairs, after it. In RESP2 a map is an
  // array of keys and values in turn, and a set is an array.
  void ArrayHeader(size_t elements) { Header('*', elements); }
  void MapHeader(size_t pairs);
  void SetHeader(size_t elements) { Header(version_ >= 3 ? '~' : '*', elements); }

  // Writes a verbatim string, which is a bulk string in RESP2. REQUIRES: `format` is three bytes,
  // "txt" or "mkd".
  void Verbatim(std::string_view format, std::string_view text);

 private:
  void Header(char type, size_t number);
  void Line(std::string_view text);

  std::string* out_;
  int version_;
};

}  // namespace rp::resp
