// The tool of the build that writes docs/redis-proxy.1: prints the man page for the version in
// argv[1].

#include <cstdio>
#include <cstdlib>

#include "config/man_page.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: man VERSION\n", stderr);
    return EXIT_FAILURE;
  }
  std::fputs(rp::config::ManPage(argv[1]).c_str(), stdout);
  return EXIT_SUCCESS;
}
