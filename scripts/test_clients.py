#!/usr/bin/env python3
"""Runs each program of integration/clients directly against redis-server and through redis-proxy; `make clients-test`.

A program uses one client library as that library is used: values with an expiry, and transactions as it makes them by
default. One whose library is not installed ends with status 77 and is skipped. Libraries of npm are found in NODE_PATH.
Exit status 1 if a program fails.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test/bench"))

from servers import Lab, Missing, Setup  # noqa: E402

# Debian's python3 has Debian's libraries; another that comes first in PATH may not.
INTERPRETERS = {".py": ["/usr/bin/python3", "python3"], ".cjs": ["node"], ".php": ["php"], ".pl": ["perl"],
                ".lua": ["lua5.1", "lua"], ".rb": ["ruby"]}
SKIPPED, SECONDS = 77, 60
LAST_LINES = 5  # that are shown of a program that fails


def run(program, port):
    """Returns `ok`, or `skipped` or `FAILED` with the reason."""
    interpreter = next(filter(None, map(shutil.which, INTERPRETERS[program.suffix])), None)
    if not interpreter:
        return f"skipped: {INTERPRETERS[program.suffix][-1]} is not installed"
    try:
        result = subprocess.run([interpreter, program, str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
                                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    except subprocess.TimeoutExpired:
        return f"FAILED: no end within {SECONDS} s"
    if result.returncode == SKIPPED:
        return f"skipped: {result.stdout.strip()}"
    if result.returncode == 0:
        return "ok"
    return "\n  ".join([f"FAILED: status {result.returncode}", *result.stdout.splitlines()[-LAST_LINES:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", type=Path, default="redis-proxy")
    parser.add_argument("--programs", type=Path, default=ROOT / "integration/clients")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    counts = {"ok": 0, "skipped": 0, "FAILED": 0}
    try:
        with Lab(options.proxy.resolve(), None) as lab:
            proxy = lab.start("redis-proxy -coherent -forward", Setup())
            for program in sorted(options.programs.iterdir()):
                if program.suffix not in INTERPRETERS:
                    continue
                for way, port in (("directly", lab.redis.port), ("through redis-proxy", proxy.resp_port)):
                    outcome = run(program, port)
                    counts[outcome.partition(":")[0]] += 1
                    print(f"{program.name} {way}: {outcome}", flush=True)
                    if outcome != "ok":
                        break  # what fails directly is the program's own fault, what is skipped is skipped
            if not proxy.alive():
                counts["FAILED"] += 1
                print(f"redis-proxy has ended: {proxy.processes[0].last_words()}")
    except (Missing, OSError) as failure:
        sys.exit(f"clients-test: {failure}")
    print(f"clients-test: {counts['ok']} passed, {counts['FAILED']} failed, {counts['skipped']} skipped")
    return 1 if counts["FAILED"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
