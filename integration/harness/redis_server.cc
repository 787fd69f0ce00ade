#include "integration/harness/redis_server.h"

#include <gtest/gtest.h>
#include <sys/time.h>

#include <cstdlib>
#include <sstream>

namespace rp::integration {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

std::string Text(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_NIL:
      return "(nil)";
    case REDIS_REPLY_INTEGER:
      return std::to_string(reply.integer);
    case REDIS_REPLY_ERROR:
      return "-" + std::string(reply.str, reply.len);
    case REDIS_REPLY_ARRAY: {
      std::string text;
      for (size_t i = 0; i < reply.elements; ++i) text += Text(*reply.element[i]) + "\n";
      return text;
    }
    default:
      return std::string(reply.str, reply.len);
  }
}

void Append(redisContext* context, const std::vector<std::string>& arguments) {
  std::vector<const char*> pointers;
  std::vector<size_t> sizes;
  for (const std::string& argument : arguments) {
    pointers.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  redisAppendCommandArgv(context, static_cast<int>(pointers.size()), pointers.data(), sizes.data());
}

Reply NextReply(redisContext* context) {
  void* reply = nullptr;
  if (redisGetReply(context, &reply) != REDIS_OK) return nullptr;
  return Reply(static_cast<redisReply*>(reply));
}

}  // namespace

RedisClient::RedisClient(std::string address, std::string password)
    : address_(std::move(address)), password_(std::move(password)) {}

bool RedisClient::Connect() {
  if (context_ != nullptr && context_->err == 0) return true;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Patience(10s)).count();
  const timeval limit{static_cast<time_t>(seconds), 0};
  const size_t colon = address_.rfind(':');
  context_.reset(address_.starts_with('/')
                     ? redisConnectUnixWithTimeout(address_.c_str(), limit)
                     : redisConnectWithTimeout(address_.substr(0, colon).c_str(),
                                               std::atoi(address_.c_str() + colon + 1), limit));
  if (context_ == nullptr || context_->err != 0) return false;
  redisSetTimeout(context_.get(), limit);
  if (password_.empty()) return true;
  Append(context_.get(), {"AUTH", password_});
  return NextReply(context_.get()) != nullptr;
}

std::string RedisClient::Command(const std::vector<std::string>& arguments) {
  if (!Connect()) return "-IO cannot connect";
  Append(context_.get(), arguments);
  const Reply reply = NextReply(context_.get());
  return reply == nullptr ? std::string("-IO ") + context_->errstr : Text(*reply);
}

bool RedisClient::Pipeline(const std::vector<std::vector<std::string>>& commands) {
  if (!Connect()) return false;
  for (const auto& command : commands) Append(context_.get(), command);
  bool fine = true;
  for (size_t i = 0; i < commands.size(); ++i) {
    const Reply reply = NextReply(context_.get());
    if (reply == nullptr) return false;
    fine = fine && reply->type != REDIS_REPLY_ERROR;
  }
  return fine;
}

void RedisClient::Set(const std::string& key, const std::string& value) {
  EXPECT_EQ(Command({"SET", key, value}), "OK");
}

std::string RedisClient::InfoField(const std::string& section, const std::string& field) {
  const std::string info = Command({"INFO", section});
  const size_t start = info.find(field);
  return start == std::string::npos ? "" : info.substr(start + field.size());
}

int64_t RedisClient::GetCount() {
  return std::atoll(InfoField("commandstats", "cmdstat_get:calls=").c_str());
}

std::vector<std::string> RedisClient::ClientsNamed(const std::string& name) {
  std::vector<std::string> named;
  std::istringstream list(Command({"CLIENT", "LIST"}));
  for (std::string line; std::getline(list, line);) {
    if (line.find(" name=" + name + " ") != std::string::npos) named.push_back(line);
  }
  return named;
}

void RedisClient::KillClientsNamed(const std::string& name) {
  for (const std::string& line : ClientsNamed(name)) {
    Command({"CLIENT", "KILL", "ID", line.substr(3, line.find(' ') - 3)});  // behind "id="
  }
}

int64_t RedisClient::ConnectedClients() {
  return std::atoll(InfoField("clients", "connected_clients:").c_str());
}

RedisServer::RedisServer(RedisOptions options) : options_(std::move(options)) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (options_.unix_socket) {
      address_ = directory_.path() + "/redis.sock";
    } else {
      port_ = options_.port != 0 ? options_.port : ProbablyFreePort();
      address_ = options_.host + ":" + std::to_string(port_);
    }
    client_ = std::make_unique<RedisClient>(address_, options_.password);
    if (Start()) return;
  }
  ADD_FAILURE() << "redis-server does not start:\n" << ReadFile(directory_.path() + "/log");
}

bool RedisServer::Start() {
  SpawnOptions spawn;
  spawn.arguments = {"redis-server",
                     "--port",
                     std::to_string(port_),
                     "--bind",
                     options_.host,
                     "--save",
                     "",
                     "--appendonly",
                     "no",
                     "--dir",
                     directory_.path(),
                     "--logfile",
                     directory_.path() + "/log",
                     "--enable-debug-command",
                     "yes"};
  if (options_.unix_socket) {
    spawn.arguments.insert(spawn.arguments.end(), {"--unixsocket", address_});
  }
  if (!options_.password.empty()) {
    spawn.arguments.insert(spawn.arguments.end(), {"--requirepass", options_.password});
  }
  spawn.arguments.insert(spawn.arguments.end(), options_.arguments.begin(),
                         options_.arguments.end());
  process_ = std::make_unique<Process>(spawn);
  // Someone else may listen on the port: it is ours only if the server's own process says so.
  const std::string own_pid = "process_id:" + std::to_string(process_->pid()) + "\r";
  const bool ended_or_ready = Eventually([&] {
    return !process_->Running() || Command({"INFO", "server"}).find(own_pid) != std::string::npos;
  });
  return ended_or_ready && process_->Running();
}

void RedisServer::Kill() {
  process_.reset();
  client_->Disconnect();
}

void RedisServer::Restart() {
  Kill();
  // The port may linger for a moment in the state of the connections that were killed.
  EXPECT_TRUE(Eventually([this] { return Start(); })) << ReadFile(directory_.path() + "/log");
}

}  // namespace rp::integration
