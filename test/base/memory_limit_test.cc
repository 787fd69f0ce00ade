#include "base/memory_limit.h"

#include <gtest/gtest.h>

#include <map>

namespace rp {
namespace {

constexpr uint64_t kNoLimit = UINT64_MAX;
constexpr uint64_t kMiB = 1 << 20;

constexpr const char* kMeminfo =
    "MemTotal:        8388608 kB\nMemFree:          123456 kB\nMemAvailable:    2345678 kB\n";
constexpr const char* kMountinfo2 =
    "23 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
// As on a host, and as in a container without a namespace of its own for cgroups.
constexpr const char* kMountinfo1 =
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";
constexpr const char* kMountinfo1Container =
    "35 31 0:32 /docker/4711 /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory\n";

uint64_t Usable(const std::map<std::string, std::string>& files,
                uint64_t address_space_bytes = kNoLimit) {
  return UsableMemoryBytes(
      [&](const std::string& path) {
        const auto found = files.find(path);
        return found == files.end() ? std::string() : found->second;
      },
      address_space_bytes);
}

TEST(UsableMemoryBytesTest, IsWhatTheMachineHasWithoutAnyLimit) {
  EXPECT_EQ(Usable({{"/proc/meminfo", kMeminfo}}), 8192 * kMiB);
  EXPECT_EQ(Usable({}), kNoLimit) << "nothing is known";
}

TEST(UsableMemoryBytesTest, IsTheLimitOfTheAddressSpaceIfThatIsLess) {
  EXPECT_EQ(Usable({{"/proc/meminfo", kMeminfo}}, 200 * kMiB), 200 * kMiB);
  EXPECT_EQ(Usable({{"/proc/meminfo", kMeminfo}}, 9000 * kMiB), 8192 * kMiB);
}

TEST(UsableMemoryBytesTest, IsTheLeastLimitUpTheHierarchyOfCgroups) {
  std::map<std::string, std::string> files = {
      {"/proc/meminfo", kMeminfo},
      {"/proc/self/mountinfo", kMountinfo2},
      {"/proc/self/cgroup", "0::/pods/one\n"},
      {"/sys/fs/cgroup/pods/one/memory.max", "max\n"},
      {"/sys/fs/cgroup/pods/memory.max", "max\n"},
  };
  EXPECT_EQ(Usable(files), 8192 * kMiB);
  files["/sys/fs/cgroup/pods/memory.max"] = "134217728\n";
  EXPECT_EQ(Usable(files), 128 * kMiB);
  files["/sys/fs/cgroup/pods/one/memory.max"] = "67108864\n";
  EXPECT_EQ(Usable(files), 64 * kMiB);
  files["/sys/fs/cgroup/memory.max"] = "1048576\n";
  EXPECT_EQ(Usable(files), kMiB) << "the root of a container's namespace has a limit as well";
}

TEST(UsableMemoryBytesTest, IsTheLimitOfAContainerThatSeesItselfAsTheRoot) {
  for (const char* path : {"0::/\n", "0::/../../other\n"}) {
    EXPECT_EQ(Usable({{"/proc/self/mountinfo", kMountinfo2},
                      {"/proc/self/cgroup", path},
                      {"/sys/fs/cgroup/memory.max", "67108864\n"}}),
              64 * kMiB);
  }
}

TEST(UsableMemoryBytesTest, KnowsCgroupsOfVersion1) {
  const char* const cgroups = "5:devices:/\n4:cpu,memory:/a/b\n0::/\n";
  std::map<std::string, std::string> files = {
      {"/proc/meminfo", kMeminfo},
      {"/proc/self/mountinfo", kMountinfo1},
      {"/proc/self/cgroup", cgroups},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"},
  };
  EXPECT_EQ(Usable(files), 8192 * kMiB);
  files["/sys/fs/cgroup/memory/a/memory.limit_in_bytes"] = "67108864\n";
  EXPECT_EQ(Usable(files), 64 * kMiB);
}

TEST(UsableMemoryBytesTest, FindsTheMountedPartOfAPathOnTheHost) {
  for (const char* path : {"4:memory:/docker/4711\n", "4:memory:/elsewhere\n"}) {
    EXPECT_EQ(Usable({{"/proc/self/mountinfo", kMountinfo1Container},
                      {"/proc/self/cgroup", path},
                      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"}}),
              64 * kMiB);
  }
  EXPECT_EQ(Usable({{"/proc/self/mountinfo", kMountinfo1Container},
                    {"/proc/self/cgroup", "4:memory:/docker/4711/below\n"},
                    {"/sys/fs/cgroup/memory/below/memory.limit_in_bytes", "1048576\n"}}),
            kMiB);
}

TEST(UsableMemoryBytesTest, IsSomethingOnThisMachine) {
  EXPECT_GT(UsableMemoryBytes(), kMiB);
  EXPECT_LT(UsableMemoryBytes(), kNoLimit);
}

}  // namespace
}  // namespace rp
