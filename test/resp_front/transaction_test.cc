#include "resp_front/transaction.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "test/support/command_reply.h"
#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::resp_front {
namespace {

using proxy::Described;
using proxy::ParsedCommand;
using Words = std::vector<std::string>;

const char kQueued[] = "+QUEUED\r\n";
const char kAborted[] = "-EXECABORT Transaction discarded because of previous errors.\r\n";

const std::vector<std::string> kRows = {
    Described("multi", 1, {"noscript"}, 0, 0, 0),
    Described("exec", 1, {"noscript"}, 0, 0, 0),
    Described("discard", 1, {"noscript"}, 0, 0, 0),
    Described("watch", -2, {"noscript"}, 1, -1, 1),
    Described("get", 2, {"readonly"}, 1, 1, 1),
    Described("set", -3, {"write"}, 1, 1, 1),
    Described("save", 1, {"no_multi"}, 0, 0, 0),
    Described("blpop", -3, {"write", "blocking"}, 1, -2, 1),
    Described("xread", -4, {"readonly", "blocking", "movablekeys"}, 0, 0, 0),
    Described("wait", 3, {"blocking"}, 0, 0, 0),
    Described("hello", -1, {"fast"}, 0, 0, 0),
    Described("auth", -2, {"fast"}, 0, 0, 0),
    Described("select", 2, {"fast"}, 0, 0, 0),
    Described("subscribe", -2, {"pubsub"}, 0, 0, 0),
    Described("monitor", 1, {"admin"}, 0, 0, 0),
    Described("client", -2, {}, 0, 0, 0,
              {Described("client|id", 2, {}, 0, 0, 0), Described("client|reply", 3, {}, 0, 0, 0),
               Described("client|setname", 3, {}, 0, 0, 0),
               Described("client|tracking", -3, {}, 0, 0, 0)}),
    Described("config", -2, {}, 0, 0, 0, {Described("config|set", -4, {}, 0, 0, 0)}),
};

std::shared_ptr<const proxy::CommandTable> TableOf(const std::vector<std::string>& rows) {
  return std::make_shared<proxy::CommandTable>(*proxy::CommandTable::Parse(proxy::ArrayOf(rows)));
}

std::string Text(const Reply& reply) {
  return reply.bytes.empty() ? std::string(reply.constant) : reply.bytes;
}

std::string TextOf(const resp::OwnedCommand& command) {
  std::vector<std::string_view> pieces;
  command.AppendPieces(&pieces);
  std::string text;
  for (const std::string_view piece : pieces) text += piece;
  return text;
}

class TransactionTest : public ::testing::Test {
 protected:
  // Returns what the client is told; "carried out" for EXEC that goes to Redis.
  std::string Say(const Words& words) {
    const ParsedCommand parsed(words);
    if (!transaction_.is_open()) return Text(transaction_.Begin(*parsed, table_));
    if (transaction_.IsCarriedOutBy(*parsed)) {
      taken_ = transaction_.Take();
      return "carried out";
    }
    return Text(transaction_.Add(*parsed, limits_));
  }

  std::shared_ptr<const proxy::CommandTable> table_ = TableOf(kRows);
  TransactionLimits limits_;
  Transaction transaction_;
  std::vector<resp::OwnedCommand> taken_;
};

TEST_F(TransactionTest, KeepsTheCommandsForExec) {
  EXPECT_EQ(Say({"multi"}), "+OK\r\n");
  EXPECT_EQ(Say({"SET", "k", std::string("\0\r\n", 3)}), kQueued);
  EXPECT_EQ(Say({"get", "k"}), kQueued);
  EXPECT_EQ(Say({"Exec"}), "carried out");
  EXPECT_FALSE(transaction_.is_open());
  ASSERT_EQ(taken_.size(), 2U);
  EXPECT_EQ(TextOf(taken_[0]), redis::Encode({"SET", "k", std::string("\0\r\n", 3)}));
  EXPECT_EQ(TextOf(taken_[1]), redis::Encode({"get", "k"}));
  EXPECT_EQ(transaction_.kept_bytes(), 0U);
}

TEST_F(TransactionTest, AnEmptyOneIsAnEmptyArray) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"EXEC"}), "*0\r\n");
  EXPECT_FALSE(transaction_.is_open());
}

TEST_F(TransactionTest, DiscardAndResetDropTheCommands) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"SET", "k", "v"}), kQueued);
  EXPECT_EQ(Say({"DISCARD"}), "+OK\r\n");
  EXPECT_FALSE(transaction_.is_open());
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"SET", "k", "v"}), kQueued);
  transaction_.Reset();
  EXPECT_FALSE(transaction_.is_open());
  EXPECT_EQ(transaction_.kept_bytes(), 0U);
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"EXEC"}), "*0\r\n") << "nothing is left of the others";
}

