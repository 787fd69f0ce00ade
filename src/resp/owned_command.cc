#include "resp/owned_command.h"

#include "base/memory.h"
#include "resp/writer.h"

namespace rp::resp {

OwnedCommand& OwnedCommand::operator=(OwnedCommand&& other) noexcept {
  total_bytes_ = std::exchange(other.total_bytes_, 0);
  large_ = std::move(other.large_);
  bytes_ = std::move(other.bytes_);
  slices_ = std::move(other.slices_);
  return *this;
}

bool OwnedCommand::Assign(const Command& command) {
  if (command.large_ != nullptr) {
    Clear();
    large_ = command.large_->shared_from_this();
    total_bytes_ = large_->bytes();
    return true;
  }
  large_.reset();
  if (TryAllocate([&] { Copy(command); })) return true;
  Clear();
  return false;
}

void OwnedCommand::Copy(const Command& command) {
  bytes_.clear();
  slices_.clear();
  slices_.reserve(command.size());
  Writer writer(2, &bytes_);
  writer.ArrayHeader(command.size());
  for (size_t i = 0; i < command.size(); ++i) {
    writer.Bulk(command[i]);
    // The limits of a command keep it below 4 GiB.
    const auto bytes = static_cast<uint32_t>(command[i].size());
    const auto end = static_cast<uint32_t>(bytes_.size() - kCrLf.size());
    slices_.push_back({end - bytes, bytes});
  }
  total_bytes_ = bytes_.size();
}

void OwnedCommand::Clear() {
  total_bytes_ = 0;
  large_.reset();
  bytes_.clear();
  slices_.clear();
  if (AllocatedBytes() <= kKeptBytes) return;
  bytes_.shrink_to_fit();
  slices_.shrink_to_fit();
}

Command OwnedCommand::arguments() const {
  Command command;
  command.large_ = large_.get();
  command.base_ = bytes_.data();
  command.slices_ = slices_.data();
  command.size_ = large_ == nullptr ? slices_.size() : large_->size();
  command.kind_ = Command::Kind::kArguments;
  return command;
}

void OwnedCommand::AppendPieces(std::vector<std::string_view>* pieces) const {
  if (large_ == nullptr) {
    pieces->push_back(bytes_);
  } else {
    pieces->insert(pieces->end(), large_->pieces().begin(), large_->pieces().end());
  }
}

size_t OwnedCommand::AllocatedBytes() const {
  return rp::AllocatedBytes(bytes_) + slices_.capacity() * sizeof(Command::Slice);
}

}  // namespace rp::resp
