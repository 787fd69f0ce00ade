"""Starts the servers under test on loopback and free ports, and reads what they cost from /proc.

All configuration is written into one temporary directory; nothing in /etc is read or changed. A server is killed when
the Lab closes, and by the kernel (setpriv --pdeathsig) if this program dies before it can.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
RETURN_CHUNK_BYTES = 2048  # nginx takes no longer word in its configuration than 4096 bytes


class Missing(Exception):
    """A program that is not installed, or does not start."""


def find(program):
    """Returns the path of a program, looked for in the sbin directories too."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Missing(f"{program} is not installed")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.alive():
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Missing(f"{process.name} does not listen: {process.last_words()}")


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Process:
    """A program with all that it starts, in a session of its own."""

    def __init__(self, name, command, directory):
        self.name = name
        self.log = Path(directory, f"{name.replace(' ', '')}-{time.monotonic_ns()}.log")
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=directory, start_new_session=True)

    def alive(self):
        return self.popen.poll() is None

    def last_words(self):
        return " ".join(self.log.read_text(errors="replace").split())[-300:] or "it says nothing"

    def tree(self):
        """Returns {pid: fields of /proc/PID/stat from the third on} of the process and its descendants."""
        stats = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                stats[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
        tree, previous = {self.popen.pid}, set()
        while tree != previous:
            previous, tree = tree, tree | {pid for pid, stat in stats.items() if int(stat[1]) in tree}
        return {pid: stats[pid] for pid in tree if pid in stats}

    def cpu_seconds(self):
        """utime + stime of the whole tree, with that of children that have ended and been waited for."""
        return sum(sum(map(int, stat[11:15])) for stat in self.tree().values()) / TICKS_PER_SECOND

    def peak_bytes(self):
        """The sum of the most memory that each process of the tree ever had; shared pages count in each."""
        total = 0
        for pid in self.tree():
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        return total

    def stop(self):
        tree = list(self.tree())
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in filter(running, tree):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                self.popen.poll()
                if not any(map(running, tree)):
                    return
                time.sleep(0.01)


@dataclass
class Server:
    """What a client sees, and the processes that it is made of (a cache has webdis behind it; Redis is not counted)."""
    name: str
    port: int
    processes: list
    prefix: str = "/"
    suffix: str = ""
    resp_port: int = 0
    caches: bool = True      # keeps values: its hits do not reach Redis
    constant: bool = False   # answers the same whatever is asked

    def path(self, key):
        return f"{self.prefix}{key}{self.suffix}"

    def cpu_seconds(self):
        return sum(process.cpu_seconds() for process in self.processes)

    def peak_bytes(self):
        return sum(process.peak_bytes() for process in self.processes)

    def settle(self, seconds=3):
        """Waits until it has nothing left to do."""
        deadline, before = time.monotonic() + seconds, None
        while time.monotonic() < deadline and before != (before := self.cpu_seconds()):
            time.sleep(0.05)

    def alive(self):
        return all(process.alive() for process in self.processes)


@dataclass
class Setup:
    """What a scenario wants of its servers."""
    value_bytes: int = 100
    cache: bool = True
    capacity: int = 0           # keys; 0 is the server's default
    flags: list = field(default_factory=list)


class Lab:
    """Owns the temporary directory, Redis and the servers of one scenario."""

    def __init__(self, proxy, floor):
        self.programs = {"redis-proxy": proxy, "floor": floor}
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="redis-proxy-bench-", dir=shm)
        self.processes, self.redis = [], None

    def __enter__(self):
        port = free_port()
        self.redis = Server("redis-server", port, [], resp_port=port)
        self.redis.processes.append(self.launch("redis-server", [
            find("redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
            "--dir", self.directory], port))
        return self

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing is left behind by who is in a hurry
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def launch(self, name, command, port):
        process = Process(name, command, self.directory)
        self.processes.append(process)
        await_port(port, process)
        return process

    def stop_servers(self):
        """Stops all but Redis."""
        while len(self.processes) > 1:
            self.processes.pop().stop()

    def write(self, name, text):
        path = Path(self.directory, name)
        path.write_text(text + "\n")
        return path

    def start(self, name, setup):
        """Starts the server of that name, or raises Missing."""
        start = {"redis-proxy": self.start_proxy, "floor": self.start_floor, "webdis": self.start_webdis,
                 "nginx return": self.start_nginx_return, "nginx cache": self.start_nginx_cache,
                 "varnish": self.start_varnish, "haproxy": self.start_haproxy,
                 "redis-server": lambda *_: self.redis}
        return start.get(name, self.start_proxy)(name, setup)

    # Names beyond `redis-proxy` are its flags: `redis-proxy -coherent`. Values live as long as in the peers.
    def start_proxy(self, name, setup):
        port, resp_port = free_port(), free_port()
        capacity = [] if setup.cache and not setup.capacity else ["-capacity", setup.capacity if setup.cache else 0]
        process = self.launch(name, [
            self.programs["redis-proxy"], "-redis", f"127.0.0.1:{self.redis.port}", "-http", f"127.0.0.1:{port}",
            "-resp", f"127.0.0.1:{resp_port}", "-log-level", "warn", "-expire", "1h", *capacity, *setup.flags, *name.split()[1:]], port)
        return Server(name, port, [process], resp_port=resp_port)

    def start_floor(self, name, setup):
        process = Process(name, [self.programs["floor"], setup.value_bytes], self.directory)
        self.processes.append(process)
        deadline = time.monotonic() + 5
        while not process.log.read_text().endswith("\n") and process.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        return Server(name, int(process.log.read_text()), [process], constant=True)

    # Each cache has one of its own: what one leaves undone is not the next one's time or memory.
    def start_webdis(self, name, setup):
        port = free_port()
        config = self.write(f"webdis-{port}.json", json.dumps({
            "redis_host": "127.0.0.1", "redis_port": self.redis.port, "redis_auth": None, "http_host": "127.0.0.1",
            "http_port": port, "threads": 2, "daemonize": False, "database": 0,
            "acl": [{"disabled": ["DEBUG"]}], "verbosity": 0, "logfile": f"{self.directory}/webdis-{port}.log"}))
        process = self.launch("webdis", [find("webdis"), config], port)
        return Server(name, port, [process], "/GET/", ".txt", caches=False)

    def in_front_of(self, webdis, name, port, command):
        process = self.launch(name, command, port)
        return Server(name, port, [process, *webdis.processes], "/GET/", ".txt")

    # One worker, as the others have one thread for clients: two that are half idle cost more. tcp_nopush halves what a
    # cached answer costs, and holds the last of a pipeline back for up to 40 ms.
    def nginx_command(self, name, http):
        config = self.write(f"{name.replace(' ', '-')}.conf", f"""
            {"user root;" if os.geteuid() == 0 else ""}
            worker_processes 1;
            worker_rlimit_nofile 20000;
            pid {self.directory}/{name.replace(' ', '-')}.pid;
            error_log stderr error;
            daemon off;
            events {{ worker_connections 8192; }}
            http {{
              access_log off;
              sendfile on;
              tcp_nopush on;
              keepalive_requests 1000000000;
              client_body_temp_path {self.directory}/body;
              proxy_temp_path {self.directory}/proxy;
              fastcgi_temp_path {self.directory}/fastcgi;
              uwsgi_temp_path {self.directory}/uwsgi;
              scgi_temp_path {self.directory}/scgi;
              {http}
            }}""")
        return [find("nginx"), "-p", self.directory, "-e", "stderr", "-c", config]

    def start_nginx_return(self, name, setup):
        port = free_port()
        chunk = min(setup.value_bytes, RETURN_CHUNK_BYTES)
        body = "$chunk" * (setup.value_bytes // chunk)
        command = self.nginx_command(name, f"""
            server {{
              listen 127.0.0.1:{port} backlog=4096;
              set $chunk {"x" * chunk};
              default_type application/octet-stream;
              location / {{ return 200 {body}; }}
            }}""")
        return Server(name, port, [self.launch(name, command, port)], constant=True)

    def start_nginx_cache(self, name, setup):
        webdis, port = self.start_webdis("webdis", setup), free_port()
        cache = "proxy_cache values; proxy_cache_valid 200 1h; proxy_ignore_headers Cache-Control Expires;"
        command = self.nginx_command(name, f"""
            proxy_cache_path {self.directory}/cache levels=1:2 keys_zone=values:256m inactive=1h use_temp_path=off;
            open_file_cache max=20000;
            upstream webdis {{ server 127.0.0.1:{webdis.port}; keepalive 64; keepalive_requests 1000000000; }}
            server {{
              listen 127.0.0.1:{port} backlog=4096;
              location / {{
                proxy_pass http://webdis;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                {cache if setup.cache else ""}
              }}
            }}""")
        return self.in_front_of(webdis, name, port, command)

    def start_varnish(self, name, setup):
        webdis, port = self.start_webdis("webdis", setup), free_port()
        config = self.write("varnish.vcl", f"""vcl 4.1;
            backend default {{ .host = "127.0.0.1"; .port = "{webdis.port}"; }}
            sub vcl_recv {{ return ({"hash" if setup.cache else "pass"}); }}
            sub vcl_backend_response {{ set beresp.ttl = 1h; }}
            """)
        return self.in_front_of(webdis, name, port, [
            find("varnishd"), "-F", "-j", "none", "-n", f"{self.directory}/varnish", "-f", config,
            "-a", f"127.0.0.1:{port}", "-s", "malloc,1g"])

    def start_haproxy(self, name, setup):
        webdis, port = self.start_webdis("webdis", setup), free_port()
        use = """http-request cache-use values
              http-response set-header Cache-Control max-age=3600
              http-response cache-store values"""
        config = self.write("haproxy.cfg", f"""
            global
              maxconn 8192
              nbthread 1
            defaults
              mode http
              timeout connect 5s
              timeout client 60s
              timeout server 60s
            cache values
              total-max-size {64 + setup.capacity // 500}
              max-object-size 4000000
              max-age 3600
            frontend clients
              bind 127.0.0.1:{port} backlog 4096
              default_backend webdis
              {use if setup.cache else ""}
            backend webdis
              http-reuse always
              server webdis 127.0.0.1:{webdis.port}
            """)
        return self.in_front_of(webdis, name, port, [find("haproxy"), "-db", "-f", config])


VERSIONS = {"redis-server": ["redis-server", "--version"], "nginx": ["nginx", "-v"], "varnish": ["varnishd", "-V"],
            "haproxy": ["haproxy", "-v"], "wrk": ["wrk", "-v"], "webdis": ["dpkg-query", "-W", "webdis"]}


def versions():
    """Returns {program: what it says its version is} of those that are installed."""
    found = {}
    for name, (program, *arguments) in VERSIONS.items():
        try:
            output = subprocess.run([find(program), *arguments], capture_output=True, text=True, timeout=10)
            found[name] = (output.stdout + output.stderr).strip().replace("\t", " ").splitlines()[0]
        except (Missing, IndexError, subprocess.TimeoutExpired):
            found[name] = "not installed"
    return found
