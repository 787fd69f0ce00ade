// A host name that a test can lead to other addresses while the proxy runs. It hides how the
// resolver of the proxy's process gets its answers: from a file, by libnss_wrapper
// (https://cwrap.org/nss_wrapper.html, the Debian package libnss-wrapper).
//
// Owner: the test; it must outlive the proxy.
// Thread safety: any thread may call LeadTo, one at a time.
// Cost: LeadTo writes a file, which each process reads again when it resolves the next name.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "integration/harness/support.h"

namespace rp::integration {

class RenamedHost {
 public:
  // Returns why this machine, or the program under test, cannot have such names, or an empty text.
  [[nodiscard]] static std::string WhyNot() {
    if (Sanitized()) return "a sanitizer wants to be the first library that is loaded";
    if (Library().empty()) return "libnss_wrapper.so is not here (Debian: libnss-wrapper)";
    return "";
  }

  explicit RenamedHost(const std::vector<std::string>& addresses) { LeadTo(addresses); }

  [[nodiscard]] const std::string& name() const { return name_; }

  // For the process that is to know the name: ProxyOptions::environment.
  [[nodiscard]] std::vector<std::string> Environment() const {
    return {"LD_PRELOAD=" + Library(), "NSS_WRAPPER_HOSTS=" + path_};
  }

  // From now on the name has these numeric addresses, in this order; with none, it is unknown.
  void LeadTo(const std::vector<std::string>& addresses) const {
    const std::string next = path_ + ".next";
    std::ofstream file(next);
    for (const std::string& address : addresses) file << address << " " << name_ << "\n";
    file.close();
    // Renamed, so that nobody reads half of it, and the file is another one than before.
    RP_CHECK(file.good() && std::rename(next.c_str(), path_.c_str()) == 0);
  }

  // From now on the resolver hangs. Returns what must be closed to let it go on, once somebody
  // hangs in it; nothing if nobody does within `limit`.
  [[nodiscard]] UniqueFd HangFor(Duration limit) const {
    const std::string next = path_ + ".next";
    RP_CHECK(mkfifo(next.c_str(), 0600) == 0 && std::rename(next.c_str(), path_.c_str()) == 0);
    UniqueFd writer;
    // Without a reader it cannot be opened.
    static_cast<void>(Eventually(
        [&] {
          writer = UniqueFd(open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
          return static_cast<bool>(writer);
        },
        limit));
    return writer;
  }

 private:
  static std::string Library() {
    // Where Debian's machines of 64 bits have it.
    for (const char* path : {"/usr/lib/x86_64-linux-gnu/libnss_wrapper.so",
                             "/usr/lib/aarch64-linux-gnu/libnss_wrapper.so"}) {
      if (access(path, R_OK) == 0) return path;
    }
    return "";
  }

  const std::string name_ = "redis.test";
  const TempDir directory_;
  const std::string path_ = directory_.path() + "/hosts";
};

}  // namespace rp::integration
