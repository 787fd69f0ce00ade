#!/bin/sh
# missing.sh GROUP...: prints what these groups need and is not here, one Debian package a line. What counts is not the
# package but that what is needed of it works. Reads CXX, CPPFLAGS, CXXFLAGS, CLANGXX, CLANG_FORMAT and CLANG_TIDY.
set -u
compiler=${CXX%% *}

need() { # PACKAGE COMMAND...
  package=$1
  shift
  "$@" >/dev/null 2>&1 || echo "$package"
}
has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1"; }
library() { ls /usr/lib/*/"$1"; }
header() { [ -e "/usr/include/$1" ] || echo "#include <$1>" | $CXX ${CPPFLAGS-} ${CXXFLAGS-} -x c++ -E -; }
has_fuzzer() { ls "$($CLANGXX -print-resource-dir)"/lib/*/libclang_rt.fuzzer*; }

for group; do
  case $group in
    build)
      need "$(echo "$compiler" | sed 's/^clang++$/clang/')" has "$compiler"
      need libhiredis-dev header hiredis/hiredis.h
      ;;
    test)
      need libgtest-dev header gtest/gtest.h
      need redis-server has redis-server
      need curl has curl
      need libnss-wrapper library libnss_wrapper.so
      need python3-redis env PATH=/usr/bin:"$PATH" python3 -c 'import redis'
      ;;
    lint)
      need clang has "$CLANGXX"
      need clang-format has "$CLANG_FORMAT"
      need mandoc has mandoc
      ;;
    tidy) need clang-tidy has "$CLANG_TIDY" ;;
    fuzz)
      need clang has "$CLANGXX"
      need libclang-rt-dev has_fuzzer
      ;;
    coverage) need lcov has lcov ;;
    model)
      need spin has spin
      need gcc has "${CC:-cc}"
      ;;
    suite)
      need tcl has tclsh
      need redis-server has redis-server
      need redis-tools has redis-benchmark
      need python3 has python3
      ;;
    bench)
      need wrk has wrk
      need redis-tools has redis-benchmark
      need python3 has python3
      ;;
    clients)
      need python3-celery env PATH=/usr/bin:"$PATH" python3 -c 'import celery'
      need python3-django-redis env PATH=/usr/bin:"$PATH" python3 -c 'import django_redis'
      need php-cli has php
      need php-redis php -r 'exit(class_exists("Redis") ? 0 : 1);'
      need php-nrk-predis php -r 'exit((include "Predis/Autoloader.php") ? 0 : 1);'
      need libredis-perl perl -MRedis -e 1
      need lua5.1 has lua5.1
      need lua-redis lua5.1 -e 'require "redis"'
      need ruby has ruby
      need ruby-redis ruby -e 'require "redis"'
      ;;
    peers)
      need webdis has webdis
      need nginx has nginx
      need varnish has varnishd
      need haproxy has haproxy
      ;;
    *) echo "missing.sh: no group '$group'" >&2; exit 2 ;;
  esac
done | sort -u
