#include "resp/owned_command.h"

#include "base/memory.h"
#include "resp/writer.h"

namespace rp::resp {

bool OwnedCommand::Assign(const Command& command) {
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
}

void OwnedCommand::Clear() {
  bytes_.clear();
  slices_.clear();
  if (AllocatedBytes() <= kKeptBytes) return;
  bytes_.shrink_to_fit();
  slices_.shrink_to_fit();
}

Command OwnedCommand::arguments() const {
  Command command;
  command.base_ = bytes_.data();
  command.slices_ = slices_;
  command.kind_ = Command::Kind::kArguments;
  return command;
}

size_t OwnedCommand::AllocatedBytes() const {
  return rp::AllocatedBytes(bytes_) + slices_.capacity() * sizeof(Command::Slice);
}

}  // namespace rp::resp
