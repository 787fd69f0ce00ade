#!/usr/bin/env python3
"""Measures redis-proxy beside its peers and the floor; `make bench` runs it.

For each scenario all servers are started, looked at (the same body? hits that are hits?), warmed up, and loaded in
turn, A B C, A B C, so that a machine whose speed drifts does not favour one. What a server costs is the CPU time of its
processes, from /proc. The report goes to stdout, progress to stderr.
"""

import argparse
import fnmatch
import os
import resource
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import load
import report
import waits
from servers import Lab, Missing, Setup, versions

KEYS = 1_000_000
ZIPF_CAPACITY = round(KEYS ** 0.9)  # log(C + 1) / log(N + 1) of the requests go to the C most popular of N keys
CACHES = ("nginx cache", "varnish", "haproxy")
PEERS = ("webdis", "nginx return", *CACHES)
PROXY, COHERENT, FLOOR, REDIS = "redis-proxy", "redis-proxy -coherent", "floor", "redis-server"
WAITING = report.WAITING
HTTP = (FLOOR, PROXY, *PEERS)
RESP = (REDIS, PROXY, COHERENT)
QUEUED = f"{PROXY} -inline=false"  # without the reactor's short cut


@dataclass(frozen=True)
class Scenario:
    """What is asked of which servers. `share` is what part of the GETs may reach Redis behind a server that caches."""
    name: str
    title: str
    servers: tuple = HTTP
    connections: int = 64
    value_bytes: int = 100
    depth: int = 1
    law: str = ""                # of load.lua, over `keys` keys; none: one key
    keys: int = 0
    half_load: bool = False
    command: tuple = ()          # of redis-benchmark, instead of HTTP
    writes: bool = False         # the command goes to Redis, and the servers only hear of it
    share: tuple = (0.0, 0.01)
    setup: Setup = field(default_factory=Setup)

    def __post_init__(self):
        self.setup.value_bytes = self.value_bytes

    def value_key(self):
        return "k1" if self.law else f"value{self.value_bytes}"


def scenarios():
    hit = "hits of 100 B"
    zipf_servers = (FLOOR, PROXY, COHERENT, "webdis", *CACHES)
    no_constant = tuple(name for name in HTTP if name != "nginx return")
    mget = ("MGET", *(f"k{i}" for i in range(1, 101)))
    set_command = ("SET", "w:__rand_int__", "x" * 100)
    return [
        Scenario("hit-100B", f"{hit}, 64 connections", (FLOOR, PROXY, COHERENT, QUEUED, *PEERS)),
        Scenario("hit-10KB", "hits of 10 KB, 64 connections", (FLOOR, PROXY, COHERENT, *PEERS), value_bytes=10240),
        Scenario("hit-1KB", "hits of 1 KB, 64 connections", (FLOOR, PROXY), value_bytes=1024),
        Scenario("hit-100KB", "hits of 100 KB, 64 connections", (FLOOR, PROXY), value_bytes=102400),
        Scenario("hit-1MB", "hits of 1 MB, 64 connections", no_constant, value_bytes=1 << 20),
        Scenario("hit-c1", f"{hit}, 1 connection", connections=1),
        Scenario("hit-c1000", f"{hit}, 1000 connections", connections=1000),
        Scenario("hit-p16", f"{hit}, 64 connections, 16 pipelined", (FLOOR, PROXY, COHERENT, QUEUED, *PEERS),
                 depth=16),
        Scenario("zipf", f"90 % hits: a Zipf law over 1M keys, room for {ZIPF_CAPACITY:,}", zipf_servers, law="zipf",
                 keys=KEYS, share=(0.05, 0.15), setup=Setup(capacity=ZIPF_CAPACITY)),
        Scenario("miss", "all misses: every key another, caches off", no_constant, law="next", keys=KEYS,
                 share=(0.99, 1.01), setup=Setup(cache=False)),
        Scenario("half-load", f"{hit} at half of each server's throughput, 256 connections", connections=256,
                 half_load=True),
        Scenario("keys-10k", "hits among 10,000 keys", (FLOOR, PROXY), law="uniform", keys=10_000),
        Scenario("keys-100k", "hits among 100,000 keys", (FLOOR, PROXY), law="uniform", keys=100_000),
        Scenario("keys-1M", "hits among 1,000,000 keys", (FLOOR, PROXY), law="uniform", keys=KEYS,
                 setup=Setup(capacity=KEYS)),
        Scenario("queue", f"{hit} by the short cut, and through the queue to workers, 1 connection",
                 (FLOOR, PROXY, QUEUED), connections=1),
        Scenario("workers", f"{hit} through the queue, 64 connections, by workers",
                 tuple(f"{QUEUED} -workers {n}" for n in (1, 2, 4))),
        Scenario("reactors", f"{hit}, 64 connections, by reactors",
                 tuple(f"{PROXY} -reactors {n}" for n in (1, 2))),
        Scenario("resp-p1", "RESP: GET of 100 B, 64 connections", RESP, command=("GET", "value100")),
        Scenario("resp-p16", "RESP: GET of 100 B, 64 connections, 16 pipelined", RESP, command=("GET", "value100"),
                 depth=16),
        Scenario("resp-mget", "RESP: MGET of 100 keys of 100 B, 64 connections", RESP, command=mget),
        Scenario("writes", "following writes in Redis to keys that are not cached, 100k/s or more (a request is one)",
                 (PROXY, COHERENT), command=set_command, keys=100_000, writes=True),
    ]


