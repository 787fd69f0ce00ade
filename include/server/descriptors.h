// How many clients fit into the file descriptors that the process may have open. Hides what the
// server needs beside its clients.
//
// Everything is counted at the start, so that a client over the limit is told so: a server that
// runs out of descriptors can only leave it waiting.
//
// Thread safety: main's thread, before there are others.
#pragma once

#include <sys/resource.h>

#include <cstddef>

#include "base/result.h"
#include "config/options.h"

namespace rp::server {

// File descriptors of this process.
struct Descriptors {
  rlim_t limit = 0;  // how many may be open (RLIMIT_NOFILE)
  rlim_t open = 0;   // how many of these are open
};

// Raises the soft limit as far as `options` can use it and the hard limit permits.
[[nodiscard]] Descriptors RaiseDescriptorLimit(const config::Options& options);

// How many connections of clients there may be at a time.
struct ClientPlaces {
  size_t served = 0;   // 1 or more
  size_t refused = 0;  // beyond those, who are told so; 1 to ClientCount::kMostRefused
};

// Returns -max-clients, or fewer served where descriptors are few. With too few for one client to
// be served and one to be told so, an error that says how many are needed and there.
[[nodiscard]] Result<ClientPlaces> PlaceClients(const config::Options& options,
                                                const Descriptors& descriptors);

// How many descriptors `options` can use, those included that are open.
[[nodiscard]] rlim_t WantedDescriptors(const config::Options& options, rlim_t open);

}  // namespace rp::server
