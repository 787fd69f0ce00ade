// The exchange of a batch of commands: all in one write, their replies handed on byte for byte as
// they come, in either version of the protocol. hiredis 0.14 reads RESP2 alone, so its reader is
// gone around; it is empty before and after. Of what Redis sends only the end is looked for
// (resp::ReplyFramer): whatever a script may answer, the batch lives on.
//
// Connections stay in RESP2: what wants RESP3 is wrapped into HELLO 3 and HELLO 2. Where Redis has
// no such command the replies are those of RESP2.
//
// Thread safety: one thread at a time. Cost: a copy of the commands, whose owners may be told of a
// time-out before all is sent; memory for replies is taken as they arrive.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "redis/batch.h"
#include "redis/connection.h"

namespace rp::redis {

// Sends and reads all, within `timeout`. On failure the connection is of no further use, and the
// fetches that were not answered remain in the batch. A reply of more than `max_reply_bytes` is
// such a failure (kUpstream); the fetch it is for has been told so, if it still waited.
Result<void> ExchangeCommands(Connection* connection, Duration timeout, size_t max_reply_bytes,
                              Batch* batch);

}  // namespace rp::redis
