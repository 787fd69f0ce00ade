#include "resp_front/answers.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

#include "core/pipeline.h"
#include "resp/writer.h"
#include "resp_front/proxy_section.h"

namespace rp::resp_front {
namespace {

size_t Put(std::string_view bytes, char* out) {
  std::copy(bytes.begin(), bytes.end(), out);  // may be null where it is empty
  return bytes.size();
}

size_t PutInteger(int64_t number, char* out) {
  return static_cast<size_t>(resp::PutHeader(':', number, out) - out);
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
size_t PutError(const proxy::Answer& answer, char* out) {
  const ErrorInfo& info = Describe(answer.error);
  std::string_view text =
      answer.error_text.empty() ? info.text : std::string_view(answer.error_text);
  text = text.substr(0, core::Session::kMaxErrorTextBytes);
  size_t size = Put("-", out);
  if (answer.error == ErrorCode::kAuth || !HasCode(text)) {
    size += Put(info.resp_prefix, out + size);
    size += Put(" ", out + size);
  }
  size += Put(text, out + size);
  return size + Put(resp::kCrLf, out + size);
}

size_t PutValue(std::string_view value, char* out, core::Payload* payload) {
  const auto size = static_cast<size_t>(resp::PutBulkHeader(value.size(), out) - out);
  if (value.size() > core::Session::kCopiedBytes) {
    *payload = {.bytes = value, .tail = resp::kCrLf};
    return size;
  }
  const size_t end = size + Put(value, out + size);
  return end + Put(resp::kCrLf, out + end);
}

// Returns whether the answer is about the key: a value, or that the key is missing.
bool IsAboutKey(const core::Request& request) {
  return request.answer.outcome == proxy::Outcome::kValue ||
         request.answer.outcome == proxy::Outcome::kMissing;
}

bool IsMissing(const core::Request& request) {
  return request.answer.outcome == proxy::Outcome::kMissing;
}

// The request's reply, small or large.
core::Payload ReplyOf(const core::Request& request) {
  const SharedBytes& large = request.answer.large_reply;
  if (large.owner == nullptr) return {.bytes = request.answer.reply, .tail = {}};
  return {.bytes = large.bytes, .tail = {}, .owner = &large.owner};
}

// Writes an answer that is not about the key: Redis's reply or an error.
size_t PutOther(const core::Request& request, char* out, core::Payload* payload) {
  if (request.answer.outcome != proxy::Outcome::kReply) return PutError(request.answer, out);
  *payload = ReplyOf(request);
  return 0;
}

// Returns the text of a reply that is one bulk or verbatim string, or a view without data if it is
// another.
std::string_view TextIn(std::string_view reply) {
  if (!reply.starts_with('$') && !reply.starts_with('=')) return {};
  size_t bytes = 0;
  const auto [end, error] = std::from_chars(reply.data() + 1, reply.data() + reply.size(), bytes);
  const auto start = static_cast<size_t>(end - reply.data()) + resp::kCrLf.size();
  if (error != std::errc() || reply.size() != start + bytes + resp::kCrLf.size()) return {};
  return reply.substr(start, bytes);
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

// Returns the key's TTL in ms; as in Redis, -1 if it has none and -2 if there is no key.
int64_t RemainingMs(const core::Request& request, TimePoint now) {
  if (IsMissing(request)) return -2;
  const TimePoint deadline = request.answer.value->hard_deadline;
  if (deadline == kNever) return -1;
  const Duration remaining = std::max(deadline - now, Duration(0));
  return std::chrono::floor<std::chrono::milliseconds>(remaining).count();
}

// As Redis rounds.
int64_t ToSeconds(int64_t ms) { return ms < 0 ? ms : (ms + 500) / 1000; }

// Writes a value, or null where there is none.
size_t PutValueOrNull(const cache::Entry* value, int version, char* out, core::Payload* payload) {
  if (value == nullptr) return Put(resp::NullReply(version), out);
  return PutValue(value->value(), out, payload);
}

}  // namespace

size_t WriteReply(const core::Request& request, const AnswerContext&, char* out,
                  core::Payload* payload) {
  const core::Payload reply = ReplyOf(request);
  if (reply.bytes.size() > core::Session::kMaxAnswerBytes) {
    *payload = reply;
    return 0;
  }
  return Put(reply.bytes.empty() ? FramingOf(request).constant : reply.bytes, out);
}

size_t WriteForwarded(const core::Request& request, const AnswerContext&, char* out,
                      core::Payload* payload) {
  return PutOther(request, out, payload);
}

// Redis's text is sent from where it lies. A reply that is not a whole text is sent as it is: an
// error, or a null.
size_t WriteInfo(const core::Request& request, const AnswerContext& context, char* out,
                 core::Payload* payload) {
  static_assert(resp::kMaxHeaderBytes + resp::kCrLf.size() + kMaxProxySectionBytes +
                    resp::kCrLf.size() <=
                core::Session::kMaxAnswerBytes);
  const core::Payload reply = ReplyOf(request);
  const std::string_view text = TextIn(reply.bytes);
  if (request.answer.outcome != proxy::Outcome::kReply || text.data() == nullptr)
    return PutOther(request, out, payload);
  // In RESP3 the text begins with its format (Writer::Verbatim).
  const char type = reply.bytes[0];
  const bool is_empty = text.size() == (type == '=' ? std::string_view("txt:").size() : 0);
  // The tail comes first, because the header needs its size. It waits behind the room for the
  // header until it is copied to its place.
  char* const tail = out + resp::kMaxHeaderBytes;
  size_t tail_bytes = is_empty ? 0 : Put(resp::kCrLf, tail);
  tail_bytes +=
      PutProxySection(context.options.server->Facts(), context.options.version, tail + tail_bytes);
  const auto text_bytes = static_cast<int64_t>(text.size() + tail_bytes);
  tail_bytes += Put(resp::kCrLf, tail + tail_bytes);
  *payload = {.bytes = text, .tail = {tail, tail_bytes}, .owner = reply.owner};
  return static_cast<size_t>(resp::PutHeader(type, text_bytes, out) - out);
}

size_t WriteNothing(const core::Request&, const AnswerContext&, char*, core::Payload*) { return 0; }

size_t WriteGet(const core::Request& request, const AnswerContext&, char* out,
                core::Payload* payload) {
  if (!IsAboutKey(request)) return PutOther(request, out, payload);
  return PutValueOrNull(request.answer.value.get(), FramingOf(request).version, out, payload);
}

size_t WriteStrlen(const core::Request& request, const AnswerContext&, char* out,
                   core::Payload* payload) {
  if (!IsAboutKey(request)) return PutOther(request, out, payload);
  return PutInteger(IsMissing(request) ? 0 : request.answer.value->value_bytes, out);
}

size_t WriteRange(const core::Request& request, const AnswerContext&, char* out,
                  core::Payload* payload) {
  if (!IsAboutKey(request)) return PutOther(request, out, payload);
  if (IsMissing(request)) return PutValue({}, out, payload);
  const Framing& framing = FramingOf(request);
  return PutValue(Range(request.answer.value->value(), framing.range_start, framing.range_end), out,
                  payload);
}

size_t WriteTtl(const core::Request& request, const AnswerContext& context, char* out,
                core::Payload* payload) {
  if (!IsAboutKey(request)) return PutOther(request, out, payload);
  return PutInteger(ToSeconds(RemainingMs(request, context.turn.now)), out);
}

size_t WritePttl(const core::Request& request, const AnswerContext& context, char* out,
                 core::Payload* payload) {
  if (!IsAboutKey(request)) return PutOther(request, out, payload);
  return PutInteger(RemainingMs(request, context.turn.now), out);
}

size_t WriteType(const core::Request& request, const AnswerContext&, char* out,
                 core::Payload* payload) {
  if (!IsAboutKey(request)) return PutOther(request, out, payload);
  return Put(IsMissing(request) ? "+none\r\n" : "+string\r\n", out);
}

size_t WriteMget(const core::Request& request, const AnswerContext&, char* out,
                 core::Payload* payload) {
  const core::Group* const group = request.group;
  if (group != nullptr && group->has_failed()) return PutError(group->failure(), out);
  if (group != nullptr && group->part() > 0)
    return PutValueOrNull(group->value(), FramingOf(request).version, out, payload);
  payload->bytes = request.answer.reply;
  return 0;
}

size_t WriteExists(const core::Request& request, const AnswerContext&, char* out, core::Payload*) {
  const core::Group* const group = request.group;
  if (group != nullptr && group->has_failed()) return PutError(group->failure(), out);
  const size_t more = group != nullptr ? group->existing() : 0;
  return PutInteger(static_cast<int64_t>(FramingOf(request).found + more), out);
}

}  // namespace rp::resp_front
