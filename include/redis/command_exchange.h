// Exchanges a batch of commands: sends all in one write and delivers their replies byte for byte as
// they come, in either version of the protocol. It does not use hiredis's reader, which in version
// 0.14 knows RESP2 only and which is empty before and after. It only looks for the end of each
// reply (resp::ReplyFramer), so that no answer of a script can break the batch.
//
// Connections stay in RESP2: commands that want RESP3 are sent between HELLO 3 and HELLO 2. A Redis
// without HELLO answers them in RESP2.
//
// Owner: nobody; a function on a fetcher's connection.
// Thread safety: one thread at a time.
// Cost: a copy of small commands, because their owners may free them after a time-out before all is
// sent, and a reference to a large one; memory for replies is allocated as they arrive, and a large
// reply is passed on without a copy.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "redis/batch.h"
#include "redis/connection.h"

namespace rp::redis {

// Sends the batch and reads all its replies within `timeout`. After a failure the connection must
// not be used again, and the fetches that were not answered remain in the batch. A reply of more
// than `max_reply_bytes` is such a failure (kUpstream); its own fetch has been failed with it.
Result<void> ExchangeCommands(Connection* connection, Duration timeout, size_t max_reply_bytes,
                              Batch* batch);

}  // namespace rp::redis
