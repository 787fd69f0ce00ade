#!/bin/sh
# require.sh GROUP...: fails if something that these groups need (see missing.sh) is not here, and says what and which
# command installs it. Installs nothing itself. The peers of the benchmark may be missing: that is only said.
set -u
status=0
for group; do
  case $group in
    build | test) command='make deps' ;;
    bench | peers) command='make deps-bench' ;;
    *) command='make deps-dev' ;;
  esac
  packages=$(sh scripts/missing.sh "$group" | paste -s -d ' ' -)
  [ -n "$packages" ] || continue
  if [ "$group" = peers ]; then
    echo "Not installed, so not measured: $packages. Run \`$command\` to install those that are available."
  else
    echo "Missing: $packages. Run \`$command\` to install it." >&2
    status=1
  fi
done
exit "$status"
