// MultiProbe: whether Redis takes MULTI and EXEC. A Redis that refuses MULTI, because the user has
// no right to it or it has another name, carries out the commands behind it one by one. So
// transactions wait until an empty one has succeeded.
//
//   state     event                                    next
//   unknown   a transaction                            asked: MULTI and EXEC are sent; it waits
//   asked     a transaction                            asked; it waits too
//   asked     Redis has taken both                     taken; those that wait go on
//   asked     Redis has refused one, or not answered   unknown; those that wait fail with it
//   taken     Forget                                   unknown
//
// Owner: the Forwarder. Thread safety: any thread; OnFetched comes from fetcher threads.
// Cost: a short lock for each transaction.
#pragma once

#include <functional>

#include "base/mutex.h"
#include "proxy/request.h"
#include "proxy/submit_fetch.h"
#include "redis/fetch.h"

namespace rp::proxy {

class MultiProbe final : public redis::FetchSink {
 public:
  // `resume` is called with each request that has waited: its outcome is kPending if it may go on,
  // and otherwise it is answered. No lock is held.
  MultiProbe(SubmitFetch submit, std::function<void(Request*)> resume);

  // Returns true if Redis is known to take transactions. Otherwise keeps the request until this is
  // known, at most until the deadline of the one for which Redis was asked.
  [[nodiscard]] bool Passes(Request* request) RP_EXCLUDES(mutex_);

  // Asks again for the next transaction: Redis has refused one, or may be another.
  void Forget() RP_EXCLUDES(mutex_);

  void OnFetched(redis::Fetch* fetch, const redis::FetchResult& result, TimePoint now) override
      RP_EXCLUDES(mutex_);

 private:
  enum class State : unsigned char { kUnknown, kAsked, kTaken };

  const SubmitFetch submit_;
  const std::function<void(Request*)> resume_;

  Mutex mutex_;
  State state_ RP_GUARDED_BY(mutex_) = State::kUnknown;
  RequestChain waiting_ RP_GUARDED_BY(mutex_);
};

}  // namespace rp::proxy
