// ReactorContext: the objects that the connections of one reactor share. A connection knows nothing
// else of its reactor.
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: none.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/memory.h"
#include "core/connection_list.h"
#include "core/dispatcher.h"
#include "core/output.h"
#include "core/request_pool.h"
#include "core/turn_budget.h"
#include "core/waits.h"
#include "net/event_loop.h"

namespace rp::core {

// FreedBytes: how many bytes went back to malloc and are not needed again soon.
class FreedBytes {
 public:
  // Adds one block. Does not count a large one, which free(3) gives back to the kernel by itself.
  void AddBlock(uint64_t bytes) {
    if (bytes < kMappedBlockBytes) bytes_ += bytes;
  }
  // Adds many small blocks.
  void AddBlocks(uint64_t bytes) { bytes_ += bytes; }
  // Returns the sum and resets it. Returns 0 while the sum is below kMinBytes.
  [[nodiscard]] uint64_t Take() {
    if (bytes_ < kMinBytes) return 0;
    const uint64_t bytes = bytes_;
    bytes_ = 0;
    return bytes;
  }

 private:
  static constexpr uint64_t kMinBytes = 1 << 20;

  uint64_t bytes_ = 0;
};

struct ReactorContext {
  static constexpr size_t kReadBufferBytes = 64 * 1024;

  ReactorContext(const DispatcherOptions& dispatcher_options, const ClientTimeouts& timeouts,
                 ClientCount* clients, proxy::Router* router, WorkerPool* workers,
                 proxy::ReplyBox* home);

  net::EventLoop loop;
  Turn turn;
  TurnBudget budget;         // of this turn
  bool is_draining = false;  // the server stops
  FreedBytes freed_bytes;
  RequestPool requests;
  Waits waits;
  Dispatcher dispatcher;
  ConnectionList connections;
  // Buffers through which all connections read and write. Bytes that must stay are copied.
  const std::unique_ptr<AnswerBuffer> answers = std::make_unique<AnswerBuffer>();
  const std::unique_ptr<std::array<char, kReadBufferBytes>> read_buffer =
      std::make_unique<std::array<char, kReadBufferBytes>>();
};

}  // namespace rp::core