TEST_F(TransactionTest, OutsideExecAndDiscardAreErrors) {
  EXPECT_EQ(Say({"EXEC"}), "-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(Say({"DISCARD"}), "-ERR DISCARD without MULTI\r\n");
  EXPECT_EQ(Say({"DISCARD", "x"}), "-ERR wrong number of arguments for 'discard' command\r\n");
  EXPECT_EQ(Say({"MULTI", "x"}), "-ERR wrong number of arguments for 'multi' command\r\n");
  EXPECT_EQ(Say({"EXEC", "x"}),
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
            "command\r\n");
  EXPECT_FALSE(transaction_.is_open());
}

TEST_F(TransactionTest, WhatIsRefusedAbortsItAndFreesItsCommands) {
  for (const auto& [words, error] : std::vector<std::pair<Words, std::string>>{
           {{"NOSUCH", "a"}, "-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n"},
           {{"get"}, "-ERR wrong number of arguments for 'get' command\r\n"},
           {{"Config", "foo"}, "-ERR unknown subcommand 'foo'. Try CONFIG HELP.\r\n"},
           {{"CONFIG"}, "-ERR wrong number of arguments for 'config' command\r\n"},
           {{"CONFIG", "SET", "a"}, "-ERR wrong number of arguments for 'config|set' command\r\n"},
           {{"SAVE"}, "-ERR Command not allowed inside a transaction\r\n"},
           {{"MULTI", "x"}, "-ERR wrong number of arguments for 'multi' command\r\n"},
           {{"WATCH"}, "-ERR wrong number of arguments for 'watch' command\r\n"},
           {{"DISCARD", "x"}, "-ERR wrong number of arguments for 'discard' command\r\n"}}) {
    EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
    EXPECT_EQ(Say({"SET", "k", "v"}), kQueued);
    EXPECT_EQ(Say(words), error);
    EXPECT_EQ(transaction_.kept_bytes(), 0U);
    EXPECT_EQ(Say({"SET", "k", "v"}), kQueued) << "as Redis says it";
    EXPECT_EQ(transaction_.kept_bytes(), 0U);
    EXPECT_EQ(Say(words), error);
    EXPECT_EQ(Say({"EXEC"}), kAborted);
    EXPECT_FALSE(transaction_.is_open());
  }
}

TEST_F(TransactionTest, DiscardEndsAnAbortedOne) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_TRUE(Say({"NOSUCH"}).starts_with("-ERR "));
  EXPECT_EQ(Say({"DISCARD"}), "+OK\r\n");
  EXPECT_FALSE(transaction_.is_open());
}

TEST_F(TransactionTest, MultiAndWatchInsideAreErrorsThatLeaveIt) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"SET", "k", "v"}), kQueued);
  EXPECT_EQ(Say({"MULTI"}), "-ERR MULTI calls can not be nested\r\n");
  EXPECT_EQ(Say({"watch", "k"}), "-ERR WATCH inside MULTI is not allowed\r\n");
  EXPECT_EQ(Say({"EXEC"}), "carried out");
}

TEST_F(TransactionTest, ExecWithArgumentsEndsIt) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"SET", "k", "v"}), kQueued);
  EXPECT_TRUE(Say({"EXEC", "now"}).starts_with("-EXECABORT "));
  EXPECT_FALSE(transaction_.is_open());
  EXPECT_EQ(transaction_.kept_bytes(), 0U);
}

// Also those that this endpoint answers itself outside a transaction.
TEST_F(TransactionTest, WhatIsAboutTheConnectionIsRefused) {
  for (const Words& words :
       {Words{"HELLO", "3"}, Words{"AUTH", "p"}, Words{"SELECT", "0"}, Words{"SUBSCRIBE", "c"},
        Words{"MONITOR"}, Words{"CLIENT", "ID"}, Words{"CLIENT", "REPLY", "OFF"},
        Words{"CLIENT", "SETNAME", "n"}, Words{"CLIENT", "TRACKING", "ON"}}) {
    EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
    const std::string error = Say(words);
    EXPECT_TRUE(error.starts_with("-ERR '")) << error;
    EXPECT_NE(error.find("is not available"), std::string::npos) << error;
    EXPECT_EQ(Say({"EXEC"}), kAborted);
  }
}

