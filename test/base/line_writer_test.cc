#include "base/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "test/support/stuck_pipe.h"

namespace rp {
namespace {

using std::chrono::milliseconds;

// A file on a disk that is full when the file has `bytes`. Nothing else may write to files
// meanwhile, so that what the test expects comes after it.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*const handler_)(int);
  rlimit before_{};
};

class TempFile {
 public:
  TempFile() : fd_(mkostemp(path_.data(), O_APPEND | O_CLOEXEC)) { unlink(path_.c_str()); }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::string Text() const {
    std::array<char, 4096> buffer;
    const ssize_t bytes = pread(fd(), buffer.data(), buffer.size(), 0);
    return bytes <= 0 ? "" : std::string(buffer.data(), static_cast<size_t>(bytes));
  }

 private:
  std::string path_ = "/tmp/redis-proxy-test-XXXXXX";
  const UniqueFd fd_;
};

TEST(LineWriterTest, ALineThatAFullDiskTornIsFinishedBeforeAnotherBegins) {
  const TempFile file;
  LineWriter writer(file.fd());
  bool torn = false;
  bool lost = false;
  {
    const FullDisk disk(10);
    torn = writer.Write("0123456789abcdef\n");
    lost = !writer.Write("lost\n");
  }
  EXPECT_TRUE(torn) << "it will be finished";
  EXPECT_TRUE(lost);
  EXPECT_EQ(file.Text(), "0123456789");
  EXPECT_TRUE(writer.Write("next\n"));
  EXPECT_EQ(file.Text(), "0123456789abcdef\nnext\n");
}

TEST(LineWriterTest, ALineOfWhichNothingFitsIsLostAndOneThatJustFitsIsNot) {
  const TempFile file;
  LineWriter writer(file.fd());
  std::array<bool, 3> written{};
  {
    const FullDisk disk(8);
    for (bool& one : written) one = writer.Write("1234\n");
  }
  EXPECT_EQ(written, (std::array<bool, 3>{true, true, false}));
  EXPECT_TRUE(writer.Write("5\n"));
  EXPECT_EQ(file.Text(), "1234\n1234\n5\n");
}

TEST(LineWriterTest, WaitsForRoomWhereAnotherProcessHasMadeTheDescriptorNonBlocking) {
  StuckPipe pipe;
  ASSERT_EQ(fcntl(pipe.write_fd(), F_SETFL, O_WRONLY | O_NONBLOCK), 0);
  bool written = false;
  std::thread thread([&] { written = LineWriter(pipe.write_fd()).Write("line\n"); });
  std::string text;
  while (text.empty()) text = pipe.Read(1);
  thread.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(text, "line\n");
}

TEST(LineWriterTest, ASocketThatTakesALineInPiecesGetsAllOfIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd socket(ends[1]);
  const int small = 1;
  ASSERT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
  const std::string line = std::string(100000, 'x') + "\n";
  bool written = false;
  std::thread thread([&] { written = LineWriter(socket.get()).Write(line); });
  std::string text;
  while (text.size() < line.size()) {
    std::array<char, 1000> buffer;
    const ssize_t bytes = read(reader.get(), buffer.data(), buffer.size());
    if (bytes > 0) text.append(buffer.data(), static_cast<size_t>(bytes));
  }
  thread.join();
  EXPECT_TRUE(written);
  EXPECT_TRUE(text == line);
}

TEST(WriteWithinTest, GivesUpOnAPipeThatNobodyReadsAndWritesWhenThereIsRoom) {
  StuckPipe pipe;
  EXPECT_FALSE(WriteWithin(pipe.write_fd(), "lost\n", milliseconds(1)));
  pipe.Empty();
  EXPECT_TRUE(WriteWithin(pipe.write_fd(), "line\n", milliseconds(1)));
  EXPECT_EQ(pipe.Read(), "line\n");
}

}  // namespace
}  // namespace rp
