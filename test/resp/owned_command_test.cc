#include "resp/owned_command.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::resp {
namespace {

std::vector<std::string> Arguments(const Command& command) {
  std::vector<std::string> arguments;
  for (size_t i = 0; i < command.size(); ++i) arguments.emplace_back(command[i]);
  return arguments;
}

std::string Encoded(const OwnedCommand& owned) {
  std::vector<std::string_view> pieces;
  owned.AppendPieces(&pieces);
  std::string bytes;
  for (const std::string_view piece : pieces) bytes += piece;
  EXPECT_EQ(bytes.size(), owned.bytes());
  return bytes;
}

// Parses `bytes`, lets `*owned` take a copy, and overwrites them.
bool AssignFrom(std::string bytes, OwnedCommand* owned) {
  const RequestLimits limits;
  RequestReader reader(limits);
  Command command;
  EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  const bool assigned = owned->Assign(command);
  bytes.assign(bytes.size(), '?');
  return assigned;
}

TEST(OwnedCommandTest, KeepsItsArgumentsWhenTheBufferIsGone) {
  OwnedCommand owned;
  EXPECT_TRUE(owned.empty());
  ASSERT_TRUE(AssignFrom("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n", &owned));
  EXPECT_EQ(Arguments(owned.arguments()), (std::vector<std::string>{"SET", "", "a\r\nb"}));
  EXPECT_EQ(Encoded(owned), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
}

TEST(OwnedCommandTest, EncodesAnInlineCommandAsAnArray) {
  OwnedCommand owned;
  ASSERT_TRUE(AssignFrom("get  \"a b\"\r\n", &owned));
  EXPECT_EQ(Encoded(owned), "*2\r\n$3\r\nget\r\n$3\r\na b\r\n");
  EXPECT_EQ(Arguments(owned.arguments()), (std::vector<std::string>{"get", "a b"}));
}

TEST(OwnedCommandTest, AssignReplacesWhatWasThere) {
  OwnedCommand owned;
  ASSERT_TRUE(AssignFrom("SET key value\r\n", &owned));
  ASSERT_TRUE(AssignFrom("PING\r\n", &owned));
  EXPECT_EQ(Arguments(owned.arguments()), std::vector<std::string>{"PING"});
  EXPECT_EQ(Encoded(owned), "*1\r\n$4\r\nPING\r\n");
}

TEST(OwnedCommandTest, ClearKeepsAFewBytesAndGivesBackMore) {
  OwnedCommand owned;
  ASSERT_TRUE(AssignFrom("SET key value\r\n", &owned));
  owned.Clear();
  EXPECT_TRUE(owned.empty());
  EXPECT_GT(owned.AllocatedBytes(), 0u);
  EXPECT_LE(owned.AllocatedBytes(), OwnedCommand::kKeptBytes);
  ASSERT_TRUE(AssignFrom("SET key " + std::string(1000, 'v') + "\r\n", &owned));
  owned.Clear();
  EXPECT_EQ(owned.AllocatedBytes(), 0u);
}

TEST(OwnedCommandTest, HoldsNothingIfThereIsNoMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  const std::string bytes = "*1\r\n$1048576\r\n" + std::string(1 << 20, 'v') + "\r\n";
  const RequestLimits limits;
  RequestReader reader(limits);
  Command command;
  ASSERT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  OwnedCommand owned;
  {
    const ScarceMemory scarce;
    EXPECT_FALSE(owned.Assign(command));
  }
  EXPECT_TRUE(owned.empty());
  EXPECT_TRUE(owned.Assign(command));
}

TEST(OwnedCommandTest, SharesALargeCommand) {
  const std::string bytes = "*2\r\n$4\r\nECHO\r\n$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  const RequestLimits limits;
  RequestReader reader(limits);
  Command command;
  const std::string_view all(bytes);
  ASSERT_EQ(reader.Parse(all.substr(0, 1000), &command), ParseStatus::kNeedMore);
  ASSERT_EQ(reader.Parse(all.substr(reader.taken()), &command), ParseStatus::kDone);
  const char* const argument = command[1].data();
  OwnedCommand owned;
  ASSERT_TRUE(owned.Assign(command));
  reader.EndCommand();
  EXPECT_FALSE(owned.empty());
  EXPECT_EQ(Encoded(owned), bytes);
  EXPECT_EQ(Arguments(owned.arguments()),
            (std::vector<std::string>{"ECHO", std::string(100'000, 'x')}));
  EXPECT_EQ(owned.arguments()[1].data(), argument) << "it has been copied";
  OwnedCommand other = std::move(owned);
  EXPECT_TRUE(owned.empty());
  EXPECT_EQ(other.arguments()[1].data(), argument);
  ASSERT_TRUE(AssignFrom("PING\r\n", &other));
  EXPECT_EQ(Arguments(other.arguments()), std::vector<std::string>{"PING"});
  other.Clear();
  EXPECT_TRUE(other.empty());
}

}  // namespace
}  // namespace rp::resp
