// How much memory this process may use before the kernel ends it: the machine's memory, and the
// limits that containers and shells set. Hides where Linux publishes them.
//
// Owner: nobody; functions.
// Thread safety: any thread.
// Cost: some file reads; for the start of the program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace rp {

// Returns the text of a file, or an empty text if the file cannot be read.
using FileReader = std::function<std::string(const std::string& path)>;

// Returns the least of these limits in bytes, or UINT64_MAX if none is known:
// * MemTotal of /proc/meminfo (proc(5));
// * memory.max of this process's cgroup and of those above it, as far as they are mounted
//   (https://docs.kernel.org/admin-guide/cgroup-v2.html);
// * memory.limit_in_bytes of the same, with cgroups of version 1;
// * `address_space_bytes`, which is RLIMIT_AS.
uint64_t UsableMemoryBytes(const FileReader& read_file, uint64_t address_space_bytes);

// Returns the same, read from this system.
uint64_t UsableMemoryBytes();

}  // namespace rp