@dataclass
class Run:
    """One round of one server."""
    load: load.Load
    cpu_seconds: float
    redis_cpu_seconds: float
    redis_gets: int
    errors: str


class Bench:
    def __init__(self, lab, rounds, seconds, total):
        self.lab, self.rounds, self.seconds = lab, rounds, seconds
        self.started, self.done, self.total = time.monotonic(), 0, total
        self.delays, self.rates = {}, {}
        self.depth = None  # of writes
        self.notes = []

    def progress(self, text):
        elapsed = time.monotonic() - self.started
        left = f", at least {elapsed / self.done * (self.total - self.done):.0f} s left" if self.done else ""
        print(f"[{self.done}/{self.total}{left}] {text}", file=sys.stderr, flush=True)

    def note(self, text):
        self.notes.append(text)
        self.progress(text)

    def put_values(self):
        port = self.lab.redis.port
        fill = "for i = 1, ARGV[1] do redis.call('SET', 'k' .. i, ARGV[2]) end return 1"
        load.redis_call(port, "EVAL", fill, 0, KEYS, "x" * 100)
        for value_bytes in sorted({scenario.value_bytes for scenario in scenarios()}):
            load.redis_call(port, "SET", f"value{value_bytes}", "x" * value_bytes)

    def put_load(self, scenario, server, seconds, seed):
        """Loads the server for so long and returns the Load."""
        if scenario.command:
            target = self.lab.redis if scenario.writes else server
            requests = max(1000, round(self.rates.get(server.name, 20_000 / len(scenario.command)) * seconds))
            depth = self.depth if scenario.writes else scenario.depth
            return load.redis_benchmark(target, scenario.command, requests, scenario.connections, depth, scenario.keys)
        options = {}
        if scenario.law:
            options = {"law": scenario.law, "keys": scenario.keys, "prefix": f"{server.prefix}k",
                       "suffix": server.suffix, "seed": seed}
        elif scenario.depth > 1:
            options = {"depth": scenario.depth}
        elif server.name in self.delays:
            options = {"delay": self.delays[server.name], "seed": seed}
        return load.wrk(server, server.path(scenario.value_key()), scenario.connections, seconds, **options)

    def measure(self, scenario, server, seconds, seed):
        redis = self.lab.redis
        server.settle()
        gets, cpu, redis_cpu = load.gets_at_redis(redis.port), server.cpu_seconds(), redis.cpu_seconds()
        outcome = self.put_load(scenario, server, seconds, seed)
        cpu, redis_cpu = server.cpu_seconds() - cpu, redis.cpu_seconds() - redis_cpu
        gets = load.gets_at_redis(redis.port) - gets
        errors = [outcome.errors] if outcome.errors else []
        share, (low, high) = gets / max(1, outcome.requests), scenario.share
        # wrk does not count what is under way when it ends.
        slack = 2 * scenario.connections * scenario.depth / max(1, outcome.requests)
        if server.caches and not server.constant and server is not redis and not low <= share <= high + slack:
            errors.append(f"{100 * share:.1f} % of the requests reached Redis")
        if not server.alive():
            errors.append("it died")
        return Run(outcome, cpu, redis_cpu, gets, ", ".join(errors))

    def start(self, scenario, name):
        """Returns the server, verified and warm."""
        server = self.lab.start(name, scenario.setup)
        if not scenario.command:
            expected = b"x" * scenario.value_bytes
            for attempt in ("first", "second"):
                status, body, cache_status = load.fetch(server, server.path(scenario.value_key()))
                if status != 200 or body != expected:
                    raise Missing(f"its {attempt} answer has status {status} and another body: {body[:40]!r}")
            if name.startswith(PROXY) and ("; hit" in cache_status) != scenario.setup.cache:
                raise Missing(f"its second answer has Cache-Status {cache_status!r}")
        elif not scenario.writes:
            load.redis_benchmark(server, scenario.command, 1000)  # fetches the values, and stops at errors
        caching = server.caches and not server.constant and scenario.setup.cache
        if scenario.law and caching:
            kept = scenario.setup.capacity or scenario.keys
            self.progress(f"{scenario.title}: {name} fetches {kept:,} keys")
            load.fill(server, kept)
        if scenario.writes:
            time.sleep(0.5)  # until it follows
            # As few in one go as make the rate that is asked for, since more of them cost less each.
            # The rate is Redis's, so both servers have the same; a first short run tells how many are a second's.
            for depth in [self.depth] if self.depth else (1, 2, 4, 8, 16):
                self.depth = depth
                for _ in range(2):
                    self.rates[name] = self.put_load(scenario, server, 1, 1000).rate
                if self.rates[name] >= 1.1 * report.WRITES_PER_SECOND:
                    break
            return server
        warm_up = self.put_load(scenario, server, 1, 1000)
        if scenario.command:
            self.rates[name] = warm_up.rate
        if scenario.half_load:
            # wrk counts delays in whole milliseconds and rounds them down.
            self.delays[name] = 1000 * scenario.connections / (warm_up.rate / 2) + 0.5
        return server

    def run(self, scenario):
        """Returns {server's name: {round: Run}} and {server's name: peak bytes}."""
        self.delays, self.rates, started = {}, {}, []
        load.redis_call(self.lab.redis.port, "CONFIG", "RESETSTAT")
        for name in scenario.servers:
            try:
                started.append(self.start(scenario, name))
            except (Missing, ValueError, OSError) as failure:
                self.note(f"{scenario.name}: without {name}: {failure}")
                self.done += self.rounds
        runs = {server.name: {} for server in started}
        for number in range(self.rounds):
            for server in started:
                self.done += 1
                try:
                    run = self.measure(scenario, server, self.seconds, number)
                except (ValueError, OSError) as failure:
                    self.note(f"{scenario.name}: round {number + 1} of {server.name} failed: {failure}")
                    continue
                runs[server.name][number] = run
                self.progress(f"{scenario.title}: {server.name}: {run.load.rate:,.0f}/s, "
                              f"{1e6 * run.cpu_seconds / run.load.requests:.2f} µs each {run.errors}")
        memory = {server.name: server.peak_bytes() for server in started}
        self.lab.stop_servers()
        return {name: row for name, row in runs.items() if row}, memory


