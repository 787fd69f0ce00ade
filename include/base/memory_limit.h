// How much memory this process may use before somebody ends it: what the machine has, and the
// limits that containers and shells set. Hides where Linux writes them down.
//
// Thread safety: any thread. Cost: some file reads, for the start of the program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace rp {

// The text of a file, empty where it cannot be read.
using FileReader = std::function<std::string(const std::string& path)>;

// The least of these, in bytes, and UINT64_MAX where none is known: MemTotal of /proc/meminfo
// (proc(5)); memory.max of this process's cgroup and of those above it, as far as they are mounted
// (https://docs.kernel.org/admin-guide/cgroup-v2.html); the same of memory.limit_in_bytes where
// cgroups are of version 1; `address_space_bytes`, which is RLIMIT_AS.
uint64_t UsableMemoryBytes(const FileReader& read_file, uint64_t address_space_bytes);

// The same of the system as it is.
uint64_t UsableMemoryBytes();

}  // namespace rp
