#!/bin/sh
# tidy.sh SOURCE...: clang-tidy over each source, and the headers of include/ that it includes, with the checks of
# .clang-tidy and the flags of compile_commands.json; as many at a time as there are processors. Reads CLANG_TIDY.
set -u
printf '%s\n' "$@" |
  xargs -P "$(nproc 2>/dev/null || echo 2)" -I{} sh -c '"$1" -p . --quiet "$2" 2>/dev/null' sh "$CLANG_TIDY" {}
