#include "proxy/router.h"

#include "base/check.h"

namespace rp::proxy {

Router::StartResult Router::Start(Request* first, TimePoint now, Blocking blocking,
                                  redis::FetchQueue* fetches) {
  StartResult result;
  while (first != nullptr) {
    Request* const request = first;
    first = RequestChain::Next(request);  // read first: once started, the request may be reused
    switch (StartOne(request, now, blocking, fetches)) {
      case ReadThrough::Started::kAnswered:
        result.answered.Append(request);
        break;
      case ReadThrough::Started::kInFlight:
        break;
      case ReadThrough::Started::kBusy:
        result.left.Append(request);
        break;
    }
  }
  return result;
}

ReadThrough::Started Router::StartOne(Request* request, TimePoint now, Blocking blocking,
                                      redis::FetchQueue* fetches) {
  switch (request->question.kind) {
    case Question::Kind::kKey:
      return read_through_->Start(request, now, blocking, fetches);
    case Question::Kind::kKeyOrCommand:
    case Question::Kind::kEndOrCommand:
      if (blocking == Blocking::kNo) return ReadThrough::Started::kBusy;
      if (read_through_->Peek(request, now)) return ReadThrough::Started::kAnswered;
      break;
    case Question::Kind::kCommand:
    case Question::Kind::kTransaction:
    case Question::Kind::kTable:
      if (blocking == Blocking::kNo) return ReadThrough::Started::kBusy;
      break;
  }
  return forwarder_->Start(request, now) ? ReadThrough::Started::kAnswered
                                         : ReadThrough::Started::kInFlight;
}

RequestChain Router::Run(Request* first) {
  redis::FetchQueue fetches;
  const StartResult result = Start(first, Now(), Blocking::kYes, &fetches);
  RP_CHECK(Submit(&fetches, Blocking::kYes));
  return result.answered;
}

}  // namespace rp::proxy