TEST_F(TransactionTest, WhatBlocksDoesNotBlockInside) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"BLPOP", "k", "0"}), kQueued);
  EXPECT_EQ(Say({"WAIT", "1", "0"}), kQueued);
  EXPECT_EQ(Say({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}), kQueued);
}

TEST_F(TransactionTest, ARedisWithoutMultiOrExecHasNoTransactions) {
  const auto without = [](size_t row) {
    std::vector<std::string> rows = kRows;
    rows.erase(rows.begin() + static_cast<ptrdiff_t>(row));
    return TableOf(rows);
  };
  table_ = without(0);
  EXPECT_TRUE(Say({"MULTI"}).starts_with("-ERR unknown command 'MULTI'"));
  EXPECT_FALSE(transaction_.is_open());
  table_ = without(1);
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n") << "or what follows would be carried out";
  EXPECT_EQ(Say({"SET", "k", "v"}),
            "-ERR transactions are not available: the Redis behind this endpoint lacks MULTI or "
            "EXEC\r\n");
  EXPECT_EQ(Say({"EXEC"}), kAborted);
}

TEST_F(TransactionTest, BeginsWithoutATable) {
  const auto table = std::exchange(table_, nullptr);
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_FALSE(transaction_.has_table());
  EXPECT_TRUE(transaction_.NeedsTableFor(*ParsedCommand({"GET", "k"})));
  for (const char* end : {"EXEC", "DISCARD"}) {
    EXPECT_FALSE(transaction_.NeedsTableFor(*ParsedCommand({end}))) << end;
  }
  transaction_.Renew(table);
  EXPECT_EQ(Say({"GET", "k"}), kQueued);
  transaction_.Abort();
  EXPECT_FALSE(transaction_.NeedsTableFor(*ParsedCommand({"NOSUCH"}))) << "it is over";
  EXPECT_EQ(Say({"EXEC"}), kAborted);
}

TEST_F(TransactionTest, ANewerTableCounts) {
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_TRUE(transaction_.NeedsTableFor(*ParsedCommand({"new"})));
  EXPECT_FALSE(transaction_.NeedsTableFor(*ParsedCommand({"get"})));
  std::vector<std::string> rows = kRows;
  rows.push_back(Described("new", 1, {"write"}, 0, 0, 0));
  transaction_.Renew(TableOf(rows));
  EXPECT_FALSE(transaction_.NeedsTableFor(*ParsedCommand({"new"})));
  EXPECT_EQ(Say({"NEW"}), kQueued);
}

TEST_F(TransactionTest, TakesSoManyCommandsAndNoMore) {
  limits_.commands = 3;
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Say({"GET", "k"}), kQueued);
  EXPECT_EQ(Say({"EXEC"}), "carried out");
  EXPECT_EQ(taken_.size(), 3U);
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Say({"GET", "k"}), kQueued);
  EXPECT_EQ(Say({"GET", "k"}), "-ERR too many commands in one transaction: at most 3\r\n");
  EXPECT_EQ(transaction_.kept_bytes(), 0U);
  EXPECT_EQ(Say({"EXEC"}), kAborted);
}

TEST_F(TransactionTest, TakesSoManyBytesAndNoMore) {
  limits_.bytes = redis::Encode({"GET", "k"}).size() + redis::Encode({"GET", "kk"}).size();
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"GET", "k"}), kQueued);
  EXPECT_EQ(Say({"GET", "kk"}), kQueued);
  EXPECT_EQ(transaction_.kept_bytes(), limits_.bytes);
  EXPECT_EQ(Say({"EXEC"}), "carried out");
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"GET", "k"}), kQueued);
  EXPECT_EQ(Say({"GET", "kkk"}), "-ERR too large a transaction: at most " +
                                     std::to_string(limits_.bytes) + " bytes\r\n");
  EXPECT_EQ(transaction_.kept_bytes(), 0U);
  EXPECT_EQ(Say({"EXEC"}), kAborted);
}

TEST_F(TransactionTest, ACommandForWhichThereIsNoMemoryAbortsIt) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  EXPECT_EQ(Say({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Say({"SET", "k", "v"}), kQueued);
  const ParsedCommand large({"SET", "k", std::string(size_t{64} << 20, 'v')});
  {
    const ScarceMemory scarce;
    EXPECT_EQ(Text(transaction_.Add(*large, limits_)), "-OOM out of memory\r\n");
  }
  EXPECT_EQ(transaction_.kept_bytes(), 0U);
  EXPECT_EQ(Say({"EXEC"}), kAborted);
}

}  // namespace
}  // namespace rp::resp_front
