"""Turns medians into tables, goals, a CSV and a plot."""

import csv
import html
import os
import platform
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

PROXY, COHERENT, QUEUED = "redis-proxy", "redis-proxy -coherent", "redis-proxy -inline=false"
WAITING = "redis-proxy -forward"  # of which the longest waits are measured


@dataclass
class Row:
    """The medians of one server in one scenario."""
    scenario: str
    title: str
    server: str
    rate: float         # requests/s
    p50_us: float
    p99_us: float
    cpu_us: float       # of the server's processes, per request
    redis_cpu_us: float  # of Redis behind it, per request
    redis_share: float  # GETs that reached Redis, per request
    peak_mb: float
    errors: str = ""    # the row is worth nothing if there are any
    rounds: dict = field(default_factory=dict)  # {round: {"rate": ..., "cpu_us": ...}}


@dataclass
class Longest:
    """The longest waits of a small hit at one server: medians of the rounds, and the rounds as (attack, idle)."""
    ms: float
    idle_ms: float
    rounds: list = field(default_factory=list)


@dataclass
class WaitRow:
    """What an attack does to small hits."""
    scenario: str
    title: str
    servers: dict  # {server's name: Longest}


def by_scenario(rows):
    """Returns {scenario: {server: Row}} in the order of rows."""
    table = {}
    for row in rows:
        table.setdefault(row.scenario, {})[row.server] = row
    return table


def base_of(scenario):
    """The row to which the others are compared: the floor, for RESP Redis itself."""
    return scenario.get("floor") or scenario.get("redis-server")


def compare(row, base, name):
    """The median of the ratios in each round, in which both met the same machine; None if there is none."""
    pairs = [(row.rounds[n][name], base.rounds[n][name]) for n in row.rounds if n in base.rounds]
    pairs = [pair for pair in pairs if pair[1]]
    return statistics.median(mine / other for mine, other in pairs) if pairs else None


