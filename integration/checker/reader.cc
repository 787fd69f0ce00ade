#include "integration/checker/reader.h"

#include <charconv>

#include "integration/harness/http_client.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr std::string_view kProxyName = "redis-proxy; ";

Answer AnswerOf(int key, const std::optional<std::string>& value) {
  if (!value) return {.key = key, .outcome = Answer::Outcome::kAbsent};
  return {.key = key, .outcome = Answer::Outcome::kValue, .stamp = StampOf(key, *value)};
}

class HttpReader : public Reader {
 public:
  HttpReader(int port, Duration limit) : client_(port) { client_.set_limit(limit); }
  [[nodiscard]] bool connected() const { return client_.connected(); }

  bool Read(const std::vector<int>& keys, std::vector<Answer>* answers) override {
    for (const int key : keys) {
      const TimePoint asked = Now();
      const HttpResponse response = client_.Get(KeyName(key));
      Answer answer{.key = key};
      if (response.status == 200) answer = AnswerOf(key, response.body);
      if (response.status == 404) answer = AnswerOf(key, std::nullopt);
      answer.asked = asked;
      answer.answered = Now();
      answer.protocol = "http";
      answer.cache = response.Header("cache-status");
      if (answer.cache.starts_with(kProxyName)) answer.cache.erase(0, kProxyName.size());
      answers->push_back(answer);
      if (response.status == 0) return false;
    }
    return true;
  }

 private:
  HttpClient client_;
};

class RespReader : public Reader {
 public:
  explicit RespReader(int port) : client_(port) {}
  [[nodiscard]] bool connected() const { return client_.connected(); }

  bool Read(const std::vector<int>& keys, std::vector<Answer>* answers) override {
    std::vector<std::string> command = {keys.size() == 1 ? "GET" : "MGET"};
    for (const int key : keys) command.push_back(KeyName(key));
    const TimePoint asked = Now();
    const std::string reply = client_.Exchange(RespCommand(command));
    const TimePoint answered = Now();
    const auto values = ParseStrings(reply);
    for (size_t i = 0; i < keys.size(); ++i) {
      Answer answer{.key = keys[i]};
      if (values && values->size() == keys.size()) answer = AnswerOf(keys[i], (*values)[i]);
      answer.asked = asked;
      answer.answered = answered;
      answer.protocol = "resp";
      answers->push_back(answer);
    }
    // An error is a whole reply too.
    return values.has_value() || (reply.starts_with('-') && reply.ends_with("\r\n"));
  }

 private:
  RespClient client_;
};

// Takes the line of `type`, and returns the number that it holds.
std::optional<int> TakeNumber(char type, std::string_view* reply) {
  int number = 0;
  const char* const end = reply->data() + reply->size();
  if (!reply->starts_with(type)) return std::nullopt;
  const auto parsed = std::from_chars(reply->data() + 1, end, number);
  if (parsed.ec != std::errc()) return std::nullopt;
  reply->remove_prefix(static_cast<size_t>(parsed.ptr - reply->data()));
  if (!reply->starts_with("\r\n")) return std::nullopt;
  reply->remove_prefix(2);
  return number;
}

}  // namespace

std::string KeyName(int key) { return "key" + std::to_string(key); }
std::string ValueOf(int key, uint64_t stamp) { return KeyName(key) + ":" + std::to_string(stamp); }

uint64_t StampOf(int key, std::string_view value) {
  const std::string start = KeyName(key) + ":";
  if (!value.starts_with(start)) return 0;
  uint64_t stamp = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data() + start.size(), end, stamp);
  return parsed.ec == std::errc() && parsed.ptr == end ? stamp : 0;
}

std::unique_ptr<Reader> NewHttpReader(int port, Duration limit) {
  auto reader = std::make_unique<HttpReader>(port, limit);
  if (!reader->connected()) return nullptr;
  return reader;
}

std::unique_ptr<Reader> NewRespReader(int port) {
  auto reader = std::make_unique<RespReader>(port);
  if (!reader->connected()) return nullptr;
  return reader;
}

std::optional<std::vector<std::optional<std::string>>> ParseStrings(std::string_view reply) {
  int count = 1;
  if (reply.starts_with('*')) {
    const std::optional<int> elements = TakeNumber('*', &reply);
    if (!elements || *elements < 0) return std::nullopt;
    count = *elements;
  }
  std::vector<std::optional<std::string>> strings;
  for (; count > 0; --count) {
    const std::optional<int> size = TakeNumber('$', &reply);
    if (!size) return std::nullopt;
    if (*size < 0) {
      strings.emplace_back();
      continue;
    }
    const auto bytes = static_cast<size_t>(*size);
    if (reply.size() < bytes + 2 || reply.substr(bytes, 2) != "\r\n") return std::nullopt;
    strings.emplace_back(reply.substr(0, bytes));
    reply.remove_prefix(bytes + 2);
  }
  if (!reply.empty()) return std::nullopt;
  return strings;
}

}  // namespace rp::integration
