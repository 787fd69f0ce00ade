// ReadThrough in tests: requests by themselves and in chains, and fetches taken one at a time.
#pragma once

#include <functional>
#include <utility>

#include "base/check.h"
#include "proxy/read_through.h"

namespace rp::proxy {

// `submit` takes a fetch or refuses it.
inline SubmitFetches SubmitEach(SubmitFetch submit) {
  return [submit = std::move(submit)](redis::FetchQueue* fetches, Blocking) {
    redis::FetchQueue refused;
    while (!fetches->empty()) {
      redis::Fetch* const fetch = fetches->PopFront();
      if (!submit(fetch)) refused.PushBack(fetch);
    }
    *fetches = std::move(refused);
    return true;
  };
}

// Start and Submit for a request by itself.
inline bool StartOne(ReadThrough* read_through, Request* request, TimePoint now) {
  redis::FetchQueue fetches;
  const ReadThrough::Started started = read_through->Start(request, now, Blocking::kYes, &fetches);
  RP_CHECK(read_through->Submit(&fetches, Blocking::kYes));
  return started == ReadThrough::Started::kAnswered;
}

}  // namespace rp::proxy
