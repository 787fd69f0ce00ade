#include <cstdlib>
#include <optional>
#include <utility>

#include "base/check.h"
#include "http/request_parser.h"
#include "resp/request_reader.h"
#include "test/bench/micro.h"
#include "test/bench/micro_keys.h"

namespace rp::bench {
namespace {

// Different keys of different lengths, so that no branch predictor learns a request by heart.
constexpr size_t kRequests = 256;

using Fields = std::vector<std::pair<std::string, std::string>>;

// What is written first: lines and fields cut into strings of their own, of which the few that
// matter are then looked for. It checks next to nothing.
struct NaiveHead {
  std::string method, target, version;
  Fields fields;
  bool keep_alive = false;
  uint64_t content_length = 0;

  const std::string* Find(std::string_view name) const {
    for (const auto& [field, value] : fields) {
      if (field == name) return &value;
    }
    return nullptr;
  }
};

// Bytes of the head, 0 when it is not complete.
size_t ParseNaively(std::string_view buffer, NaiveHead* head) {
  const size_t end = buffer.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  size_t line_end = buffer.find("\r\n");
  const std::string_view line = buffer.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return 0;
  head->method = line.substr(0, first);
  head->target = line.substr(first + 1, second - first - 1);
  head->version = line.substr(second + 1);
  while (line_end < end) {
    const size_t start = line_end + 2;
    line_end = buffer.find("\r\n", start);
    const std::string_view field = buffer.substr(start, line_end - start);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) return 0;
    std::string name(field.substr(0, colon));
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    const size_t value = field.find_first_not_of(" \t", colon + 1);
    head->fields.emplace_back(std::move(name),
                              value == std::string_view::npos ? "" : field.substr(value));
  }
  const std::string* connection = head->Find("connection");
  head->keep_alive = connection == nullptr || *connection != "close";
  const std::string* length = head->Find("content-length");
  if (length != nullptr) head->content_length = std::strtoull(length->c_str(), nullptr, 10);
  return end + 4;
}

// One after the other, as they come pipelined.
std::string Join(const std::function<std::string(std::string_view)>& request) {
  std::string all;
  for (const Key& key : KeysInOrder(0, kRequests)) all += request(key.text());
  return all;
}

void ParseHttp(std::string_view bytes, size_t passes) {
  static const http::Limits limits;
  http::RequestParser parser(limits);
  for (size_t pass = 0; pass < passes; ++pass) {
    for (std::string_view rest = bytes; !rest.empty();) {
      http::RequestHead head;
      RP_CHECK(parser.Parse(rest, &head) == ParseStatus::kDone);
      Keep(head);
      rest.remove_prefix(parser.consumed());
      parser.Reset();
    }
  }
}

void ParseHttpNaively(std::string_view bytes, size_t passes) {
  for (size_t pass = 0; pass < passes; ++pass) {
    for (std::string_view rest = bytes; !rest.empty();) {
      NaiveHead head;
      const size_t used = ParseNaively(rest, &head);
      RP_CHECK(used != 0);
      Keep(head);
      rest.remove_prefix(used);
    }
  }
}

// All that the floor of test/bench/floor.cc does.
void FindEnds(std::string_view bytes, size_t passes) {
  for (size_t pass = 0; pass < passes; ++pass) {
    for (std::string_view rest = bytes; !rest.empty();) {
      const size_t end = rest.find("\r\n\r\n");
      Keep(end);
      rest.remove_prefix(end + 4);
    }
  }
}

void HoldHttp(const std::string& name, const std::string& bytes) {
  constexpr size_t kPasses = 400;
  Contest contest{.name = name,
                  .rival = "cutting std::strings",
                  .operations = kRequests * kPasses,
                  .ours = [&] { ParseHttp(bytes, kPasses); },
                  .theirs = [&] { ParseHttpNaively(bytes, kPasses); },
                  .bytes = bytes.size() / kRequests};
  Hold(contest);
  contest.rival = "finding the empty line";
  contest.theirs = [&] { FindEnds(bytes, kPasses); };
  Hold(contest);
}

// A number of the protocol behind its mark, such as "$3".
std::optional<size_t> TakeNumber(std::string_view buffer, char mark, size_t* position) {
  const size_t end = buffer.find("\r\n", *position);
  if (end == std::string_view::npos || buffer[*position] != mark) return {};
  const std::string digits(buffer.substr(*position + 1, end - *position - 1));
  *position = end + 2;
  return std::strtoull(digits.c_str(), nullptr, 10);
}

// Bytes of the command, 0 when it is not complete.
size_t ReadNaively(std::string_view buffer, std::vector<std::string>* arguments) {
  size_t position = 0;
  const auto count = TakeNumber(buffer, '*', &position);
  if (!count) return 0;
  for (size_t i = 0; i < *count; ++i) {
    const auto bytes = TakeNumber(buffer, '$', &position);
    if (!bytes || buffer.size() - position < *bytes + 2) return 0;
    arguments->emplace_back(buffer.substr(position, *bytes));
    position += *bytes + 2;
  }
  return position;
}

void ReadResp(std::string_view bytes, size_t passes) {
  static const resp::RequestLimits limits;
  resp::RequestReader reader(limits);
  for (size_t pass = 0; pass < passes; ++pass) {
    for (std::string_view rest = bytes; !rest.empty();) {
      resp::Command command;
      RP_CHECK(reader.Parse(rest, &command) == ParseStatus::kDone);
      Keep(command);
      rest.remove_prefix(reader.consumed());
    }
  }
}

void ReadRespNaively(std::string_view bytes, size_t passes) {
  for (size_t pass = 0; pass < passes; ++pass) {
    for (std::string_view rest = bytes; !rest.empty();) {
      std::vector<std::string> arguments;
      const size_t used = ReadNaively(rest, &arguments);
      RP_CHECK(used != 0);
      Keep(arguments);
      rest.remove_prefix(used);
    }
  }
}

std::string Bulk(std::string_view text) {
  return '$' + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

void HoldResp(const std::string& name, const std::string& bytes, size_t commands, size_t passes) {
  Hold({.name = name,
        .rival = "cutting std::strings",
        .operations = commands * passes,
        .ours = [&] { ReadResp(bytes, passes); },
        .theirs = [&] { ReadRespNaively(bytes, passes); },
        .bytes = bytes.size() / commands});
}

}  // namespace

void BenchHttp() {
  PrintHeading("HTTP, one request's head");
  HoldHttp("as wrk sends it", Join([](std::string_view key) {
             return "GET /" + std::string(key) + " HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
           }));
  HoldHttp(
      "as a browser sends it", Join([](std::string_view key) {
        return "GET /" + std::string(key) +
               " HTTP/1.1\r\nHost: cache.example.com\r\nConnection: keep-alive\r\n"
               "sec-ch-ua: \"Chromium\";v=\"118\", \"Not=A?Brand\";v=\"99\"\r\n"
               "sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n"
               "Upgrade-Insecure-Requests: 1\r\n"
               "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
               "Chrome/118.0.0.0 Safari/537.36\r\n"
               "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
               "image/webp,*/*;q=0.8\r\n"
               "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n"
               "Sec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br\r\n"
               "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
               "Cookie: session=5f2b8c1e9a7d4036; theme=dark\r\n\r\n";
      }));
}

void BenchResp() {
  PrintHeading("RESP, one command");
  constexpr size_t kKeysOfMget = 100;
  HoldResp("GET", Join([](std::string_view key) { return "*2\r\n" + Bulk("GET") + Bulk(key); }),
           kRequests, 800);
  std::string mgets;
  for (size_t i = 0; i < kRequests; ++i) {
    mgets += '*' + std::to_string(1 + kKeysOfMget) + "\r\n" + Bulk("MGET");
    for (const Key& key : KeysInOrder(i * kKeysOfMget, kKeysOfMget)) mgets += Bulk(key.text());
  }
  HoldResp("MGET of 100 keys", mgets, kRequests, 20);
}

}  // namespace rp::bench
