// RequestReader: the incremental, pure parser of clients' commands: RESP arrays of bulk strings,
// and inline commands, with the grammar, the limits and the error texts of redis-server 7.0. Hides:
// how commands are framed, quoted and refused.
//
//   kStart --'*'--> kCount --count n--> kArguments --n arguments--> kDone
//     |                                     |                         ^ |
//     |                      it is large and incomplete               | | PutBack
//     |                                     +------> kStored ---------+ |
//     |                                                ^                |
//     |                                                +----------------+
//     +--other byte--> kInline --line--> kDone
//
// kArguments and kStored alternate between a length line (bulk_bytes_ < 0) and the bytes of that
// argument. The next Parse after kDone begins at kStart. An error ends any state.
//
// The bytes of a command stay in the caller's buffer. Only of a large command that is incomplete
// the reader takes what has arrived into a LargeCommand, each byte once, so that neither the buffer
// grows nor a byte is copied again: kStored.
//
// Memory grows with the bytes that arrive, not with the numbers that a client announces, and the
// memory of a large command is freed when it ends and nobody shares it.
//
// It differs from redis-server on purpose: a NUL in a line is an error (there it hides the line's
// end, so that the client waits forever); a line over its limit is refused even if redis-server
// would have received its end in the same read; and a whole command has a limit that is answered
// (there client-query-buffer-limit, which just closes the connection).
//
// Owner: a RESP session. It owns offsets, for inline commands a copy of the unquoted arguments, and
// a share of the large command.
// Thread safety: one thread at a time.
// Cost: O(n) in the bytes of lines however they are cut into calls, O(1) for a bulk of any size; no
// allocation per command once its memory is large enough.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "resp/grammar.h"
#include "resp/large_command.h"

namespace rp::resp {

// A value at its limit is accepted, one above it is an error.
struct RequestLimits {
  size_t line_bytes = 65536;               // inline command, count or length, with CR, without LF
  size_t bulk_bytes = size_t{512} << 20;   // an argument; redis-server's proto-max-bulk-len
  size_t command_bytes = size_t{1} << 30;  // a command as it is sent; Redis's query buffer

  // No limits: an array is stored once an argument of so many bytes is incomplete, or once so many
  // bytes of it have arrived and it is incomplete.
  size_t stored_argument_bytes = 32 * 1024;
  size_t stored_command_bytes = 64 * 1024;
};

// The limits of an array before authentication.
inline constexpr int64_t kMaxUnauthenticatedArguments = 10;
inline constexpr int64_t kMaxUnauthenticatedBulkBytes = 16384;

// Command: a complete command. It and its views are valid until the reader's next Parse or
// EndCommand, and as long as the buffer stays in place.
class Command {
 public:
  enum class Kind : unsigned char {
    kArguments,    // at least one argument, the name first; the name may be empty
    kNothing,      // an empty line or array: drop the bytes, without an answer
    kSilentClose,  // named POST or Host:, a browser's HTTP request: close without an answer
  };

  Kind kind() const { return kind_; }
  size_t size() const { return size_; }
  std::string_view operator[](size_t i) const {
    RP_DCHECK(i < size_);
    if (large_ != nullptr) [[unlikely]]
      return (*large_)[i];
    return {base_ + slices_[i].offset, slices_[i].bytes};
  }

  // Returns the command in the form in which it can be shared, or null if it is not a large one.
  [[nodiscard]] const LargeCommand* large() const { return large_; }

 private:
  friend class OwnedCommand;
  friend class RequestReader;

  struct Slice {
    uint32_t offset;
    uint32_t bytes;
  };

  const LargeCommand* large_ = nullptr;  // or, if null:
  const char* base_ = nullptr;
  const Slice* slices_ = nullptr;
  size_t size_ = 0;
  Kind kind_ = Kind::kNothing;
};

class RequestReader {
 public:
  // REQUIRES: `limits` outlives the reader, line_bytes >= 7, stored_argument_bytes > 0.
  explicit RequestReader(const RequestLimits& limits);
  explicit RequestReader(const RequestLimits&&) = delete;