def shown(value):
    return "–" if value is None else f"{value:.2f}"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(header, rows):
    """A markdown table, its columns aligned so that it reads well as text too."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in (header, ["-" * width for width in widths], *rows)]
    return "\n".join(lines) + "\n"


def scenario_table(scenario):
    base = base_of(scenario)
    versus = f"× {base.server}" if base else "ratio"
    body = []
    for row in scenario.values():
        body.append([
            row.server, number(row.rate), shown(base and compare(row, base, "rate")), number(row.p50_us),
            number(row.p99_us), f"{row.cpu_us:.2f}", shown(base and compare(row, base, "cpu_us")),
            f"{row.redis_cpu_us:.2f}",
            f"{100 * row.redis_share:.0f} %", number(row.peak_mb), row.errors])
    return table(["server", "requests/s", versus, "p50 µs", "p99 µs", "CPU µs/request", versus, "Redis µs/request",
                  "at Redis", "peak MB", "went wrong"], body)


# --- Goals ------------------------------------------------------------------------------------------------------------

# Scenario, what it is, the row's field, against which server, the sign, the limit.
RATIO_GOALS = [
    ("hit-100B", "CPU per hit of 100 B, 64 connections", "cpu_us", "floor", "<=", 1.25),
    ("hit-100B", "throughput of hits of 100 B, 64 connections", "rate", "floor", ">=", 0.85),
    ("hit-p16", "CPU per hit of 100 B, 16 pipelined", "cpu_us", "floor", "<=", 2.0),
    ("hit-10KB", "CPU per hit of 10 KB", "cpu_us", "floor", "<=", 1.5),
    ("miss", "CPU per miss", "cpu_us", "floor", "<=", 2.0),
    ("resp-p1", "CPU per GET (RESP)", "cpu_us", "redis-server", "<=", 0.9),
    ("resp-p16", "CPU per GET (RESP), 16 pipelined", "cpu_us", "redis-server", "<=", 1.0),
    ("resp-mget", "CPU per MGET of 100 (RESP)", "cpu_us", "redis-server", "<=", 1.0),
]
WRITES_PER_SECOND, WRITES_LIMIT = 100_000, 15.0
NO_PEERS = {PROXY, "floor", "redis-server"}


def verdict(value, sign, limit):
    return "met" if (value <= limit if sign == "<=" else value >= limit) else "**missed**"


def judge(rows, value, sign, limit):
    errors = [f"{row.server}: {row.errors}" for row in rows if row.errors]
    if not errors and value is None:
        return "not measured"
    return "invalid: " + "; ".join(errors) if errors else verdict(value, sign, limit)


def goals(rows):
    """Returns [goal, limit, measured, verdict] for each goal that can be judged."""
    scenarios, judged = by_scenario(rows), []
    for name, text, field, against, sign, limit in RATIO_GOALS:
        scenario = scenarios.get(name, {})
        rows_of_goal = [scenario.get(PROXY), scenario.get(against)]
        value = compare(*rows_of_goal, field) if all(rows_of_goal) else None
        judged.append([text, f"{sign} {limit} × {against}", shown(value),
                       judge(rows_of_goal, value, sign, limit) if all(rows_of_goal) else "not measured"])
    judged.append(following_goal(scenarios.get("writes", {}).get(COHERENT)))
    for name, scenario in scenarios.items():
        peers = [row for row in scenario.values()
                 if row.server not in NO_PEERS and not row.server.startswith(PROXY) and not row.errors]
        if peers and PROXY in scenario:
            best = min(peers, key=lambda row: row.cpu_us)
            value = compare(scenario[PROXY], best, "cpu_us")
            judged.append([f"ahead of every peer: {best.title}", f"<= 1 × {best.server}, the best of them",
                           shown(value), judge([scenario[PROXY], best], value, "<=", 1.0)])
    return judged


def following_goal(row):
    """At the rate that was reached, which must be what is asked for or more."""
    goal = ["following 100k writes/s or more to keys that are not cached", f"<= {WRITES_LIMIT:.0f} % of a core"]
    if row is None:
        return [*goal, "–", "not measured"]
    share, text = row.cpu_us * row.rate / 1e4, f"{row.rate:,.0f} writes/s"
    if row.rate < WRITES_PER_SECOND:
        return [*goal, f"{share:.1f} % at {text}", "not measured: too few"]
    return [*goal, f"{share:.1f} % at {text}", judge([row], share, "<=", WRITES_LIMIT)]


WAIT_MS, WAIT_RATIO = 20.0, 1.5


def wait_limit(row):
    """In ms; None if redis-server was not measured."""
    redis = row.servers.get("redis-server")
    return max(WAIT_MS, WAIT_RATIO * redis.ms) if redis else None


def wait_goals(rows):
    """Returns [what is attacked with, redis-proxy, redis-server, both idle, the limit, verdict] for each."""
    body = []
    for row in rows:
        proxy, limit = row.servers.get(WAITING), wait_limit(row)
        redis = row.servers.get("redis-server")
        idle = " / ".join(shown(server and server.idle_ms) for server in (proxy, redis))
        judged = verdict(proxy.ms, "<=", limit) if proxy and limit else "not measured"
        body.append([row.title, shown(proxy and proxy.ms), shown(redis and redis.ms), idle, shown(limit), judged])
    return body


# What grows: the text, and scenario and server before and after.
GROWTHS = [
    ("64 → 1000 connections", ("hit-100B", PROXY), ("hit-c1000", PROXY)),
    ("100 B → 1 KB", ("hit-100B", PROXY), ("hit-1KB", PROXY)),
    ("1 KB → 10 KB", ("hit-1KB", PROXY), ("hit-10KB", PROXY)),
    ("10 KB → 100 KB", ("hit-10KB", PROXY), ("hit-100KB", PROXY)),
    ("100 KB → 1 MB", ("hit-100KB", PROXY), ("hit-1MB", PROXY)),
    ("10,000 → 100,000 keys", ("keys-10k", PROXY), ("keys-100k", PROXY)),
    ("100,000 → 1,000,000 keys", ("keys-100k", PROXY), ("keys-1M", PROXY)),
    ("1 → 2 workers", ("workers", f"{PROXY} -workers 1"), ("workers", f"{PROXY} -workers 2")),
    ("2 → 4 workers", ("workers", f"{PROXY} -workers 2"), ("workers", f"{PROXY} -workers 4")),
    ("1 → 2 reactors", ("reactors", f"{PROXY} -reactors 1"), ("reactors", f"{PROXY} -reactors 2")),
    ("without → with -coherent, 100 B", ("hit-100B", PROXY), ("hit-100B", COHERENT)),
    ("without → with -coherent, 16 pipelined", ("hit-p16", PROXY), ("hit-p16", COHERENT)),
    ("short cut → queue and workers, 1 connection", ("queue", PROXY), ("queue", QUEUED)),
    ("short cut → queue and workers, 64 connections", ("hit-100B", PROXY), ("hit-100B", QUEUED)),
    ("short cut → queue and workers, 16 pipelined", ("hit-p16", PROXY), ("hit-p16", QUEUED)),
]


def growth(rows):
    """How CPU per hit grows, beside how the floor's does: what bends both is the kernel and the machine."""
    scenarios, body = by_scenario(rows), []
    for text, (before, server), (after, grown) in GROWTHS:
        old, new = scenarios.get(before, {}).get(server), scenarios.get(after, {}).get(grown)
        floors = [scenarios.get(name, {}).get("floor") for name in (before, after)]
        if old and new and not old.errors and not new.errors:
            grown_by = compare(new, old, "cpu_us") if before == after else new.cpu_us / old.cpu_us
            sound = before != after and all(floor and not floor.errors for floor in floors)
            floors_by = floors[1].cpu_us / floors[0].cpu_us if sound else None
            body.append([text, f"{old.cpu_us:.2f}", f"{new.cpu_us:.2f}", shown(grown_by), shown(floors_by)])
    return body


