#include "integration/harness/http_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace rp::integration {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Parses a header section up to and with its empty line. Strict: what redis-proxy sends has one
// space behind each colon, and no bare CR or LF.
HttpResponse ParseHead(std::string_view head) {
  HttpResponse response;
  head.remove_suffix(2);
  for (bool first = true; !head.empty(); first = false) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.find_first_of("\r\n") != std::string_view::npos) response.problem = "bare CR or LF";
    if (first) {
      response.start_line = line;
      continue;
    }
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos || colon == 0) {
      response.problem = "malformed header: " + std::string(line);
      return response;
    }
    response.headers.emplace_back(LowerCase(line.substr(0, colon)), line.substr(colon + 2));
  }
  // RFC 9112 section 4: the version, a space, three digits, a space, a reason that may be empty.
  const std::string& line = response.start_line;
  int status = 0;
  const bool fine =
      line.size() >= 13 && line.starts_with("HTTP/1.1 ") && line[12] == ' ' &&
      std::from_chars(line.data() + 9, line.data() + 12, status).ptr == line.data() + 12;
  if (!fine) response.problem = "malformed status line: " + line;
  if (response.problem.empty()) response.status = status;
  return response;
}

}  // namespace

std::string HttpResponse::Header(std::string_view name) const {
  for (const auto& [header, value] : headers) {
    if (header == name) return value;
  }
  return "";
}

std::string PercentEncode(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

std::string GetRequest(std::string_view key, std::string_view more) {
  return TargetRequest("/" + PercentEncode(key), more);
}

std::string TargetRequest(std::string_view target, std::string_view more) {
  std::string request = "GET ";
  request.append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(more).append("\r\n");
  return request;
}

HttpClient::HttpClient(int port, int receive_buffer)
    : fd_(ConnectToLoopback(port, receive_buffer)) {}

bool HttpClient::Wait(short events, TimePoint deadline) const {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(std::max(deadline - Now(), Duration(0)));
  pollfd entry{fd_.get(), events, 0};
  return poll(&entry, 1, static_cast<int>(left.count())) > 0;
}

bool HttpClient::Send(std::string_view bytes) {
  const TimePoint deadline = Now() + Patience(limit_);
  while (!bytes.empty()) {
    if (!fd_ || !Wait(POLLOUT, deadline)) return false;
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HttpClient::Receive(TimePoint deadline, std::string* problem) {
  if (!fd_ || !Wait(POLLIN, deadline)) {
    *problem = fd_ ? "timeout" : "not connected";
    return false;
  }
  char piece[128 * 1024];
  const ssize_t received = recv(fd_.get(), piece, sizeof(piece), MSG_DONTWAIT);
  if (received > 0) buffer_.append(piece, static_cast<size_t>(received));
  if (received <= 0) *problem = "closed";
  return received > 0;
}

HttpResponse HttpClient::ReadHeaders(TimePoint deadline) {
  size_t end = 0;
  while ((end = buffer_.find(kHeadEnd)) == std::string::npos) {
    HttpResponse response;
    if (!Receive(deadline, &response.problem)) return response;
  }
  HttpResponse response = ParseHead(std::string_view(buffer_).substr(0, end + kHeadEnd.size()));
  buffer_.erase(0, end + kHeadEnd.size());
  return response;
}

void HttpClient::ReadBody(TimePoint deadline, HttpResponse* response) {
  const std::string length = response->Header("content-length");
  size_t size = 0;
  if (std::from_chars(length.data(), length.data() + length.size(), size).ec != std::errc()) {
    response->problem = "no Content-Length";
    response->status = 0;
    return;
  }
  response->body = std::move(buffer_);
  buffer_.clear();
  response->body.reserve(size);
  while (response->body.size() < size) {
    if (!Receive(deadline, &response->problem)) {
      response->status = 0;
      return;
    }
    response->body += buffer_;
    buffer_.clear();
  }
  buffer_ = response->body.substr(size);
  response->body.resize(size);
}

HttpResponse HttpClient::Read(bool to_head) {
  const TimePoint deadline = Now() + Patience(limit_);
  HttpResponse response = ReadHeaders(deadline);
  const bool bodiless = to_head || response.status / 100 == 1 || response.status == 204;
  if (response.status != 0 && !bodiless) ReadBody(deadline, &response);
  return response;
}

HttpResponse HttpClient::ReadHead() { return ReadHeaders(Now() + Patience(limit_)); }

std::string HttpClient::ReadToTheEnd() {
  const TimePoint deadline = Now() + Patience(limit_);
  std::string problem;
  while (Receive(deadline, &problem)) {
  }
  return std::exchange(buffer_, "");
}

bool HttpClient::IsClosed() {
  std::string problem;
  return buffer_.empty() && !Receive(Now() + Patience(limit_), &problem) && problem == "closed";
}

bool HttpClient::Stirs(Duration wait) { return !buffer_.empty() || Wait(POLLIN, Now() + wait); }

void HttpClient::HalfClose() { shutdown(fd_.get(), SHUT_WR); }

void HttpClient::Reset() {
  const linger abort_at_close{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof(abort_at_close));
  Close();
}

HttpResponse Fetch(int port, std::string_view key) { return HttpClient(port).Get(key); }

}  // namespace rp::integration
