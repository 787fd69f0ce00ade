// The incremental, pure reader of what clients send: RESP arrays of bulk strings, and inline
// commands, with the grammar, the limits and the error texts of redis-server 7.0. Hides: how
// commands are framed, quoted and refused.
//
// It owns offsets, and for inline commands a copy of the unquoted arguments; the bytes themselves
// stay in the caller's buffer. Each connection has one reader. Memory is taken as bytes arrive,
// never as a client announces, and what a large command took is given back when it ends.
//
// Where it differs from redis-server, on purpose: a NUL in a line is an error (there it hides the
// line's end, so that the client waits for ever), a line over its limit is refused even where
// redis-server would have got its end in the same read, and the whole of a command has a limit that
// is answered (there client-query-buffer-limit, which just closes).
//
// Thread safety: none; one thread at a time. Cost: O(n) in the bytes of lines however they are cut
// into calls, O(1) for a bulk of any size; no allocation per command once the reader is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "resp/grammar.h"

namespace rp::resp {

// What goes over a limit is an error, exactly at the limit is not.
struct RequestLimits {
  size_t line_bytes = 65536;  // of an inline command, a count or a length, CR included, without LF
  size_t bulk_bytes = size_t{512} << 20;   // one argument; redis-server's proto-max-bulk-len
  size_t command_bytes = size_t{1} << 30;  // a whole one as it is sent; Redis's query buffer
};

// The limits before authentication, in an array.
inline constexpr int64_t kMaxUnauthenticatedArguments = 10;
inline constexpr int64_t kMaxUnauthenticatedBulkBytes = 16384;

// A complete command. It and its views are good until the reader's next call of Parse or
// EndCommand and as long as the buffer stays where it is.
class Command {
 public:
  enum class Kind : unsigned char {
    kArguments,    // at least one argument, the name first; the name may be empty
    kNothing,      // an empty line or an empty array: drop the bytes and answer nothing
    kSilentClose,  // named POST or Host:, so it is a browser's HTTP request: close without a word
  };

  Kind kind() const { return kind_; }
  size_t size() const { return slices_.size(); }
  std::string_view operator[](size_t i) const {
    RP_DCHECK(i < slices_.size());
    return {base_ + slices_[i].offset, slices_[i].bytes};
  }

 private:
  friend class OwnedCommand;
  friend class RequestReader;

  struct Slice {
    uint32_t offset;
    uint32_t bytes;
  };

  const char* base_ = nullptr;
  std::span<const Slice> slices_;
  Kind kind_ = Kind::kNothing;
};

class RequestReader {
 public:
  // `limits` must outlive the reader, with line_bytes of 7 at least.
  explicit RequestReader(const RequestLimits& limits);
  explicit RequestReader(const RequestLimits&&) = delete;

  // `buffer` is everything received from the first byte of this command on: it may have moved since
  // the last call, and grown, but its earlier bytes are unchanged.
  //
  // kDone: *command is filled in; before the next call, which reads the next command, drop
  // consumed() bytes from the front. kNeedMore: call again with more. kError: answer "-ERR " and
  // error_text(), and close; every further call says kError too. The same bytes give the same
  // answers however they are cut.
  [[nodiscard]] ParseStatus Parse(std::string_view buffer, Command* command);

  // After kDone: the command has been dealt with, and its memory is given back but for a little.
  // Without this the next command's first Parse does so, and there may be none for long.
  void EndCommand() { Begin(); }

  // What the reader holds for the arguments of commands, in bytes.
  [[nodiscard]] size_t held_bytes() const {
    return slices_.capacity() * sizeof(Command::Slice) + unquoted_.capacity();
  }

  // After kDone, up to EndCommand: bytes of the command, from the first byte of `buffer`.
  size_t consumed() const { return position_; }

  // After kNeedMore: how many bytes the argument being read still lacks at least, as far as
  // command_bytes lets them come; 0 if that is not known. A hint for room in the buffer, which a
  // client can make large without sending anything.
  size_t wanted() const { return wanted_; }

  // After kError: there is no memory for so many arguments.
  [[nodiscard]] bool out_of_memory() const { return error_ == ReadError::kMemory; }

  // After kError: Redis's own text, without "-ERR ".
  std::string error_text() const;

  // Whether the limits for clients that still owe a password are off; they are at first. Takes
  // effect with the next line that is read, so set it between two commands.
  void SetAuthenticated(bool authenticated) { authenticated_ = authenticated; }

 private:
  enum class State : unsigned char { kStart, kInline, kCount, kArguments, kDone };
  enum class ReadError : unsigned char {
    kNone,
    kTooBigInline,
    kNulInInline,
    kUnbalancedQuotes,
    kTooBigCount,
    kInvalidCount,
    kUnauthenticatedCount,
    kTooBigLength,
    kNoDollar,
    kInvalidLength,
    kUnauthenticatedLength,
    kTooBigCommand,
    kMemory,
  };

  void Begin();
  void ClearArguments();
  ParseStatus Read(std::string_view buffer, Command* command);
  ParseStatus ReadInline(std::string_view buffer, Command* command);
  ParseStatus ReadCount(std::string_view buffer);
  ParseStatus ReadLength(std::string_view buffer);
  ParseStatus ReadArguments(std::string_view buffer, Command* command);
  bool SplitInline(std::string_view line);
  ParseStatus FindInLine(std::string_view buffer, char wanted, ReadError too_long, size_t* found);
  ParseStatus FindNumber(std::string_view buffer, ReadError too_long, std::string_view* number);
  [[nodiscard]] bool MakeRoom();
  ParseStatus Finish(const char* base, Command* command);
  ParseStatus Fail(ReadError error);

  const RequestLimits* limits_;
  std::vector<Command::Slice> slices_;  // of the buffer, or of unquoted_
  std::string unquoted_;                // the arguments of an inline command
  int64_t arguments_left_ = 0;
  int64_t bulk_bytes_ = -1;  // of the argument whose length was read, else -1

  // Offsets into the buffer, which may move between two calls.
  size_t position_ = 0;  // the line or the argument being read; after kDone the end
  size_t scanned_ = 0;   // what is looked for is not between position_ and here
  size_t wanted_ = 0;

  State state_ = State::kStart;
  ReadError error_ = ReadError::kNone;
  char no_dollar_ = 0;  // what stood where '$' was expected
  bool authenticated_ = true;
};

}  // namespace rp::resp
