#!/bin/sh
# What `make test` runs: test_in_containers.sh [FILTER]. Runs the tests in docker-compose when a Docker engine answers,
# otherwise right here, after installing what they need. Reads DOCKER and MAKE.
set -u
filter=${1:-*}
compose=''
if timeout 20 $DOCKER info >/dev/null 2>&1; then
  if $DOCKER compose version >/dev/null 2>&1; then
    compose="$DOCKER compose"
  elif command -v docker-compose >/dev/null; then
    compose=docker-compose
  fi
fi
if [ -z "$compose" ]; then
  echo 'test: no Docker engine with compose answers; running the tests on this machine'
  "$MAKE" --no-print-directory deps || exit
  exec "$MAKE" --no-print-directory check
fi

echo "test: running the tests in containers, with $compose"
# A project name of its own: a service that `docker compose up` started stays up.
compose="$compose -p redis-proxy-test" status=0
$compose build test && $compose run --rm -e T="$filter" test || status=$?
$compose down --volumes >/dev/null 2>&1
exit "$status"
