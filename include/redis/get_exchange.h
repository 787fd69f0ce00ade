// Exchanges a batch of GETs: sends GET and PTTL for each in one write, then reads two replies for
// each and delivers them as they come. Sends plain GETs, because MGET hides a wrong type behind a
// nil.
//
// Owner: nobody; a function on a fetcher's connection.
// Thread safety: one thread at a time.
// Cost: one write, and a parsed reply for each GET and each PTTL.
#pragma once

#include "base/result.h"
#include "redis/batch.h"
#include "redis/connection.h"

namespace rp::redis {

// Sends the batch and reads all its replies within `timeout`. After a failure the connection must
// not be used again, and the fetches that were not answered remain in the batch.
Result<void> ExchangeGets(Connection* connection, Duration timeout, Batch* batch);

}  // namespace rp::redis
