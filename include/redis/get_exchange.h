// The exchange of a batch of GETs: GET and PTTL for each in one write, then two replies for each,
// handed on as they come. Plain GETs, because MGET hides a wrong type behind a nil.
//
// Thread safety: one thread at a time.
#pragma once

#include "base/result.h"
#include "redis/batch.h"
#include "redis/connection.h"

namespace rp::redis {

// Sends and reads all, within `timeout`. On failure the connection is of no further use, and the
// fetches that were not answered remain in the batch.
Result<void> ExchangeGets(Connection* connection, Duration timeout, Batch* batch);

}  // namespace rp::redis
