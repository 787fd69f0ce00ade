#!/usr/bin/env python3
"""Runs valkey's own test-suite against Redis and through redis-proxy, and prints what differs; `make valkey-suite`.

Each unit of the suite is run by itself, first against a server of its own (the checkout's if it is built, otherwise
redis-server), then through a redis-proxy with -coherent and -forward in front of another one: no unit suffers from what
one before it left behind. A test that passes directly must pass through the proxy. Those that cannot stand in a list,
each with its reason; they are left out of the runs through the proxy, since most of them would wait in vain. The suite
is copied first: nothing is written into the checkout. Exit status 1 if a test that is not in the list passes only
directly.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test/bench"))

from servers import Lab, Missing, Process, find, free_port  # noqa: E402

TAGS = "-slow -needs:repl -needs:debug"
SUITE_PORTS = 32           # that the suite tries below its base port
SUITE_PORT_LIMIT = 55_000  # it wants the port that is 10,000 higher too
HANG_SECONDS = 30          # without a test that ends
MOST_RUNS = 6              # of one unit, each without the test in which the one before hung
REDIS_FLAGS = ("--save", "", "--appendonly", "no", "--enable-debug-command", "yes", "--enable-protected-configs", "yes",
               "--enable-module-command", "yes")


def read_exceptions(path):
    """Returns {name of a test or unit, or / and a pattern as the suite's --skiptest has it: reason}."""
    exceptions = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, tab, reason = line.partition("\t")
        if not tab or not name or not reason.strip():
            raise ValueError(f"{path}:{number}: not a name, a tab and a reason: {line}")
        exceptions[name] = reason.strip()
    return exceptions


def exception_of(unit, name, exceptions):
    """Returns the entry that matches a test's name or its unit, or None."""
    return next((entry for entry in exceptions
                 if (re.search(entry[1:], name) if entry.startswith("/") else entry in (name, unit))), None)


@dataclass
class Outcome:
    """Of one unit against one server. A test may run several times under one name."""
    passed: Counter = field(default_factory=Counter)
    failed: dict = field(default_factory=dict)  # {name: the first line that tells why}
    stopped: list = field(default_factory=list)  # what ended the unit early
    hung: str = ""                               # the test in which nothing more happened

    def passes(self):
        return {name for name in self.passed if name not in self.failed}


RESULT = re.compile(r"^\[(ok|err|exception|TIMEOUT)\]: (.*)$")
IN_PROGRESS = re.compile(r"^sock\w+ => \(IN PROGRESS\) (.*)$")  # what the suite says after TIMEOUT


def parse(output):
    """Returns the Outcome that the suite's output tells."""
    outcome, lines = Outcome(), output.splitlines()
    for line, why, whole in zip(lines, [*lines[1:], ""], [*lines[2:], "", ""]):
        if hung := IN_PROGRESS.match(line):
            outcome.hung = hung[1]
        if not (match := RESULT.match(line)):
            continue
        kind, text = match.groups()
        if kind == "ok":
            outcome.passed[re.sub(r" \(\d+ ms\)$", "", text)] += 1
        elif kind == "err":
            name, of_test, _ = text.rpartition(" in tests/")
            if of_test:
                # Of what is not an assertion the suite cuts off ten characters, and writes it again as a whole.
                outcome.failed.setdefault(name, (whole if why and whole.endswith(why) else why).strip())
            else:  # outside of a test
                outcome.stopped.append(why if text and why.endswith(text) else text)
        else:
            outcome.stopped.append(text)
    return outcome


def base_port():
    """For the suite's own sockets; it looks for free ones near it."""
    while (port := free_port()) + SUITE_PORTS > SUITE_PORT_LIMIT:
        pass
    return port + SUITE_PORTS


class Suite:
    """A copy of the suite in the temporary directory of a Lab, whose programs are the checkout's, or Redis's where it is not built."""

    def __init__(self, lab, checkout, seconds, logs):
        self.lab, self.seconds, self.logs = lab, seconds, logs
        self.folder = Path(lab.directory, "suite")
        self.folder.mkdir()
        shutil.copy(checkout / "runtest", self.folder)
        shutil.copytree(checkout / "tests", self.folder / "tests", symlinks=True)
        (self.folder / "tests/tmp").mkdir(exist_ok=True)
        (self.folder / "src").mkdir()
        for program in ("server", "cli", "benchmark"):
            built = checkout / f"src/valkey-{program}"
            (self.folder / f"src/valkey-{program}").symlink_to(built if built.is_file() else find(f"redis-{program}"))
        self.server = self.folder / "src/valkey-server"

    def units(self):
        listed = subprocess.run(["sh", "runtest", "--list-tests"], cwd=self.folder, capture_output=True, text=True)
        units = listed.stdout.split()
        if listed.returncode or not units:
            raise Missing(f"the suite lists no units: {(listed.stdout + listed.stderr).strip()[-300:]}")
        return units

    def run_once(self, unit, port, skipped):
        """Returns output and whether it ended by itself."""
        skip_file = self.lab.write("skipped", "\n".join(skipped))
        process = Process("suite", [
            "env", "TERM=dumb", "sh", "runtest", "--host", "127.0.0.1", "--port", port, "--singledb", "--durable",
            "--tags", TAGS, "--single", unit, "--baseport", base_port(), "--skipfile", skip_file,
            "--timeout", HANG_SECONDS],
            self.folder)
        try:
            deadline = time.monotonic() + self.seconds
            while process.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
            ended = not process.alive()
        finally:
            process.stop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.popen.pid, signal.SIGKILL)  # what it left behind
        output = process.log.read_text(errors="replace")
        process.log.unlink()
        return output, ended

    def run(self, unit, way, start, skipped):
        """Runs a unit against the server that start() returns the port of, and again without a test that hung.

        Returns the Outcome and the tests that hung.
        """
        total, hung, seen = Outcome(), [], ""
        for _ in range(MOST_RUNS):
            try:
                output, ended = self.run_once(unit, start(), [*skipped, *hung])
            finally:
                self.lab.stop_servers()
            seen += output
            outcome = parse(output)
            for name, count in outcome.passed.items():
                total.passed[name] = max(count, total.passed[name])
            total.failed = outcome.failed | total.failed
            if not outcome.hung:
                total.stopped = outcome.stopped or ([] if ended else [f"no end within {self.seconds} s"])
                break
            total.failed[outcome.hung] = f"nothing happened for {HANG_SECONDS} s"
            hung.append(outcome.hung)
        else:
            total.stopped = [f"given up after {MOST_RUNS} tests that hung"]
        (self.logs / f"{unit.replace('/', '-')}.{way}.log").write_text(seen)
        return total, hung


