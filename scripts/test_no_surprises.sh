#!/usr/bin/env bash
# test_no_surprises.sh: shows that only the goals that say so install anything. Each goal runs on a machine, made of
# links, that lacks one tool and on which sudo and apt-get only write down that they were called: it must fail, name what
# is missing and the command that installs it, and call neither. Nothing is built. Reads MAKE.
set -u
unset MAKEFLAGS MAKELEVEL
machine=$(mktemp -d)
trap 'rm -rf "$machine"' EXIT
calls=$machine/calls
fail() {
  echo "scripts-test: $1" >&2
  exit 1
}

mkdir "$machine/bin"
# The first of the same name counts, as in PATH. Links of links that lead through /etc/alternatives are no matter.
IFS=: read -ra folders <<<"$PATH:/usr/sbin:/sbin"
for folder in "${folders[@]}"; do
  ln -s "$folder"/* "$machine/bin" 2>/dev/null
done
rm -f "$machine/bin/sudo" "$machine/bin/apt-get"
printf '#!/bin/sh\necho "$(basename "$0") $*" >>"%s"\nexit 1\n' "$calls" >"$machine/bin/apt-get"
cp "$machine/bin/apt-get" "$machine/bin/sudo"
chmod 755 "$machine/bin/sudo" "$machine/bin/apt-get"

# run TOOL GOAL: makes GOAL where TOOL is missing. Sets `output` and `status`.
run() {
  local link=$machine/bin/$1
  rm -f "$calls"
  [ ! -e "$link" ] || mv "$link" "$machine/hidden"
  status=0
  output=$(PATH=$machine/bin "$MAKE" --no-print-directory DOCKER=false "$2" 2>&1 </dev/null) || status=$?
  [ ! -e "$machine/hidden" ] || mv "$machine/hidden" "$link"
}

tried=0
# only_says TOOL PACKAGE COMMAND GOAL...
only_says() {
  local goal
  for goal in "${@:4}"; do
    run "$1" "$goal"
    [ ! -e "$calls" ] || fail "make $goal calls $(head -n 1 "$calls")"
    [ "$status" -ne 0 ] || fail "make $goal succeeds without $1"
    case $output in
      *"Missing: $2. Run \`$3\`"*) ;;
      *) fail "make $goal without $1 does not name $2 and $3, but says: $output" ;;
    esac
    tried=$((tried + 1))
  done
}
only_says g++ g++ 'make deps' all redis-proxy tests install
only_says redis-server redis-server 'make deps' check unit integration tests asan tsan coverage coherence-check \
  coherence-mutants bench clients-test
only_says clang-format clang-format 'make deps-dev' lint format
only_says clang-tidy clang-tidy 'make deps-dev' tidy
only_says clang++ 'clang libclang-rt-dev' 'make deps-dev' fuzz
only_says lcov lcov 'make deps-dev' coverage
only_says spin spin 'make deps-dev' model model-mutants
only_says tclsh tcl 'make deps-dev' valkey-suite
only_says wrk wrk 'make deps-bench' bench

# With nothing missing, no goal goes on to install: what it would do does not mention the installer.
for goal in all tests check unit integration lint tidy bench coherence-check install; do
  ! "$MAKE" -n "$goal" 2>/dev/null | grep -q install_missing || fail "make $goal installs"
done

# installs TOOL PACKAGE GOAL...: the others do install, and would say so.
installs() {
  local goal
  for goal in "${@:3}"; do
    run "$1" "$goal"
    grep -q '^apt-get \|^sudo ' "$calls" 2>/dev/null || fail "make $goal does not install what is missing"
    [ "$status" -ne 0 ] || fail "make $goal does not fail where $2 cannot be installed"
    case $output in *"installing $2"*) ;; *) fail "make $goal does not say that it installs $2" ;; esac
    tried=$((tried + 1))
  done
}
installs redis-server redis-server deps run test
installs clang-format clang-format deps-dev
installs wrk wrk deps-bench
echo "scripts-test: ok, $tried goals"
