#!/usr/bin/env python3
"""The longest wait of a small hit while another client asks for much: what bench.py starts, and the clients themselves.

    waits.py probe PORT                 gets one small key again and again, on one connection
    waits.py attack NAME PORT BYTES     one of the attacks below

Each is a process of its own, so that none waits for another's interpreter. A client says `ready`, and goes on with each
line that it reads. Times are those of the whole round trip.
"""

import contextlib
import gc
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import load
from servers import Setup

SMALL_KEY, SMALL_VALUE = "wait:small", "x" * 100
IDLE_SECONDS = 0.5
PAUSE_SECONDS = 0.0002     # between two probes: the machine's other core is needed
CLIENT_SECONDS = 120       # that a client waits for an answer
MB = 1_000_000
SHARE_OF_MEMORY = 16       # an argument is at most this part of it: each side has several copies
READERS, READER_BYTES = 300, 16 * MB
READ_BYTES, READ_SECONDS = 16384, 2
HITS, HIT_BYTES = 65536, 1100
TIMES = {"wait-mget": 10}
FLAGS = ("-coherent", "-timeout", "60s", "-capacity", "200000", "-max-value", "64mb", "-max-memory", "1gb")


@dataclass(frozen=True)
class Wait:
    """An attack, and the bytes that it is about: as many as `wanted` where the machine has memory for them."""
    name: str
    title: str
    wanted: int
    shared_by: int = 1  # copies that a server may make of the bytes

    def bytes(self):
        return min(self.wanted, memory_bytes() // SHARE_OF_MEMORY * 4 // max(4, self.shared_by))

    def full_title(self):
        size = self.bytes()
        short = "" if size == self.wanted else f" ({size / MB:.0f} MB here: there is not memory enough for more)"
        return self.title + short


def memory_bytes():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def scenarios():
    return [
        Wait("wait-set", "SET of 400 MB", 400 * MB),
        Wait("wait-echo", "ECHO of 400 MB", 400 * MB),
        Wait("wait-reply", "HGET of 256 MB", 256 * MB),
        Wait("wait-mget", "MGET of 65,536 hits of 1.1 KB, ten times", HITS * HIT_BYTES),
        Wait("wait-empty", "a command of 20M empty arguments", 6 * 20 * MB),
        Wait("wait-readers", f"{READERS} clients that hardly read get a cached 16 MB", READER_BYTES, READERS),
    ]


# --- The clients ------------------------------------------------------------------------------------------------------

def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), CLIENT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection, request, head, size):
    """Sends a request whose reply has so many bytes and begins with head. Another reply, a line, is a ValueError."""
    connection.sendall(request)
    buffer, read, begin = bytearray(1 << 20), 0, b""
    while read < size:
        count = connection.recv_into(buffer)
        if count == 0:
            raise ConnectionError("the server closed the connection")
        read += count
        if len(begin) < len(head):
            begin += buffer[:count]
        if not begin.startswith(head[:len(begin)]):
            raise ValueError(f"the reply is {bytes(begin[:100])!r}")


def probe(port, steps, out):
    """For each step: the number of round trips before it and the longest of them, in µs."""
    connection, request = connect(port), encode(b"GET", SMALL_KEY.encode())
    expected = b"$%d\r\n%s\r\n" % (len(SMALL_VALUE), SMALL_VALUE.encode())
    gc.disable()
    out("ready")
    steps.readline()
    count, longest = 0, 0.0
    while True:
        before = time.monotonic()
        connection.sendall(request)
        answer = b""
        while len(answer) < len(expected) and expected.startswith(answer) and (data := connection.recv(4096)):
            answer += data
        longest, count = max(longest, time.monotonic() - before), count + 1
        if answer != expected:
            return out(f"the probe got {answer[:60]!r}")
        if select.select([steps], [], [], PAUSE_SECONDS)[0]:
            ended = not steps.readline()
            out(f"{count} {round(longest * 1e6)}")
            count, longest = 0, 0.0
            if ended:
                return None


def hardly_read(port, size, out, go):
    """As many clients as READERS ask for the value, and read a little of it now and then."""
    clients = []
    for _ in range(READERS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * READ_BYTES)
        client.settimeout(CLIENT_SECONDS)
        client.connect(("127.0.0.1", port))
        clients.append(client)
    out("ready")
    go()
    for client in clients:
        client.sendall(encode(b"GET", b"wait:16"))
    deadline, expected = time.monotonic() + READ_SECONDS, b"$%d\r\n" % size
    heads = [client.recv(READ_BYTES)[:len(expected)] for client in clients]
    while time.monotonic() < deadline:
        time.sleep(0.1)
        for client in clients:
            client.recv(READ_BYTES)
    wrong = [head for head in heads if head != expected]
    for client in clients:
        client.close()
    out(f"the reply begins with {wrong[0]!r}" if wrong else "done")


def bulk(size):
    """How a string of so many bytes begins, and how many bytes it is as a reply."""
    head = b"$%d\r\n" % size
    return head, len(head) + size + 2