# --- Output -----------------------------------------------------------------------------------------------------------

def machine():
    """One line that names the machine."""
    cpu = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    return (f"{cpu[0] if cpu else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, "
            f"Linux {platform.release()}, {time.strftime('%Y-%m-%d')}")


def markdown(rows, wait_rows, notes, rounds, seconds, versions):
    parts = ["# Benchmark of redis-proxy\n", f"Machine: {machine()}\n",
             f"Medians of {rounds} rounds of {seconds} s in turn; ratios (×) are medians of the ratios in each round. CPU "
             "is utime + stime of all processes of a server, with webdis where that stands behind a cache; Redis is a "
             "column of its own. Memory is the sum of the peaks of the processes, shared pages counted in each; what "
             "nginx keeps in files is not in it. wrk waits for an answer before it asks again: a server that stalls "
             "is asked less, and its p99 shows that less than a constant rate would.\n",
             "\n".join(f"* {name}: {text}" for name, text in versions.items()) + "\n"]
    if notes:
        parts += ["## To know\n", "\n".join(f"* {note}" for note in notes) + "\n"]
    if rows:
        parts += ["## Goals\n", table(["goal", "limit", "measured", "verdict"], goals(rows))]
    if wait_rows:
        parts += ["## The longest wait of a small hit during an attack\n",
                  f"In ms, the medians of the longest waits of {rounds} rounds; idle is the longest wait in the half second "
                  f"before. The limit is {WAIT_MS:.0f} ms, or {WAIT_RATIO} times that of redis-server if that is more.\n",
                  table(["attack", WAITING, "redis-server", "both idle", "limit", "verdict"], wait_goals(wait_rows))]
    for scenario in by_scenario(rows).values():
        title = next(iter(scenario.values())).title
        parts += [f"## {title[0].upper()}{title[1:]}\n", scenario_table(scenario)]
    grown = growth(rows)
    if grown:
        parts += ["## How cost grows\n",
                  table(["what grows", "CPU µs/hit before", "after", "×", "the floor's ×"], grown)]
    return "\n".join(parts)


