#include "test/support/fake_redis.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <future>
#include <utility>

#include "base/check.h"

namespace rp::redis {
namespace {

// Reads "<type><number>\r\n" at `*at` and moves past it.
std::optional<size_t> ReadNumber(std::string_view text, char type, size_t* at) {
  const size_t end = text.find("\r\n", *at);
  if (end == std::string_view::npos) return std::nullopt;
  RP_CHECK(text[*at] == type);
  size_t number = 0;
  const auto [rest, error] = std::from_chars(text.data() + *at + 1, text.data() + end, number);
  RP_CHECK(error == std::errc() && rest == text.data() + end);
  *at = end + 2;
  return number;
}

// Takes one whole command off the front of `input`.
std::optional<std::vector<std::string>> TakeCommand(std::string* input) {
  size_t at = 0;
  const std::optional<size_t> count = ReadNumber(*input, '*', &at);
  if (!count) return std::nullopt;
  std::vector<std::string> arguments;
  for (size_t i = 0; i < *count; ++i) {
    const std::optional<size_t> bytes = ReadNumber(*input, '$', &at);
    if (!bytes || input->size() < at + *bytes + 2) return std::nullopt;
    arguments.push_back(input->substr(at, *bytes));
    at += *bytes + 2;
  }
  input->erase(0, at);
  return arguments;
}

int PollMilliseconds(TimePoint until) {
  if (until == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Now()).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

}  // namespace

FakeRedis::FakeRedis(Script script, Transport transport)
    : transport_(transport),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      script_(std::move(script)) {
  if (transport_ == Transport::kUnix) {
    std::string name = "/tmp/fake-redis-XXXXXX";
    RP_CHECK(mkdtemp(name.data()) != nullptr);
    directory_ = name;
  }
  Listen();
  thread_ = std::thread([this] { Serve(); });
}

FakeRedis::~FakeRedis() {
  Run([this] { quit_ = true; });
  thread_.join();
  if (!directory_.empty()) {
    unlink(address().c_str());
    rmdir(directory_.c_str());
  }
}

std::string FakeRedis::address() const {
  return directory_.empty() ? "127.0.0.1:" + std::to_string(port_) : directory_ + "/redis.sock";
}

std::string FakeRedis::Bulk(std::string_view value) {
  return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n";
}

void FakeRedis::Set(const std::string& key, const std::string& value, int64_t ttl_ms) {
  Run([&] { table_[key] = {value, ttl_ms}; });
}

void FakeRedis::SetAllOthers(std::string prefix) {
  Run([&] { prefix_of_others_ = std::move(prefix); });
}

void FakeRedis::SetScript(Script script) {
  Run([&] { script_ = std::move(script); });
}

void FakeRedis::Release() {
  Run([&] {
    for (const auto& client : clients_) {
      for (Outgoing& outgoing : client->output) outgoing.answer.held = false;
    }
  });
}

void FakeRedis::Freeze() {
  Run([&] { frozen_ = true; });
}

void FakeRedis::Thaw() {
  Run([&] { frozen_ = false; });
}

void FakeRedis::CloseConnections() {
  Run([&] {
    while (!clients_.empty()) Forget(0);
  });
}

void FakeRedis::GoDown() {
  Run([&] {
    listener_.Reset();
    while (!clients_.empty()) Forget(0);
  });
}

void FakeRedis::ComeUp() {
  Run([&] { Listen(); });
}

void FakeRedis::CloseEachAtOnce(bool on) {
  Run([&] { close_each_ = on; });
}

std::vector<FakeRedis::Command> FakeRedis::commands() {
  return Ask<std::vector<Command>>([&] { return commands_; });
}

size_t FakeRedis::Count(std::string_view name) { return Keys(name).size(); }

std::vector<std::string> FakeRedis::Keys(std::string_view name) {
  std::vector<std::string> keys;
  for (const Command& command : commands()) {
    if (command.name() == name) keys.push_back(command.key());
  }
  return keys;
}

int FakeRedis::connections_accepted() {
  return Ask<int>([&] { return accepted_; });
}

int FakeRedis::connections_open() {
  return Ask<int>([&] { return static_cast<int>(clients_.size()); });
}

int FakeRedis::unanswered_gets_max() {
  return Ask<int>([&] { return unanswered_gets_max_; });
}

void FakeRedis::Listen() {
  if (transport_ == Transport::kUnix) {
    sockaddr_un address_un{};
    address_un.sun_family = AF_UNIX;
    const std::string path = address();
    path.copy(address_un.sun_path, sizeof(address_un.sun_path) - 1);
    unlink(path.c_str());
    listener_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    RP_CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address_un), sizeof(address_un)) ==
             0);
  } else {
    sockaddr_in address_in{};
    address_in.sin_family = AF_INET;
    address_in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address_in.sin_port = htons(port_);
    listener_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    socklen_t bytes = sizeof(address_in);
    RP_CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address_in), bytes) == 0);
    RP_CHECK(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_in), &bytes) == 0);
    port_ = ntohs(address_in.sin_port);
  }
  RP_CHECK(listen(listener_.get(), 128) == 0);
}

