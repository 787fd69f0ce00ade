#include "base/memory_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace rp {
namespace {

constexpr uint64_t kNoLimit = UINT64_MAX;

// Returns whether `item` is in a list separated by commas.
bool HasItem(const std::string& list, const std::string& item) {
  return ("," + list + ",").find("," + item + ",") != std::string::npos;
}

// Returns kNoLimit for "max" and for text that is not a number.
uint64_t ParseLimit(const std::string& text) {
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc() && end != text.data() ? bytes : kNoLimit;
}

uint64_t MemTotalBytes(const std::string& meminfo) {
  std::istringstream lines(meminfo);
  std::string name;
  uint64_t kib = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (words >> name >> kib && name == "MemTotal:") return kib * 1024;
  }
  return kNoLimit;
}

// A version of cgroups; a system may have both.
struct Generation {
  std::string_view file_system;
  std::string controller;  // among the mount's options and in /proc/self/cgroup; none in version 2
  std::string_view limit_file;
};

struct Mount {
  std::string root;  // the cgroup that is seen at `point`
  std::string point;
};

// Returns where the cgroups are mounted, or a Mount without a point if they are not. proc(5) has
// the format of mountinfo.
Mount FindMount(const std::string& mountinfo, const Generation& generation) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::string id, parent, device, file_system, source, options;
    Mount mount;
    std::istringstream(line) >> id >> parent >> device >> mount.root >> mount.point;
    std::istringstream(line.substr(separator + 3)) >> file_system >> source >> options;
    if (file_system == generation.file_system &&
        (generation.controller.empty() || HasItem(options, generation.controller))) {
      return mount;
    }
  }
  return {};
}

// Returns the cgroup of this process, from lines of "number:controllers:path" (cgroups(7)).
std::string FindPath(const std::string& cgroups, const Generation& generation) {
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (generation.controller.empty() ? controllers.empty()
                                      : HasItem(controllers, generation.controller)) {
      return line.substr(second + 1);
    }
  }
  return {};
}

uint64_t CgroupLimit(const FileReader& read_file, const Generation& generation) {
  const Mount mount = FindMount(read_file("/proc/self/mountinfo"), generation);
  if (mount.point.empty()) return kNoLimit;
  std::string path = FindPath(read_file("/proc/self/cgroup"), generation);
  // In a container the mount may show the container's own cgroup alone, while the path is the one
  // on the host.
  if (mount.root != "/") {
    const bool is_below = path == mount.root || path.starts_with(mount.root + "/");
    path = is_below ? path.substr(mount.root.size()) : "";
  }
  if (!path.starts_with('/') || path == "/" || path.starts_with("/..")) path.clear();
  uint64_t least = kNoLimit;
  for (;;) {
    const std::string file = mount.point + path + "/" + std::string(generation.limit_file);
    least = std::min(least, ParseLimit(read_file(file)));
    if (path.empty()) return least;
    path.resize(path.rfind('/'));
  }
}

}  // namespace

uint64_t UsableMemoryBytes(const FileReader& read_file, uint64_t address_space_bytes) {
  return std::min({MemTotalBytes(read_file("/proc/meminfo")),
                   CgroupLimit(read_file, {"cgroup2", "", "memory.max"}),
                   CgroupLimit(read_file, {"cgroup", "memory", "memory.limit_in_bytes"}),
                   address_space_bytes});
}

uint64_t UsableMemoryBytes() {
  rlimit limit{};
  const bool is_limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return UsableMemoryBytes(
      [](const std::string& path) {
        std::ifstream file(path);
        return std::string(std::istreambuf_iterator<char>(file), {});
      },
      is_limited ? limit.rlim_cur : kNoLimit);
}

}  // namespace rp
