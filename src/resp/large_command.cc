#include "resp/large_command.h"

#include <algorithm>
#include <cstring>

#include "base/memory.h"
#include "base/reclaimer.h"
#include "resp/writer.h"

namespace rp::resp {
namespace {

// Chunks double up to this size, so that a command of a gigabyte has some thousand of them.
constexpr size_t kMaxChunkBytes = size_t{1} << 20;

// The first size of a block, which doubles as the bytes arrive.
constexpr size_t kFirstBlockBytes = size_t{64} << 10;

// Returns the bulk string that begins at `begin`, which PutBulkHeader has written.
std::string_view BulkAt(const char* begin, std::string_view* argument) {
  size_t bytes = 0;
  const char* at = begin + 1;  // after '$'
  for (; *at != '\r'; ++at) bytes = bytes * 10 + static_cast<size_t>(*at - '0');
  at += kCrLf.size();
  *argument = {at, bytes};
  return {begin, static_cast<size_t>(at - begin) + bytes + kCrLf.size()};
}

}  // namespace

std::shared_ptr<LargeCommand> LargeCommand::Make(size_t arguments) {
  std::shared_ptr<LargeCommand> command;
  const auto make = [&] {
    command = std::shared_ptr<LargeCommand>(new LargeCommand(arguments), DeleteElsewhere());
  };
  if (!TryAllocate(make) || !command->AddChunk(0)) return nullptr;
  const char* const begin = command->chunk_;
  command->chunk_ = PutHeader('*', static_cast<int64_t>(arguments), command->chunk_);
  command->pieces_.emplace_back(begin, static_cast<size_t>(command->chunk_ - begin));
  command->bytes_ = command->pieces_[0].size();
  return command;
}

// Keeps room in pieces_ for one more piece of this chunk. Returns false if there is no memory.
bool LargeCommand::AddChunk(size_t bytes) {
  GrowingBlock chunk;
  if (!chunk.Reserve(std::max(bytes, next_chunk_bytes_))) return false;
  const auto add = [&] {
    pieces_.reserve(std::max(pieces_.capacity(), std::max<size_t>(2 * pieces_.size(), 4)));
    blocks_.push_back(std::move(chunk));
  };
  if (!TryAllocate(add)) return false;
  chunk_ = blocks_.back().data();
  chunk_end_ = chunk_ + blocks_.back().capacity();
  Count(blocks_.back().capacity());
  next_chunk_bytes_ = std::min(2 * next_chunk_bytes_, kMaxChunkBytes);
  return true;
}

void LargeCommand::Count(size_t block_bytes) {
  held_bytes_ += block_bytes;
  if (block_bytes < kMappedBlockBytes) heap_bytes_ += block_bytes;
}

// Makes room for `bytes` in the chunk, one more piece and one more argument.
bool LargeCommand::MakeRoom(size_t bytes) {
  if (static_cast<size_t>(chunk_end_ - chunk_) < bytes && !AddChunk(bytes)) return false;
  return TryAllocate([&] {
    if (pieces_.size() == pieces_.capacity()) pieces_.reserve(2 * pieces_.size());
    if (size_ % kIndexEntries == 0 && index_.size() == size_ / kIndexEntries) {
      const size_t entries = std::min(kIndexEntries, announced_ - size_);
      index_.push_back(std::make_unique_for_overwrite<const char*[]>(entries));
      Count(entries * sizeof(const char*));
    }
  });
}

bool LargeCommand::Append(std::string_view argument) {
  RP_DCHECK(!is_unfinished_ && size_ < announced_);
  const size_t most = kMaxHeaderBytes + argument.size() + kCrLf.size();
  const bool has_room = static_cast<size_t>(chunk_end_ - chunk_) >= most &&
                        size_ % kIndexEntries != 0 && pieces_.size() < pieces_.capacity();
  if (!has_room && !MakeRoom(most)) return false;
  char* const begin = chunk_;
  char* out = PutBulkHeader(argument.size(), begin);
  if (!argument.empty()) std::memcpy(out, argument.data(), argument.size());
  out += argument.size();
  chunk_ = std::copy(kCrLf.begin(), kCrLf.end(), out);
  const auto added = static_cast<size_t>(chunk_ - begin);
  index_[size_ / kIndexEntries][size_ % kIndexEntries] = begin;
  ++size_;
  bytes_ += added;
  std::string_view& last = pieces_.back();
  if (last.data() + last.size() == begin) {
    last = {last.data(), last.size() + added};
  } else {
    pieces_.emplace_back(begin, added);
  }
  return true;
}

bool LargeCommand::StartArgument(size_t bytes) {
  RP_DCHECK(!is_unfinished_ && size_ < announced_);
  if (!MakeRoom(0) || !TryAllocate([&] { blocks_.emplace_back(); })) return false;
  GrowingBlock& block = blocks_.back();
  const size_t whole = kMaxHeaderBytes + bytes + kCrLf.size();
  if (!block.Reserve(std::min(whole, kFirstBlockBytes))) return false;
  filled_ = static_cast<size_t>(PutBulkHeader(bytes, block.data()) - block.data());
  missing_ = bytes;
  is_unfinished_ = true;
  return true;
}

std::span<char> LargeCommand::Room(size_t most) {
  RP_DCHECK(is_unfinished_ && missing_ > 0 && most > 0);
  GrowingBlock& block = blocks_.back();
  const size_t whole = filled_ + missing_ + kCrLf.size();
  // Room for the CR LF is there once the last byte is.
  if (block.capacity() - filled_ <= kCrLf.size() &&
      !block.Reserve(filled_ + 1 + kCrLf.size(), whole))
    return {};
  const size_t room = block.capacity() - filled_ - kCrLf.size();
  return {block.data() + filled_, std::min({most, missing_, room})};
}

void LargeCommand::EndArgument() {
  RP_DCHECK(is_unfinished_ && missing_ == 0);
  GrowingBlock& block = blocks_.back();
  char* const begin = block.data();
  std::copy(kCrLf.begin(), kCrLf.end(), begin + filled_);
  filled_ += kCrLf.size();
  index_[size_ / kIndexEntries][size_ % kIndexEntries] = begin;
  ++size_;
  bytes_ += filled_;
  Count(block.capacity());
  pieces_.emplace_back(begin, filled_);
  is_unfinished_ = false;
}

std::string_view LargeCommand::operator[](size_t i) const {
  RP_DCHECK(i < size_);
  std::string_view argument;
  static_cast<void>(BulkAt(index_[i / kIndexEntries][i % kIndexEntries], &argument));
  return argument;
}

SharedBytes LargeCommand::Bulk(size_t i) const {
  RP_DCHECK(i < size_);
  std::string_view argument;
  return {.owner = shared_from_this(),
          .bytes = BulkAt(index_[i / kIndexEntries][i % kIndexEntries], &argument)};
}

}  // namespace rp::resp
