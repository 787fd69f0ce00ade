#!/bin/sh
# What `make run` runs: run_demo.sh PROGRAM HTTP REDIS [FLAG...]. Serves on HTTP in front of REDIS; if REDIS is empty,
# in front of a throw-away redis-server that holds example_key, on a Unix socket in a temporary folder, so that it can
# disturb no other. Ctrl-C stops both and leaves nothing behind.
set -eu
program=$1 http=$2 redis=$3
shift 3

redis_pid='' proxy_pid='' stopping=''
folder=$(mktemp -d)
clean_up() {
  [ -z "$redis_pid" ] || { kill "$redis_pid" && wait "$redis_pid"; } 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'stopping=1 interrupted=1; [ -z "$proxy_pid" ] || kill -TERM "$proxy_pid" 2>/dev/null || true' INT TERM HUP

# Both servers get a session of their own: Ctrl-C reaches this script alone, which stops the proxy first.
key=example_key
if [ -z "$redis" ]; then
  redis=$folder/redis.sock
  setsid redis-server --port 0 --unixsocket "$redis" --save '' --dir "$folder" >"$folder/redis.log" 2>&1 &
  redis_pid=$!
  until redis-cli -s "$redis" set "$key" 'Hello from Redis' >/dev/null 2>&1; do
    [ -z "$stopping" ] || exit 130
    kill -0 "$redis_pid" 2>/dev/null || { cat "$folder/redis.log" >&2; exit 1; }
    sleep 0.1
  done
  echo "run: a temporary redis-server on $redis holds $key"
else
  key=YOUR_KEY
fi

# Passes the log on, and says behind the line that tells where HTTP is served how to ask there.
# It goes on to the end of the log, whatever signals its process group gets.
show_log() {
  trap '' INT TERM HUP
  while IFS= read -r line; do
    printf '%s\n' "$line" >&2
    case $line in *' serving HTTP on '*) ;; *) continue ;; esac
    address=${line#* serving HTTP on }
    address=${address%%: *}
    host=${address%:*}
    case $host in 0.0.0.0 | '[::]') host=localhost ;; esac
    echo "run: try   curl -i http://$host:${address##*:}/$key   (Ctrl-C stops)"
  done
}
mkfifo "$folder/log"
show_log <"$folder/log" &
log_pid=$!
exec 3>"$folder/log"
setsid "$program" -redis "$redis" -http "$http" "$@" 2>&3 3>&- &
proxy_pid=$!
exec 3>&-
[ -z "$stopping" ] || kill -TERM "$proxy_pid"

# A signal ends `wait` early; the proxy may still be finishing what is in flight.
while :; do
  interrupted='' status=0
  wait "$proxy_pid" || status=$?
  [ -n "$interrupted" ] || break
done
wait "$log_pid" || true
exit "$status"
