#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace rp {
namespace {

int OpenSomething() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool IsOpen(int fd) { return fcntl(fd, F_GETFD) != -1; }

TEST(UniqueFdTest, OwnsNothingByDefault) {
  EXPECT_FALSE(UniqueFd());
  EXPECT_EQ(UniqueFd().get(), -1);
}

TEST(UniqueFdTest, ClosesWhatItOwnsAtItsEnd) {
  const int number = OpenSomething();
  {
    const UniqueFd fd(number);
    EXPECT_TRUE(fd);
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(UniqueFdTest, HandsItsDescriptorOnWhenItIsMoved) {
  UniqueFd from(OpenSomething());
  UniqueFd to(OpenSomething());
  const int moved = from.get();
  const int replaced = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), moved);
  EXPECT_TRUE(IsOpen(moved));
  EXPECT_FALSE(IsOpen(replaced));
}

TEST(UniqueFdTest, GivesUpItsDescriptorUnclosedAtRelease) {
  UniqueFd fd(OpenSomething());
  const UniqueFd released(fd.Release());
  EXPECT_FALSE(fd);
  EXPECT_TRUE(IsOpen(released.get()));
}

}  // namespace
}  // namespace rp