class Servers:
    """Starts what the suite is run against, anew for each run."""

    def __init__(self, lab, server, proxy):
        self.lab, self.server, self.proxy = lab, server, proxy

    def redis(self):
        port = free_port()
        self.lab.launch("redis-server", [
            self.server, "--bind", "127.0.0.1", "--port", port, "--dir", self.lab.directory, *REDIS_FLAGS], port)
        return port

    def through(self):
        redis, port = self.redis(), free_port()
        self.lab.launch("redis-proxy", [
            self.proxy, "-redis", f"127.0.0.1:{redis}", "-http", f"127.0.0.1:{free_port()}", "-resp",
            f"127.0.0.1:{port}", "-coherent", "-forward", "-timeout", "30s", "-log-level", "warn"], port)
        return port


def compare(unit, direct, through, exceptions):
    """Returns the names that pass directly and not through: without a reason, and those with one."""
    lost = [name for name in direct.passed if name in direct.passes() and
            (name not in through.passes() or through.passed[name] < direct.passed[name])]
    excepted = [name for name in lost if exception_of(unit, name, exceptions)]
    return [name for name in lost if name not in excepted], excepted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valkey", type=Path, required=True, help="a checkout of valkey, tag 7.2.5-rc1")
    parser.add_argument("--proxy", type=Path, default="redis-proxy")
    parser.add_argument("--exceptions", type=Path, default=ROOT / "scripts/valkey_suite_exceptions.txt")
    parser.add_argument("--out", type=Path, default="build/valkey-suite", help="where the logs go")
    parser.add_argument("--seconds", type=int, default=300, help="that a unit may take")
    parser.add_argument("--units", default="", help="those to run, apart by commas; none: all")
    parser.add_argument("--all", action="store_true", help="run the tests in the list of exceptions too")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    for needed in ("runtest", "tests/test_helper.tcl"):
        if not (options.valkey / needed).is_file():
            sys.exit(f"valkey-suite: '{options.valkey}' is not a checkout of valkey: it has no {needed}")
    try:
        exceptions = read_exceptions(options.exceptions)
        options.out.mkdir(parents=True, exist_ok=True)
        with Lab(options.proxy.resolve(), None) as lab:
            return run(lab, options, exceptions)
    except (Missing, OSError, ValueError) as failure:
        sys.exit(f"valkey-suite: {failure}")


def run(lab, options, exceptions):
    suite = Suite(lab, options.valkey.resolve(), options.seconds, options.out.resolve())
    servers = Servers(lab, suite.server, options.proxy.resolve())
    units = options.units.split(",") if options.units else suite.units()
    totals, reasons, without_reason, used, late = Counter(), Counter(), [], set(), []
    for unit in units:
        direct, hung = suite.run(unit, "direct", servers.redis, [])
        if not direct.passed and not direct.stopped:
            continue  # nothing in it is for a server that runs already
        through = Outcome()
        if options.all or unit not in exceptions:
            through, _ = suite.run(unit, "through", servers.through, hung + ([] if options.all else list(exceptions)))
        lost, excepted = compare(unit, direct, through, exceptions)
        entries = [exception_of(unit, name, exceptions) for name in excepted]
        used |= set(entries)
        reasons.update(exceptions[entry] for entry in entries)
        late += [name for name in through.passes() if exception_of(unit, name, exceptions) and name not in excepted]
        print(f"{unit}: {len(direct.passes())} pass directly, {len(direct.passes() & through.passes())} through, "
              f"{len(excepted)} are excepted", flush=True)
        for way, outcome in (("directly", direct), ("through", through)):
            for text in outcome.stopped[:1]:
                print(f"  {way} it stopped: {text}", flush=True)
        for name in lost:
            why = through.failed.get(name, "it was not reached")
            print(f"  only directly: {name}\n      {why}", flush=True)
        without_reason += lost
        totals.update(units=1, direct=len(direct.passes()), through=len(direct.passes() & through.passes()),
                      excepted=len(excepted), lost=len(lost))
    print(f"valkey-suite: {totals['units']} units; {totals['direct']} tests pass directly, {totals['through']} of them "
          f"through redis-proxy, {totals['excepted']} are excepted, {totals['lost']} pass only directly")
    for reason, count in reasons.most_common():
        print(f"{count:5} excepted: {reason}")
    if options.all and late:
        print("these pass, though they are excepted: " + ", ".join(sorted(set(late))))
    if not options.units:
        for entry in sorted(set(exceptions) - used):
            print(f"the exception is not needed: {entry}")
    if not totals["direct"]:
        sys.exit("valkey-suite: no test passes directly")
    return 1 if without_reason else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("valkey-suite: stopped by hand")
