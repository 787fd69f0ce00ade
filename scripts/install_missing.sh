#!/bin/sh
# install_missing.sh GOAL [-optional] GROUP...: installs with apt-get what these groups need (see missing.sh) and is not
# here. Of optional groups, each package is installed on its own, and it is no failure if one cannot be had.
set -eu
goal=$1 optional=''
shift
[ "$1" != -optional ] || { optional=1; shift; }

missing=$(sh scripts/missing.sh "$@" | paste -s -d ' ' -)
[ -n "$missing" ] || { echo "$goal: nothing is missing"; exit 0; }
command -v apt-get >/dev/null || { echo "$goal: please install these packages (names in Debian): $missing" >&2; exit 1; }
as_root=''
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "$goal: please install these packages as root: $missing" >&2; exit 1; }
  as_root=sudo
fi
echo "$goal: installing $missing"
$as_root apt-get update -qq

# The services that packages bring are not started for as long as this runs; those that are new may be at the next boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi
install() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}
if [ -n "$optional" ]; then
  for package in $missing; do
    install "$package" || echo "$goal: cannot install $package" >&2
  done
else
  # shellcheck disable=SC2086 # a list of packages
  install $missing
fi
