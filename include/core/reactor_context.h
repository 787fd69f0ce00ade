// ReactorContext: what the connections of one reactor share. It is all that a connection knows of
// its reactor.
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
#include "core/waits.h"
#include "net/event_loop.h"

namespace rp::core {

// How many bytes were given back to malloc that are not needed again soon.
class FreedBytes {
 public:
  // Adds one block. A large one is with the kernel already, and no reason to trim the heap.
  void AddBlock(uint64_t bytes) {
    if (bytes < kMappedBlockBytes) bytes_ += bytes;
  }
  // Adds many small blocks.
  void AddBlocks(uint64_t bytes) { bytes_ += bytes; }
  // Returns the sum and starts anew; 0 while it is not worth telling.
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
  bool is_draining = false;  // the server stops
  FreedBytes freed_bytes;
  RequestPool requests;
  Waits waits;
  Dispatcher dispatcher;
  ConnectionList connections;
  // Where all connections read and write; what must stay is copied.
  const std::unique_ptr<AnswerBuffer> answers = std::make_unique<AnswerBuffer>();
  const std::unique_ptr<std::array<char, kReadBufferBytes>> read_buffer =
      std::make_unique<std::array<char, kReadBufferBytes>>();
};

}  // namespace rp::core