def medians(scenario, runs, memory):
    """Returns a report.Row for each server; `runs` are by the number of the round."""
    rows = []
    for name, row in runs.items():
        def median(value):
            return statistics.median(map(value, row.values()))
        rows.append(report.Row(
            scenario.name, scenario.title, name, median(lambda run: run.load.rate), median(lambda run: run.load.p50_us),
            median(lambda run: run.load.p99_us), median(lambda run: 1e6 * run.cpu_seconds / run.load.requests),
            median(lambda run: 1e6 * run.redis_cpu_seconds / run.load.requests),
            median(lambda run: run.redis_gets / run.load.requests), memory[name] / 1e6,
            "; ".join(sorted({run.errors for run in row.values() if run.errors})),
            {number: {"rate": run.load.rate, "cpu_us": 1e6 * run.cpu_seconds / run.load.requests}
             for number, run in row.items()}))
    return rows


def run_waits(bench, chosen, rounds):
    """Returns a report.WaitRow for each."""
    def note(text, passing=False):
        bench.done += 1
        (bench.progress if passing else bench.note)(text)
    rows = []
    for wait in chosen:
        try:
            runs = waits.compare(bench.lab, wait, rounds, (WAITING, REDIS), note)
        except (Missing, ValueError, OSError) as failure:
            bench.note(f"{wait.name}: {failure}")
            continue
        rows.append(report.WaitRow(wait.name, wait.full_title(), {
            name: report.Longest(*(waits.median(row, field) for field in ("ms", "idle_ms")),
                                 [(run.ms, run.idle_ms) for run in row]) for name, row in runs.items()}))
    return rows