def mget(size):
    """The request, how its reply begins, and the bytes of the reply."""
    head, one = bulk(size // HITS)
    count = b"*%d\r\n" % HITS
    return encode(b"MGET", *(b"wait:%d" % i for i in range(HITS))), count + head, len(count) + HITS * one


def large_request(name, size):
    """The request, how its reply begins, and the bytes of the reply. Of an error only the beginning is known."""
    return {
        "wait-set": lambda: (encode(b"SET", b"wait:big", b"x" * size), b"+OK\r\n", 5),
        "wait-echo": lambda: (encode(b"ECHO", b"x" * size), *bulk(size)),
        "wait-reply": lambda: (encode(b"HGET", b"wait:hash", b"field"), *bulk(size)),
        "wait-mget": lambda: mget(size),
        "wait-empty": lambda: (b"*%d\r\n" % (size // 6) + b"$0\r\n\r\n" * (size // 6), b"-ERR ", 6),
    }[name]()


def attack(name, port, size, steps, out):
    if name == "wait-readers":
        return hardly_read(port, size, out, steps.readline)
    request, head, reply_bytes = large_request(name, size)
    with connect(port) as connection:
        out("ready")
        steps.readline()
        for _ in range(TIMES.get(name, 1)):
            ask(connection, request, head, reply_bytes)
        return out("done")


# --- Where they are started -------------------------------------------------------------------------------------------

class Client:
    """A process of this file."""

    def __init__(self, *arguments):
        self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", __file__,
                                       *map(str, arguments)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if (line := self.line()) != "ready":
            self.__exit__()
            raise ValueError(f"a client is not ready: {line}")
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def step(self):
        try:
            self.popen.stdin.write("\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            pass  # its last line says why it ended

    def line(self):
        return self.popen.stdout.readline().strip() or "it ended without a word"

    def measured(self):
        """Returns the count and the longest wait in ms."""
        self.step()
        line = self.line()
        count, _, longest = line.partition(" ")
        if not count.isdecimal():
            raise ValueError(line)
        return int(count), int(longest) / 1000


@dataclass
class Run:
    """The longest waits, in ms: alone, and during the attack."""
    idle_ms: float
    ms: float


def prepare(wait, port):
    """Puts what is asked for into Redis."""
    load.redis_call(port, "SET", SMALL_KEY, SMALL_VALUE)
    repeated = "string.rep('x', ARGV[1])"
    if wait.name == "wait-reply":
        load.redis_call(port, "EVAL", f"return redis.call('HSET', KEYS[1], 'field', {repeated})", 1, "wait:hash",
                        wait.bytes())
    if wait.name == "wait-readers":
        load.redis_call(port, "EVAL", f"redis.call('SET', KEYS[1], {repeated}) return 1", 1, "wait:16", wait.bytes())
    if wait.name == "wait-mget":
        load.redis_call(port, "EVAL", f"for i = 0, ARGV[2] - 1 do redis.call('SET', 'wait:' .. i, {repeated}) end "
                        "return 1", 0, wait.bytes() // HITS, HITS)


def clean(port):
    load.redis_call(port, "EVAL", "for _, key in ipairs(redis.call('KEYS', 'wait:*')) do redis.call('UNLINK', key) end "
                    "return 1", 0)


def warm(wait, port):
    """Asks once for what shall be hits."""
    requests = [(encode(b"GET", SMALL_KEY.encode()), *bulk(len(SMALL_VALUE)))]
    if wait.name == "wait-readers":
        requests.append((encode(b"GET", b"wait:16"), *bulk(wait.bytes())))
    if wait.name == "wait-mget":
        requests.append(mget(wait.bytes()))
    with connect(port) as connection:
        for request in requests:
            ask(connection, *request)


def measure(wait, port):
    """Returns the Run of one attack on the server with this RESP port."""
    with Client("probe", port) as prober, Client("attack", wait.name, port, wait.bytes()) as attacker:
        prober.step()
        time.sleep(IDLE_SECONDS)
        _, idle_ms = prober.measured()
        attacker.step()
        outcome = attacker.line()
        time.sleep(0.2)  # what the server frees when the attacker leaves counts too
        _, ms = prober.measured()
        if outcome != "done":
            raise ValueError(outcome)
    return Run(idle_ms, ms)


def compare(lab, wait, rounds, servers, note):
    """Returns {server's name: [Run]}; a server is left out with a note if it fails."""
    runs = {name: [] for name in servers}
    try:
        prepare(wait, lab.redis.port)
        started = [lab.start(name, Setup(flags=[*FLAGS])) for name in servers]
        for number in range(rounds):
            for server in started:
                try:
                    warm(wait, server.resp_port)
                    run = measure(wait, server.resp_port)
                except (ValueError, OSError) as failure:
                    note(f"{wait.name}: round {number + 1} of {server.name} failed: {failure}")
                    continue
                runs[server.name].append(run)
                note(f"{wait.name}: {server.name}: {run.ms:.1f} ms, idle {run.idle_ms:.1f} ms", passing=True)
    finally:
        lab.stop_servers()
        clean(lab.redis.port)
    return {name: rows for name, rows in runs.items() if rows}


def median(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def main():
    def out(line):
        print(line, flush=True)
    kind, *arguments = sys.argv[1:]
    steps = os.fdopen(0, "rb", buffering=0)  # what is read ahead would not wake select
    try:
        if kind == "probe":
            probe(int(arguments[0]), steps, out)
        else:
            attack(arguments[0], int(arguments[1]), int(arguments[2]), steps, out)
    except (OSError, ValueError) as failure:
        out(f"{type(failure).__name__}: {failure}")


if __name__ == "__main__":
    main()
