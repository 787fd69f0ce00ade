"""Puts load on a server with wrk (HTTP) and redis-benchmark (RESP), and reads what they report."""

import csv
import http.client
import io
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass
class Load:
    """One run's outcome on the client's side."""
    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: str = ""  # empty if there were none

    @property
    def rate(self):
        return self.requests / self.seconds


def parse_wrk(output):
    """Reads the line that load.lua prints at the end."""
    line = re.search(r"^wrk: (.*)$", output, re.MULTILINE)
    if not line:
        raise ValueError("wrk reports nothing: " + " ".join(output.split())[-300:])
    numbers = {name: int(value) for name, value in (word.split("=") for word in line[1].split())}
    errors = [f"{numbers[kind]} {text}" for kind, text in (
        ("status", "answers not 2xx"), ("connect", "failed connects"), ("read", "read errors"),
        ("write", "write errors"), ("timeout", "time-outs")) if numbers[kind]]
    return Load(numbers["requests"], numbers["us"] / 1e6, numbers["p50"], numbers["p99"], ", ".join(errors))


def run_wrk(server, path, connections, seconds, options):
    url = f"http://127.0.0.1:{server.port}{path}"
    arguments = [f"{name}={value}" for name, value in options.items()]
    result = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", SCRIPT, url, "--", *arguments],
        capture_output=True, text=True, env={**os.environ, "WRK_CONNECTIONS": str(connections)})
    return result.stdout + result.stderr


def wrk(server, path, connections, seconds, **options):
    """Runs wrk with one thread; options are those of load.lua."""
    return parse_wrk(run_wrk(server, path, connections, seconds, options))


def fill(server, keys):
    """Asks for k1 to the given one, the first of them last, so that a cache knows them as the latest used."""
    run_wrk(server, "/", 64, 300, {"law": "down", "keys": keys, "prefix": f"{server.prefix}k", "suffix": server.suffix})


def parse_redis_benchmark(output, requests):
    """Reads the CSV that redis-benchmark prints, after errors of the server, if any."""
    lines = output.splitlines()
    header = next((i for i, line in enumerate(lines) if line.startswith('"test"')), None)
    if header is None or header + 1 >= len(lines):
        raise ValueError("redis-benchmark reports nothing: " + " ".join(output.split())[-300:])
    row = next(csv.DictReader(io.StringIO("\n".join(lines[header:]))))
    errors = next((line for line in lines[:header] if "rror" in line), "")
    return Load(requests, requests / float(row["rps"]), float(row["p50_latency_ms"]) * 1000,
                float(row["p99_latency_ms"]) * 1000, errors)


def redis_benchmark(server, command, requests, connections=64, depth=1, keys=0):
    """Sends a command so many times; `__rand_int__` in it is a number below keys."""
    result = subprocess.run(
        ["redis-benchmark", "-h", "127.0.0.1", "-p", str(server.resp_port), "-c", str(connections), "-P", str(depth),
         "-n", str(requests), "-e", "--csv", *(["-r", str(keys)] if keys else []), *command],
        capture_output=True, text=True)
    return parse_redis_benchmark(result.stdout + result.stderr, requests)


def redis_call(port, *words):
    """Sends one command to Redis; returns the integer, text or bulk that it answers."""
    encoded = [str(word).encode() for word in words]
    with socket.create_connection(("127.0.0.1", port), 60) as connection, connection.makefile("rb") as replies:
        connection.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded))
        kind, value = (line := replies.readline()[:-2])[:1], line[1:]
        if kind == b"-":
            raise ValueError(value.decode())
        if kind == b"$":
            return replies.read(int(value) + 2)[:-2] if int(value) >= 0 else None
        return int(value) if kind == b":" else value.decode()


def gets_at_redis(port):
    """Returns the number of GET that Redis has executed: what did not hit a cache."""
    info = redis_call(port, "INFO", "commandstats").decode()
    calls = re.search(r"^cmdstat_get:calls=(\d+)", info, re.MULTILINE)
    return int(calls[1]) if calls else 0


def fetch(server, path):
    """Returns status, body and Cache-Status of one answer; a ValueError if it is no HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            return answer.status, answer.read(), answer.headers.get("Cache-Status", "")
    except http.client.HTTPException as failure:
        raise ValueError(f"no answer in HTTP: {type(failure).__name__}: {str(failure)[:40]}") from failure
    finally:
        connection.close()
