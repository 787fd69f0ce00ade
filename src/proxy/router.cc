#include "proxy/router.h"

#include "base/check.h"

namespace rp::proxy {

Router::Started Router::Start(Request* first, TimePoint now, Wait wait,
                              redis::FetchQueue* fetches) {
  Started started;
  while (first != nullptr) {
    Request* const request = first;
    first = RequestChain::Next(request);  // once started it may be another's
    switch (StartOne(request, now, wait, fetches)) {
      case ReadThrough::Started::kAnswered:
        started.answered.Append(request);
        break;
      case ReadThrough::Started::kInFlight:
        break;
      case ReadThrough::Started::kBusy:
        started.left.Append(request);
        break;
    }
  }
  return started;
}

ReadThrough::Started Router::StartOne(Request* request, TimePoint now, Wait wait,
                                      redis::FetchQueue* fetches) {
  using Started = ReadThrough::Started;
  switch (request->question.kind) {
    case Question::Kind::kKey:
      return read_through_->Start(request, now, wait, fetches);
    case Question::Kind::kKeyOrCommand:
      if (wait == Wait::kNo) return Started::kBusy;
      if (read_through_->Peek(request, now)) return Started::kAnswered;
      break;
    case Question::Kind::kCommand:
      if (wait == Wait::kNo) return Started::kBusy;
      break;
  }
  return forwarder_->Start(request, now) ? Started::kAnswered : Started::kInFlight;
}

RequestChain Router::Run(Request* first) {
  redis::FetchQueue fetches;
  const Started started = Start(first, Now(), Wait::kYes, &fetches);
  RP_CHECK(Submit(&fetches, Wait::kYes));
  return started.answered;
}

}  // namespace rp::proxy
