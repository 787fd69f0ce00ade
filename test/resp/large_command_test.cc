#include "resp/large_command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "test/resp/request_table.h"
#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::resp {
namespace {

std::string Joined(const LargeCommand& command) {
  std::string bytes;
  for (const std::string_view piece : command.pieces()) bytes += piece;
  EXPECT_EQ(bytes.size(), command.bytes());
  return bytes;
}

// Has the argument arrive in rooms of at most `step` bytes.
void AddSlowly(std::string_view argument, size_t step, LargeCommand* command) {
  ASSERT_TRUE(command->StartArgument(argument.size()));
  while (command->missing() > 0) {
    const std::span<char> room = command->Room(step);
    ASSERT_FALSE(room.empty());
    ASSERT_LE(room.size(), step);
    std::copy_n(argument.end() - static_cast<ptrdiff_t>(command->missing()), room.size(),
                room.begin());
    command->Grow(room.size());
  }
  command->EndArgument();
}

TEST(StoredCommandTest, IsTheSameArrayHoweverItsArgumentsCome) {
  const std::string large(300'000, 'l');
  const std::shared_ptr<LargeCommand> command = LargeCommand::Make(5);
  ASSERT_TRUE(command->Append("SET"));
  AddSlowly(large, 7000, command.get());
  ASSERT_TRUE(command->Append(""));
  ASSERT_TRUE(command->Append("a\r\nb"));
  AddSlowly("x", 1, command.get());
  const std::vector<std::string> arguments = {"SET", large, "", "a\r\nb", "x"};
  EXPECT_EQ(Joined(*command), Array(arguments));
  EXPECT_EQ(command->pieces().size(), 4u) << "small arguments that follow each other are one piece";
  ASSERT_EQ(command->size(), arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    EXPECT_EQ((*command)[i], arguments[i]);
    EXPECT_EQ(command->Bulk(i).bytes,
              "$" + std::to_string(arguments[i].size()) + "\r\n" + arguments[i] + "\r\n");
  }
}

TEST(StoredCommandTest, HasAsManyArgumentsAsThereAre) {
  std::vector<std::string> arguments;
  for (int i = 0; i < 70'000; ++i) arguments.emplace_back(static_cast<size_t>(i % 50), 'a');
  const std::shared_ptr<LargeCommand> command = LargeCommand::Make(arguments.size());
  for (const std::string& argument : arguments) ASSERT_TRUE(command->Append(argument));
  EXPECT_EQ(Joined(*command), Array(arguments));
  for (size_t i = 0; i < arguments.size(); ++i) ASSERT_EQ((*command)[i], arguments[i]) << i;
  EXPECT_LE(command->held_bytes(), 3 * command->bytes());
}

TEST(StoredCommandTest, TakesMemoryForWhatHasComeNotForWhatIsAnnounced) {
  const std::shared_ptr<LargeCommand> command = LargeCommand::Make(2'000'000'000);
  ASSERT_TRUE(command->Append("SET"));
  ASSERT_TRUE(command->StartArgument(512 << 20));
  EXPECT_LE(command->held_bytes(), size_t{512} << 10);
  for (int i = 0; i < 16; ++i) {
    const std::span<char> room = command->Room(64 << 10);
    command->Grow(room.size());
  }
  EXPECT_LE(command->held_bytes(), size_t{3} << 20);
}

TEST(StoredCommandTest, IsSharedUntilTheLastLeaves) {
  std::shared_ptr<LargeCommand> command = LargeCommand::Make(1);
  AddSlowly(std::string(8 << 20, 'v'), 8 << 20, command.get());
  const SharedBytes bulk = command->Bulk(0);
  command.reset();
  EXPECT_EQ(bulk.bytes, "$8388608\r\n" + std::string(8 << 20, 'v') + "\r\n");
}

TEST(StoredCommandTest, SaysThatThereIsNoMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  const std::shared_ptr<LargeCommand> command = LargeCommand::Make(3);
  ASSERT_TRUE(command->Append("a"));
  ASSERT_TRUE(command->StartArgument(64 << 20));
  const ScarceMemory scarce;
  size_t arrived = 0;
  for (;;) {
    const std::span<char> room = command->Room(16 << 10);
    if (room.empty()) break;
    command->Grow(room.size());
    arrived += room.size();
    ASSERT_LT(arrived, size_t{64} << 20);
  }
  EXPECT_EQ(command->missing(), (size_t{64} << 20) - arrived);
}

}  // namespace
}  // namespace rp::resp
