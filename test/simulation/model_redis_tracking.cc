// The tracking connection of ModelRedis, in the bytes of RESP3.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "test/simulation/model_redis.h"

namespace rp::simulation {
namespace {

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

// Takes a command, an array of bulk strings, out of the front of `*input`. Returns no words if it
// has not arrived whole.
std::vector<std::string> TakeCommand(std::string* input) {
  std::string_view rest = *input;
  const auto number = [&rest](char type) {
    const size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return -1;
    RP_CHECK(rest[0] == type);
    int value = -1;
    std::from_chars(rest.data() + 1, rest.data() + end, value);
    rest.remove_prefix(end + 2);
    return value;
  };
  std::vector<std::string> words;
  const int count = number('*');
  for (int i = 0; i < count; ++i) {
    const int size = number('$');
    if (size < 0 || rest.size() < static_cast<size_t>(size) + 2) return {};
    words.emplace_back(rest.substr(0, static_cast<size_t>(size)));
    rest.remove_prefix(static_cast<size_t>(size) + 2);
  }
  if (count > 0) input->erase(0, input->size() - rest.size());
  return words;
}

}  // namespace

void ModelRedis::OnBytes(const LinkRef& link, std::string_view bytes) {
  Submit(link, [this, link, text = std::string(bytes)] {
    const auto is_its = [&link](const Tracker& tracker) { return tracker.link == link; };
    if (std::none_of(trackers_.begin(), trackers_.end(), is_its)) {
      trackers_.emplace_back().link = link;
    }
    Tracker& tracker = *std::find_if(trackers_.begin(), trackers_.end(), is_its);
    tracker.input += text;
    for (;;) {
      const std::vector<std::string> words = TakeCommand(&tracker.input);
      if (words.empty()) return;
      if (words[0] == "CLIENT") {
        tracker.is_on = true;
        for (size_t i = 5; i < words.size(); i += 2) tracker.prefixes.push_back(words[i]);
      }
      RunCommand(link, words);
    }
  });
}

void ModelRedis::RunCommand(const LinkRef& link, const std::vector<std::string>& words) {
  if (words[0] == "HELLO") {
    ReplyBytes(link, HelloReply());
  } else if (words[0] == "CLIENT") {
    ReplyBytes(link, "+OK\r\n");
  } else if (words[0] == "CLUSTER") {
    const char* const state = is_cluster_ok_ ? "ok" : "fail";
    ReplyBytes(link, Bulk("cluster_state:" + std::string(state) + "\r\ncluster_slots_ok:16384"));
  } else {
    RP_CHECK(words[0] == "PING");
    ReplyBytes(link, state_ == State::kLoading
                         ? "-LOADING Redis is loading the dataset in memory\r\n"
                         : "+PONG\r\n");
  }
}

std::string ModelRedis::HelloReply() const {
  return "%7\r\n" + Bulk("server") + Bulk("redis") + Bulk("version") + Bulk("7.2.4") +
         Bulk("proto") + ":3\r\n" + Bulk("id") + ":5\r\n" + Bulk("mode") +
         Bulk(world_->plan.is_cluster ? "cluster" : "standalone") + Bulk("role") +
         Bulk(role_ == Role::kMaster ? "master" : "replica") + Bulk("modules") + "*0\r\n";
}

void ModelRedis::ReplyBytes(const LinkRef& link, std::string text) {
  Reply(link, [link, text = std::move(text)] {
    if (link->on_bytes) link->on_bytes({.text = text, .reports = {}});
  });
}

void ModelRedis::SendReports(const Tracker& tracker) {
  std::vector<std::string> prefixes = tracker.prefixes;
  if (prefixes.empty()) prefixes.emplace_back();
  for (const std::string& prefix : prefixes) {
    Bytes bytes;
    std::string names;
    for (const size_t key : modified_) {
      if (!world_->plan.keys[key].starts_with(prefix)) continue;
      names += Bulk(world_->plan.keys[key]);
      bytes.reports.push_back({id_, lineage_, key, Current(key).version});
    }
    if (bytes.reports.empty()) continue;
    bytes.text =
        ">2\r\n$10\r\ninvalidate\r\n*" + std::to_string(bytes.reports.size()) + "\r\n" + names;
    network_->ToProxy(tracker.link, [link = tracker.link, bytes = std::move(bytes)] {
      if (link->on_bytes) link->on_bytes(bytes);
    });
  }
}

// Unlike reports of keys, these are sent at once.
void ModelRedis::SendFlushReports() {
  Bytes bytes{.text = ">2\r\n$10\r\ninvalidate\r\n_\r\n", .reports = {}};
  for (size_t key = 0; key < histories_.size(); ++key) {
    bytes.reports.push_back({id_, lineage_, key, Current(key).version});
  }
  for (const Tracker& tracker : trackers_) {
    if (!tracker.is_on) continue;
    Reply(tracker.link, [link = tracker.link, bytes] {
      if (link->on_bytes) link->on_bytes(bytes);
    });
  }
}

}  // namespace rp::simulation