def write_csv(path, rows, raw):
    """Every run, and after them the medians (round `median`)."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["scenario", "server", "round", "requests_per_second", "p50_us", "p99_us", "cpu_us_per_request",
                      "redis_cpu_us_per_request", "redis_gets_per_request", "peak_mb", "errors"])
        for scenario, server, round_number, run in raw:
            requests = run.load.requests
            out.writerow([scenario, server, round_number, round(run.load.rate, 1), run.load.p50_us, run.load.p99_us,
                          round(1e6 * run.cpu_seconds / requests, 3), round(1e6 * run.redis_cpu_seconds / requests, 3),
                          round(run.redis_gets / requests, 5), "", run.errors])
        for row in rows:
            out.writerow([row.scenario, row.server, "median", round(row.rate, 1), row.p50_us, row.p99_us,
                          round(row.cpu_us, 3), round(row.redis_cpu_us, 3), round(row.redis_share, 5),
                          round(row.peak_mb, 1), row.errors])


def write_waits_csv(path, rows):
    """Every round of every attack."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["attack", "server", "round", "longest_wait_ms", "longest_wait_idle_ms"])
        for row in rows:
            for server, longest in row.servers.items():
                for number, (ms, idle_ms) in enumerate(longest.rounds, 1):
                    out.writerow([row.scenario, server, number, ms, idle_ms])


PANEL_WIDTH, LABEL_WIDTH, BAR_HEIGHT, TITLE_HEIGHT, COLUMNS = 560, 190, 18, 44, 2
COLOURS = {PROXY: "#c0392b", "floor": "#7f8c8d", "redis-server": "#7f8c8d"}


def panel(scenario, x, y):
    """Bars of CPU time per request of one scenario."""
    most = max(row.cpu_us for row in scenario.values()) or 1
    base = base_of(scenario)
    title = next(iter(scenario.values())).title
    parts = [f'<text x="{x}" y="{y + 18}" class="title">{html.escape(title)}</text>']
    for i, row in enumerate(scenario.values()):
        top = y + 28 + i * BAR_HEIGHT
        width = max(1, (PANEL_WIDTH - LABEL_WIDTH - 130) * row.cpu_us / most)
        colour = COLOURS.get(row.server, "#e08e79" if row.server.startswith(PROXY) else "#4a7fb0")
        versus = base and compare(row, base, "cpu_us")
        text = f"{row.cpu_us:.2f} µs" + (f" ({versus:.2f} ×)" if versus else "")
        parts.append(f'<text x="{x + LABEL_WIDTH - 8}" y="{top + 13}" text-anchor="end">'
                     f'{html.escape(row.server)}</text>'
                     f'<rect x="{x + LABEL_WIDTH}" y="{top + 2}" width="{width:.1f}" height="{BAR_HEIGHT - 4}" '
                     f'fill="{colour}"/><text x="{x + LABEL_WIDTH + width + 6:.1f}" y="{top + 13}">{text}</text>')
    return "\n".join(parts)


def svg(rows):
    """A plot of server CPU time per request, a panel for each scenario."""
    panels, y = [], 50
    scenarios = list(by_scenario(rows).values())
    for start in range(0, len(scenarios), COLUMNS):
        line = scenarios[start:start + COLUMNS]
        panels += [panel(scenario, 20 + i * PANEL_WIDTH, y) for i, scenario in enumerate(line)]
        y += TITLE_HEIGHT + BAR_HEIGHT * max(map(len, line))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{20 + COLUMNS * PANEL_WIDTH}" height="{y + 10}" '
            'font-family="sans-serif" font-size="12">\n<style>.title{font-weight:bold;font-size:13px}</style>\n'
            '<rect width="100%" height="100%" fill="white"/>\n'
            '<text x="20" y="28" font-size="16">Server CPU time per request (less is better); '
            f'{html.escape(machine())}</text>\n' + "\n".join(panels) + "\n</svg>\n")
