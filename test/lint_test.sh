#!/usr/bin/env bash
# Shows that each awk program of lint finds what it forbids and leaves alone what it allows.
set -u
lint=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
mkdir -p include/http include/base src/http src/base
failures=0

# good PROGRAM FILE...: nothing is found. bad TEXT PROGRAM FILE...: an offence with TEXT is found, and nothing else.
good() {
  output=$(awk -f "$lint/$1" "${@:2}" 2>&1) && [ -z "$output" ] && return
  echo "lint-test: $1 takes what is allowed for an offence: $output" >&2
  failures=$((failures + 1))
}
bad() {
  output=$(awk -f "$lint/$2" "${@:3}" 2>&1) || case $output in
    *"
"*) ;;
    *"$1"*) return ;;
  esac
  echo "lint-test: $2 says '$output' where it should say '$1'" >&2
  failures=$((failures + 1))
}
lines() { seq "$1" | sed 's|.*|  x = x + 1;|'; }

# --- sizes.awk: 400 lines a file, 70 a function -----------------------------------------------------------------------
# function_of LINES SIGNATURE [INDENT]: a function of so many lines, from its signature to its closing brace.
function_of() {
  printf '%s%s {\n' "${3-}" "$2"
  lines $(($1 - 2))
  printf '%s}\n' "${3-}"
}
in_namespace() {
  printf 'namespace rp {\nnamespace {\n\n'
  cat
  printf '\n}  // namespace\n}  // namespace rp\n'
}
in_class() {
  printf 'class A final : public B {\n public:\n  int a() const { return 1; }\n\n'
  cat
  printf '  static constexpr int kA = 1;\n};\n'
}
for signature in 'int F(int a = 3)' 'A& operator=(const A& a)' 'std::vector<int> A::F(std::string_view text) const' \
  'template <typename T> int F(T* t)' '[[nodiscard]] bool F() noexcept'; do
  function_of 70 "$signature" | in_namespace >f.cc && good sizes.awk f.cc
  function_of 71 "$signature" | in_namespace >f.cc && bad 'f.cc:4: the function has 71 lines' sizes.awk f.cc
  function_of 70 "$signature" '  ' | in_class | in_namespace >f.cc && good sizes.awk f.cc
  function_of 71 "$signature" '  ' | in_class | in_namespace >f.cc && bad 'the function has 71 lines' sizes.awk f.cc
done
{ printf 'A::A(int a)\n    : a_(a),\n'; function_of 68 'b_{a}' '      '; } | sed 's/^      }/}/' >f.cc && good sizes.awk f.cc
{ printf 'A::A(int a)\n    : a_(a),\n'; function_of 69 'b_{a}' '      '; } | sed 's/^      }/}/' >f.cc &&
  bad 'f.cc:1: the function has 71 lines' sizes.awk f.cc
{ function_of 60 'void F()'; function_of 60 'void G()'; } >f.cc && good sizes.awk f.cc
function_of 71 'constexpr int kTable[] =' | sed 's/^}/};/' >f.cc && good sizes.awk f.cc
function_of 71 'enum class E : int' | sed 's/^}/};/' >f.cc && good sizes.awk f.cc
{ printf 'static_assert(\n    [] {\n      return true;\n    }(),\n    "text");\n\n'; function_of 70 'void F()'; } >f.cc &&
  good sizes.awk f.cc
{ printf '#define M(x) \\\n  if (x) {   \\\n  }\n// if {\nconst char kBrace[] = "{";\n'; function_of 71 'void F()'; } >f.cc &&
  bad 'f.cc:6: the function has 71 lines' sizes.awk f.cc
seq 400 | sed 's|^|// |' >f.h && good sizes.awk f.h
seq 401 | sed 's|^|// |' >g.h && bad 'g.h:401: the file has 401 lines' sizes.awk g.h f.h

# --- headers.awk: owner, thread safety, cost, once ----------------------------------------------------------------------
printf '// What it is for.\n//\n// Owner: the server. Thread safety: none.\n// Cost: O(1).\n#pragma once\n' >good.h
echo 'int a;' >f.cc
good headers.awk good.h f.cc good.h
good headers.awk f.cc
for label in Owner 'Thread safety' Cost; do
  sed "s/$label: [^.]*\.//" good.h >bad.h && bad "does not say \`$label:\`" headers.awk bad.h good.h
  { sed "s/$label: [^.]*\.//" good.h; echo "// $label: far from the top."; } >bad.h &&
    bad "does not say \`$label:\`" headers.awk good.h bad.h
done
sed 's/Cost: .*/Cost:/' good.h >bad.h && bad 'does not say `Cost:`' headers.awk bad.h good.h
sed 's/#pragma once//' good.h >bad.h && bad 'no #pragma once' headers.awk bad.h good.h

# --- layers.awk: who may include whom -----------------------------------------------------------------------------------
echo '#include "base/time.h"' >include/http/a.h
printf '#include "http/a.h"\n\n#include "base/time.h"\n' >src/http/a.cc
good layers.awk include/http/a.h src/http/a.cc
printf '#include "base/time.h"\n#include "http/a.h"\n' >src/http/a.cc
bad 'includes another header before its own' layers.awk include/http/a.h src/http/a.cc
echo '#include "redis/gate.h"' >src/http/b.cc && bad 'http may not include redis' layers.awk src/http/b.cc
echo '#include "http/a.h"' >src/base/b.cc && bad 'base may not include http' layers.awk src/base/b.cc
echo '#include <hiredis/hiredis.h>' >src/http/b.cc && bad 'only src/redis may include hiredis' layers.awk src/http/b.cc
echo 'rp::redis::Fetch* fetch;' >src/http/b.cc && bad 'http may not name redis::' layers.awk src/http/b.cc
printf 'const char kA[] = "redis::";  // redis::Fetch\nstd::string a;\n' >src/http/b.cc && good layers.awk src/http/b.cc
echo '#include "a.h"' >src/http/b.cc && bad 'is not of the form' layers.awk src/http/b.cc
mkdir -p src/attic && echo 'int a;' >src/attic/b.cc && bad "'attic' is not a layer" layers.awk src/attic/b.cc

[ "$failures" -eq 0 ] && echo 'lint-test: ok'
