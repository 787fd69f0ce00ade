#include "core/output.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/memory.h"

namespace rp::core {
namespace {

// A longer list of pieces is freed once it is empty.
constexpr size_t kKeptPieces = 16;

// Sends at most `budget_bytes`, because a client that reads as fast as the kernel copies would
// otherwise delay all others. Returns how much was sent, 0 if the socket takes nothing now, or -1
// with errno.
ssize_t SendGathered(int fd, iovec* pieces, size_t count, size_t budget_bytes) {
  size_t bytes = 0;
  size_t used = 0;
  while (used < count && bytes < budget_bytes) bytes += pieces[used++].iov_len;
  if (used == 0) return 0;
  const size_t excess = bytes > budget_bytes ? bytes - budget_bytes : 0;
  ssize_t sent = 0;
  if (used == 1) {  // send takes the kernel less time than sendmsg
    sent = send(fd, pieces->iov_base, pieces->iov_len - excess, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = used;
    pieces[used - 1].iov_len -= excess;
    sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    pieces[used - 1].iov_len += excess;
  }
  return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

}  // namespace

void AnswerBuffer::Add(size_t bytes, const Payload& payload, cache::Entry* value) {
  AddWritten(bytes);
  if (!payload.bytes.empty()) {
    values_[piece_count_] = value;
    owners_[piece_count_] = payload.owner;
    pieces_[piece_count_++] = {const_cast<char*>(payload.bytes.data()), payload.bytes.size()};
    total_bytes_ += payload.bytes.size();
  }
  // Copied, so that the tail and the next head make one piece.
  std::copy(payload.tail.begin(), payload.tail.end(), free_bytes());
  AddWritten(payload.tail.size());
}

void AnswerBuffer::AddWritten(size_t bytes) {
  if (bytes == 0) return;
  iovec* last = piece_count_ > 0 ? &pieces_[piece_count_ - 1] : nullptr;
  if (last != nullptr && static_cast<char*>(last->iov_base) + last->iov_len == free_bytes()) {
    last->iov_len += bytes;
  } else {
    values_[piece_count_] = nullptr;
    owners_[piece_count_] = nullptr;
    pieces_[piece_count_++] = {free_bytes(), bytes};
  }
  head_bytes_ += bytes;
  total_bytes_ += bytes;
}

bool Output::SendKept(int fd, AnswerBuffer* buffer, size_t* budget_bytes) {
  size_t done = 0;
  while (done < kept_.size() && *budget_bytes > 0) {
    const size_t count = std::min(kept_.size() - done, buffer->pieces_.size());
    for (size_t i = 0; i < count; ++i) {
      const std::string_view rest = kept_[done + i].rest;
      buffer->pieces_[i] = {const_cast<char*>(rest.data()), rest.size()};
    }
    const ssize_t sent = SendGathered(fd, buffer->pieces_.data(), count, *budget_bytes);
    if (sent < 0) return false;
    if (sent == 0) break;
    auto left = static_cast<size_t>(sent);
    *budget_bytes -= left;
    while (done < kept_.size() && left >= kept_[done].rest.size())
      left -= kept_[done++].rest.size();
    if (left > 0) kept_[done].rest.remove_prefix(left);
  }
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(done));
  buffer->Clear();
  return true;
}

bool Output::Send(int fd, AnswerBuffer* answers, size_t* budget_bytes) {
  const ssize_t sent =
      SendGathered(fd, answers->pieces_.data(), answers->piece_count_, *budget_bytes);
  if (sent < 0) return false;
  const auto sent_bytes = static_cast<size_t>(sent);
  *budget_bytes -= sent_bytes;
  return sent_bytes == answers->total_bytes_ || Keep(*answers, sent_bytes);
}

bool Output::Keep(const AnswerBuffer& answers, size_t sent_bytes) {
  for (size_t i = 0; i < answers.piece_count_; ++i) {
    const iovec& piece = answers.pieces_[i];
    const size_t skipped = std::min(sent_bytes, piece.iov_len);
    sent_bytes -= skipped;
    if (skipped == piece.iov_len) continue;
    const std::string_view left(static_cast<const char*>(piece.iov_base) + skipped,
                                piece.iov_len - skipped);
    Piece kept{.value = {}, .owner = nullptr, .copy = nullptr, .rest = left};
    if (answers.values_[i] != nullptr) {
      kept.value = cache::EntryRef::Share(answers.values_[i]);
    } else if (answers.owners_[i] != nullptr) {
      kept.owner = *answers.owners_[i];
    } else {
      const auto copy = [&] { kept.copy = std::make_unique_for_overwrite<char[]>(left.size()); };
      if (!TryAllocate(left.size(), copy)) return false;
      std::copy(left.begin(), left.end(), kept.copy.get());
      kept.rest = {kept.copy.get(), left.size()};
      copied_bytes_ += left.size();
    }
    kept_.push_back(std::move(kept));
  }
  return true;
}

size_t Output::Shrink() {
  if (!kept_.empty()) return 0;
  const size_t copied_bytes = std::exchange(copied_bytes_, 0);
  if (kept_.capacity() <= kKeptPieces) return copied_bytes;
  const size_t bytes = kept_.capacity() * sizeof(Piece);
  kept_.shrink_to_fit();
  return copied_bytes + bytes;
}

size_t Output::Clear() {
  kept_.clear();
  return std::exchange(copied_bytes_, 0) + kept_.capacity() * sizeof(Piece);
}

}  // namespace rp::core
