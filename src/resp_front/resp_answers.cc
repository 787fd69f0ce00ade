// How RespSession writes the answers of requests.
#include <algorithm>
#include <chrono>

#include "resp/writer.h"
#include "resp_front/resp_session.h"

namespace rp::resp_front {
namespace {

// What a single line of an error may take: Redis's own texts are shorter.
constexpr size_t kMaxErrorTextBytes = 512;

size_t Put(std::string_view bytes, char* out) {
  std::copy(bytes.begin(), bytes.end(), out);  // may be null where it is empty
  return bytes.size();
}

size_t PutInteger(int64_t number, char* out) {
  return static_cast<size_t>(resp::PutHeader(':', number, out) - out);
}

bool HasFailed(const core::Request& request) {
  return request.answer.outcome == proxy::Outcome::kError ||
         request.answer.outcome == proxy::Outcome::kPending;
}

// Redis begins its errors with a word in capitals; nothing of our own does.
bool HasCode(std::string_view text) {
  const size_t end = text.find(' ');
  return end != std::string_view::npos && end >= 2 &&
         std::all_of(text.begin(), text.begin() + static_cast<ptrdiff_t>(end),
                     [](char c) { return c >= 'A' && c <= 'Z'; });
}

// Redis's own error goes through as it is, unless it is about this proxy's credentials: the client
// would take it for its own.
size_t PutError(const core::Request& request, char* out) {
  const ErrorInfo& info = Describe(request.answer.error);
  std::string_view text =
      request.answer.error_text.empty() ? info.text : std::string_view(request.answer.error_text);
  text = text.substr(0, kMaxErrorTextBytes);
  size_t size = Put("-", out);
  if (request.answer.error == ErrorCode::kAuth || !HasCode(text)) {
    size += Put(info.resp_prefix, out + size);
    size += Put(" ", out + size);
  }
  size += Put(text, out + size);
  return size + Put(resp::kCrLf, out + size);
}

// The part of a value that GETRANGE names; negative positions count from the end.
std::string_view Range(std::string_view value, int64_t start, int64_t end) {
  const auto size = static_cast<int64_t>(value.size());
  if (start < 0 && end < 0 && start > end) return {};
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  if (end < 0) end = std::max<int64_t>(end + size, 0);
  end = std::min(end, size - 1);
  if (start > end) return {};
  return value.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1));
}

int64_t RemainingMs(const core::Request& request, TimePoint now) {
  const Duration remaining = std::max(request.answer.value->hard_deadline - now, Duration(0));
  return std::chrono::floor<std::chrono::milliseconds>(remaining).count();
}

// As Redis rounds.
int64_t ToSeconds(int64_t ms) { return (ms + 500) / 1000; }

}  // namespace

size_t RespSession::WriteValue(std::string_view value, char* out, core::Payload* payload) const {
  const char* end = resp::PutBulkHeader(value.size(), out);
  auto size = static_cast<size_t>(end - out);
  size += PutValue(value, out + size, payload);
  if (payload->bytes.empty()) return size + Put(resp::kCrLf, out + size);
  payload->tail = resp::kCrLf;
  return size;
}

size_t RespSession::WriteElement(const core::Request& request, char* out,
                                 core::Payload* payload) const {
  if (request.answer.outcome == proxy::Outcome::kValue) {
    return WriteValue(request.answer.value->value(), out, payload);
  }
  return Put(resp::NullReply(FramingOf(request).version), out);
}

size_t RespSession::Write(const core::Request& request, bool, const core::Turn& turn, char* out,
                          core::Payload* payload) {
  const Framing& framing = FramingOf(request);
  const Form form = framing.form;
  const bool is_missing = request.answer.outcome == proxy::Outcome::kMissing;
  switch (form) {
    case Form::kReply:
      payload->bytes = request.answer.reply;
      if (request.answer.reply.size() > kMaxAnswerBytes) return 0;
      payload->bytes = {};
      return Put(request.answer.reply.empty() ? framing.text : request.answer.reply, out);
    case Form::kSilent:
      return 0;
    case Form::kForwarded:
      if (HasFailed(request)) return PutError(request, out);
      payload->bytes = request.answer.reply;
      return 0;
    case Form::kMget:
    case Form::kExists: {
      int64_t there = framing.found;
      const core::Request* member = request.next_in_pipeline;
      for (uint32_t left = request.group == nullptr ? 1 : request.group->size; left > 1; --left) {
        if (member->answer.has_failed()) return PutError(*member, out);
        there += member->answer.outcome != proxy::Outcome::kMissing;
        member = member->next_in_pipeline;
      }
      if (form == Form::kExists) return PutInteger(there, out);
      payload->bytes = request.answer.reply;
      return 0;
    }
    case Form::kMgetRest:
      return request.group->has_failed ? 0 : WriteElement(request, out, payload);
    case Form::kExistsRest:
      return 0;
    default:
      break;
  }
  if (HasFailed(request)) return PutError(request, out);
  if (request.answer.outcome == proxy::Outcome::kReply) {
    payload->bytes = request.answer.reply;
    return 0;
  }
  const int64_t without_end = is_missing ? -2 : -1;
  const bool ends = !is_missing && request.answer.value->hard_deadline != kNever;
  switch (form) {
    case Form::kStrlen:
      return PutInteger(is_missing ? 0 : request.answer.value->value_bytes, out);
    case Form::kRange:
      return WriteValue(
          is_missing ? std::string_view()
                     : Range(request.answer.value->value(), framing.range_start, framing.range_end),
          out, payload);
    case Form::kTtl:
      return PutInteger(ends ? ToSeconds(RemainingMs(request, turn.now)) : without_end, out);
    case Form::kPttl:
      return PutInteger(ends ? RemainingMs(request, turn.now) : without_end, out);
    case Form::kType:
      return Put(is_missing ? "+none\r\n" : "+string\r\n", out);
    default:
      return WriteElement(request, out, payload);
  }
}

}  // namespace rp::resp_front