def count(text):
    """An argument: a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 on")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", type=Path, default="redis-proxy")
    parser.add_argument("--floor", type=Path, default="build/release/test/bench/floor")
    parser.add_argument("--out", type=Path, default="build/bench", help="where results.csv and results.svg go")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--seconds", type=count, default=2, help="of each round of each server")
    parser.add_argument("--only", default="*",
                        help="scenarios by name, patterns apart by commas: 'hit-*,zipf'; ? lists them")
    options = parser.parse_args()
    chosen, chosen_waits = ([scenario for scenario in all_of_them
                             if any(fnmatch.fnmatch(scenario.name, pattern) for pattern in options.only.split(","))]
                            for all_of_them in (scenarios(), waits.scenarios()))
    if options.only == "?":
        print("\n".join(f"{scenario.name:12} {scenario.title}" for scenario in [*scenarios(), *waits.scenarios()]))
        return 0
    if not chosen and not chosen_waits:
        parser.error(f"no scenario is named '{options.only}'; ONLY=? lists them")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
    options.out.mkdir(parents=True, exist_ok=True)
    with Lab(options.proxy.resolve(), options.floor.resolve()) as lab:
        bench = Bench(lab, options.rounds, options.seconds,
                      (sum(len(scenario.servers) for scenario in chosen) + 2 * len(chosen_waits)) * options.rounds)
        busy = os.getloadavg()[0]
        if busy > 0.5:
            bench.note(f"the machine was not idle at the start: load {busy:.2f}")
        rows, raw, wait_rows = [], [], []
        try:
            wait_rows = run_waits(bench, chosen_waits, options.rounds)
            if chosen:
                bench.put_values()
            for scenario in chosen:
                runs, memory = bench.run(scenario)
                rows += medians(scenario, runs, memory)
                raw += [(scenario.name, name, number + 1, run) for name, row in runs.items()
                        for number, run in row.items()]
        except KeyboardInterrupt:
            bench.note("stopped by hand: what follows is incomplete")
    report.write_csv(options.out / "results.csv", rows, raw)
    report.write_waits_csv(options.out / "waits.csv", wait_rows)
    (options.out / "results.svg").write_text(report.svg(rows))
    print(report.markdown(rows, wait_rows, bench.notes, options.rounds, options.seconds, versions()))
    print(f"\nEvery run is in {options.out}/results.csv; the plot is {options.out}/results.svg.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: stopped by hand before anything was measured")