void FakeRedis::Serve() {
  while (!quit_) {
    TimePoint until = kNever;
    std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}};
    if (!frozen_) {
      fds.push_back({listener_.get(), POLLIN, 0});
      for (size_t i = 0; i < clients_.size();) {
        Client* const client = clients_[i].get();
        if (!Pump(client, Now())) {
          Forget(i);
          continue;
        }
        short events = POLLIN;
        if (!client->output.empty() && !client->output.front().answer.held) {
          const TimePoint due = client->output.front().due;
          if (due <= Now()) events |= POLLOUT;
          if (due > Now()) until = std::min(until, due);
        }
        fds.push_back({client->fd.get(), events, 0});
        ++i;
      }
    }
    poll(fds.data(), fds.size(), PollMilliseconds(until));
    // From the last to the first, since a client may be forgotten on the way.
    for (size_t i = fds.size(); i-- > 2;) {
      if (fds[i].revents != 0 && !Read(clients_[i - 2].get())) Forget(i - 2);
    }
    if (fds.size() > 1 && fds[1].revents != 0) Accept();
    eventfd_t ignored;
    if (fds[0].revents != 0) eventfd_read(wake_.get(), &ignored);
    std::deque<std::function<void()>> tasks;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
  }
}

void FakeRedis::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  ++accepted_;
  if (close_each_) return;
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto client = std::make_unique<Client>();
  client->fd = std::move(fd);
  client->number = accepted_;
  clients_.push_back(std::move(client));
}

// False when the client is gone.
bool FakeRedis::Read(Client* client) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t bytes = recv(client->fd.get(), buffer.data(), buffer.size(), 0);
    if (bytes < 0 && errno == EAGAIN) break;
    if (bytes <= 0) return false;
    client->input.append(buffer.data(), static_cast<size_t>(bytes));
  }
  while (!client->input.empty()) {
    std::optional<std::vector<std::string>> arguments = TakeCommand(&client->input);
    if (!arguments) break;
    Handle(client, std::move(*arguments));
  }
  return true;
}

void FakeRedis::Handle(Client* client, std::vector<std::string> arguments) {
  commands_.push_back(Command{client->number, std::move(arguments)});
  const Command& command = commands_.back();
  std::optional<Answer> answer;
  if (script_) answer = script_(command);
  if (!answer) answer = FromTable(command);
  const bool is_get = command.name() == "GET";
  if (is_get) unanswered_gets_max_ = std::max(unanswered_gets_max_, ++unanswered_gets_);
  const TimePoint due = Now() + answer->delay;
  client->output.push_back(Outgoing{std::move(*answer), 0, due, is_get});
}

FakeRedis::Answer FakeRedis::FromTable(const Command& command) const {
  std::optional<std::pair<std::string, int64_t>> held;
  if (prefix_of_others_) held = {*prefix_of_others_ + command.key(), -1};
  const auto entry = table_.find(command.key());
  if (entry != table_.end()) held = entry->second;
  Answer answer;
  if (command.name() == "GET") {
    answer.bytes = held ? Bulk(held->first) : "$-1\r\n";
  } else if (command.name() == "PTTL") {
    answer.bytes = ":" + std::to_string(held ? held->second : -2) + "\r\n";
  } else {
    answer.bytes = command.name() == "PING" ? "+PONG\r\n" : "+OK\r\n";
  }
  return answer;
}

// Sends what is due. False when the connection is to be closed.
bool FakeRedis::Pump(Client* client, TimePoint now) {
  while (!client->output.empty()) {
    Outgoing& outgoing = client->output.front();
    const Answer& answer = outgoing.answer;
    if (answer.held || outgoing.due > now) return true;
    const size_t left = answer.bytes.size() - outgoing.sent;
    const bool drips = answer.drip > Duration::zero();
    const ssize_t bytes = send(client->fd.get(), answer.bytes.data() + outgoing.sent,
                               drips ? std::min<size_t>(left, 1) : left, MSG_NOSIGNAL);
    if (bytes < 0) return errno == EAGAIN;
    outgoing.sent += static_cast<size_t>(bytes);
    if (outgoing.sent < answer.bytes.size()) {
      if (drips) outgoing.due = now + answer.drip;
      continue;
    }
    if (outgoing.is_get) --unanswered_gets_;
    outgoing.is_get = false;
    if (answer.close) return false;
    client->output.pop_front();
  }
  return true;
}

void FakeRedis::Forget(size_t index) {
  for (const Outgoing& outgoing : clients_[index]->output) {
    if (outgoing.is_get) --unanswered_gets_;
  }
  clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
}

void FakeRedis::Run(std::function<void()> task) {
  // Shared, because the server's thread may still be inside set_value when the wait is over.
  const auto done = std::make_shared<std::promise<void>>();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back([&task, done] {
      task();
      done->set_value();
    });
  }
  RP_CHECK(eventfd_write(wake_.get(), 1) == 0);
  done->get_future().wait();
}

template <typename T>
T FakeRedis::Ask(std::function<T()> question) {
  T answer{};
  Run([&] { answer = question(); });
  return answer;
}

}  // namespace rp::redis
