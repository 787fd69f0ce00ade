// Descriptors: how many clients fit into the file descriptors that the process may have open. Hides
// what the server needs besides its clients.
//
// Everything is counted at the start, so that a client over the limit gets an answer: a server that
// has run out of descriptors can only let it wait.
//
// Owner: nobody; values and functions. Thread safety: the main thread, before there are others.
// Cost: for the start of the program.
#pragma once

#include <sys/resource.h>

#include <cstddef>

#include "base/result.h"
#include "config/options.h"

namespace rp::server {

// Returns whether the server has a redis::AddressWatch: with -coherent always, without it if the
// addresses of Redis can change.
[[nodiscard]] bool WatchesAddress(const config::Options& options);

// File descriptors of this process.
struct Descriptors {
  rlim_t limit = 0;  // how many may be open (RLIMIT_NOFILE)
  rlim_t open = 0;   // how many of these are open
};

// Raises the soft limit to what `options` can use, or to the hard limit if that is less. Returns
// what the process has after it.
[[nodiscard]] Descriptors RaiseDescriptorLimit(const config::Options& options);

// How many client connections there may be at a time.
struct ClientPlaces {
  size_t served = 0;   // 1 or more
  size_t refused = 0;  // beyond those, answered 503; 1 to ClientCount::kMaxRefused
};

// Returns -max-clients as `served`, or fewer if there are too few descriptors for them. If there
// are too few to serve one client and refuse one, returns an error that says how many are needed
// and how many there are.
[[nodiscard]] Result<ClientPlaces> PlaceClients(const config::Options& options,
                                                const Descriptors& descriptors);

// Returns how many descriptors `options` can use, with the `open` ones.
[[nodiscard]] rlim_t WantedDescriptors(const config::Options& options, rlim_t open);

}  // namespace rp::server