  // Parses `buffer`, which is everything received from the first byte of this command on, without
  // what was dropped. It may have moved and grown since the last call, but its earlier bytes are
  // unchanged.
  //
  // Returns kDone with *command set. The caller drops consumed() bytes from the front before the
  // next call, which parses the next command. Returns kNeedMore if the command is incomplete; the
  // caller drops taken() bytes from the front before the next call. Returns kError for an invalid
  // command; the caller answers "-ERR " with error_text() and closes, and every further call
  // returns kError too. The same bytes give the same results however they are cut.
  [[nodiscard]] ParseStatus Parse(std::string_view buffer, Command* command);

  // After kNeedMore: returns how many bytes of `buffer` the reader has taken; 0 unless the command
  // is large.
  [[nodiscard]] size_t taken() const { return state_ == State::kStored ? position_ : 0; }

  // After kNeedMore, once the taken bytes are dropped: returns room for at most `most` bytes, for
  // the caller to write what comes next of a large argument, if that is what comes next; else an
  // empty span. The argument's last byte and its CR LF are left for Parse.
  [[nodiscard]] std::span<char> Room(size_t most);
  // Takes in the first `bytes` bytes of the room.
  void Grow(size_t bytes);

  // After kDone: has the next Parse return the command again. The caller drops as many bytes as
  // this returns, which is less than consumed(), and calls Parse with the rest.
  [[nodiscard]] size_t PutBack();

  // After kDone: ends the use of the command and frees its memory, except for a little. Without
  // this call the next Parse does so, which may be much later.
  void EndCommand() { Begin(); }

  // Returns how many bytes the reader holds for the arguments of commands.
  [[nodiscard]] size_t held_bytes() const {
    return slices_.capacity() * sizeof(Command::Slice) + unquoted_.capacity() +
           (large_ == nullptr ? 0 : large_->held_bytes());
  }

  // After kDone, up to EndCommand: returns the bytes of the command, from the first byte of
  // `buffer`.
  size_t consumed() const { return position_; }

  // After kError: returns whether the error is a lack of memory for the arguments.
  [[nodiscard]] bool out_of_memory() const { return error_ == ReadError::kMemory; }

  // After kError: returns Redis's own text, without "-ERR ".
  std::string error_text() const;

  // With false, applies the limits for clients that have not authenticated; true at first. Takes
  // effect with the next line, so call it between two commands.
  void SetAuthenticated(bool authenticated) { authenticated_ = authenticated; }

 private:
  enum class State : unsigned char { kStart, kInline, kCount, kArguments, kStored, kDone };
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
  void Resume();
  void ClearArguments();
  ParseStatus Read(std::string_view buffer, Command* command);
  ParseStatus Pause(std::string_view allowed, Command* command);
  ParseStatus ReadInline(std::string_view buffer, Command* command);
  ParseStatus ReadCount(std::string_view buffer);
  ParseStatus ReadLength(std::string_view buffer);
  ParseStatus ReadArguments(std::string_view buffer, Command* command);
  [[nodiscard]] bool Store(std::string_view buffer);
  ParseStatus ReadStored(std::string_view buffer, Command* command);
  ParseStatus ReadStoredArgument(std::string_view buffer);
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
  int64_t bulk_bytes_ = -1;  // of the argument whose length was parsed, else -1

  // Offsets into the buffer, which may move between two calls.
  size_t position_ = 0;  // the current line or argument; after kDone the end
  size_t scanned_ = 0;   // the end of the line is not between position_ and here

  std::shared_ptr<LargeCommand> large_;  // of kStored, and of kDone behind it
  size_t dropped_bytes_ = 0;             // of the command, no longer in the buffer

  State state_ = State::kStart;
  ReadError error_ = ReadError::kNone;
  char no_dollar_ = 0;  // the byte in place of the expected '$'
  bool authenticated_ = true;
};

}  // namespace rp::resp
