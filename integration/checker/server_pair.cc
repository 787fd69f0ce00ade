#include "integration/checker/server_pair.h"

#include <gtest/gtest.h>

namespace rp::integration {
namespace {

// A replica gets its first copy at once. It leaves no file, which it would begin with after a
// restart.
RedisOptions Options() {
  return {.arguments = {"--repl-diskless-sync-delay", "0", "--rdb-del-sync-files", "yes"}};
}

std::vector<std::string> ReplicaOf(int port) {
  return {"REPLICAOF", "127.0.0.1", std::to_string(port)};
}

}  // namespace

ServerPair::ServerPair()
    : servers_{RedisServer(Options()), RedisServer(Options())}, link_(servers_[0].port()) {
  Follow();
}

bool ServerPair::IsLinked() {
  return Eventually([this] {
    return other().Command({"INFO", "replication"}).find("master_link_status:up") !=
           std::string::npos;
  });
}

bool ServerPair::CaughtUp() {
  return Eventually([this] {
    const std::string digest = other().Command({"DEBUG", "DIGEST"});
    return !digest.starts_with('-') && digest == master().Command({"DEBUG", "DIGEST"});
  });
}

void ServerPair::Exchange(Fate fate) {
  EXPECT_EQ(other().Command({"REPLICAOF", "NO", "ONE"}), "OK");
  master_ = 1 - master_;
  switch (fate) {
    case Fate::kReplica:
      Follow();
      break;
    case Fate::kLostReplica:
      // Nothing listens on port 1.
      EXPECT_EQ(other().Command(ReplicaOf(1)), "OK");
      break;
    case Fate::kMasterInName:
      break;
  }
}

void ServerPair::Follow() {
  link_.TurnTo(master().port());
  link_.DropAll();
  EXPECT_EQ(other().Command(ReplicaOf(link_.port())), "OK");
}

}  // namespace rp::integration
