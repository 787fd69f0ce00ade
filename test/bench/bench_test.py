"""Tests of what reads the tools' output and judges it, on samples of that output. `make bench-test` runs them."""

import argparse
import contextlib
import os
import socket
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))

import bench
import load
import report
import servers
import waits

WRK = """Running 1s test @ http://127.0.0.1:35695/x
  1 threads and 64 connections
  Non-2xx or 3xx responses: 7
Requests/sec:  38467.03
wrk: requests=38890 us=1010985 p50=1349 p99=3266 connect=0 read={read} write=0 timeout=0 status={status}
"""
REDIS_BENCHMARK = """"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms"
"GET value100","90712.00","0.373","0.128","0.359","0.647","0.847"
"""


def row(scenario, server, cpu_us=1.0, rate=1000.0):
    return report.Row(scenario, "a <title>", server, rate, 10, 20, cpu_us, 0.0, 0.0, 5.0,
                      rounds={0: {"cpu_us": cpu_us, "rate": rate}})


class ParsingTest(unittest.TestCase):
    def test_wrk_is_read_from_the_line_of_our_script(self):
        outcome = load.parse_wrk(WRK.format(read=0, status=0))
        self.assertEqual((38890, 1349, 3266, ""), (outcome.requests, outcome.p50_us, outcome.p99_us, outcome.errors))
        self.assertAlmostEqual(38467.4, outcome.rate, 1)

    def test_errors_that_wrk_counts_are_named(self):
        self.assertEqual("7 answers not 2xx, 2 read errors", load.parse_wrk(WRK.format(read=2, status=7)).errors)

    def test_wrk_that_could_not_connect_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "refused"):
            load.parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")

    def test_redis_benchmark_is_read_by_the_names_of_its_columns(self):
        outcome = load.parse_redis_benchmark(REDIS_BENCHMARK, 181424)
        self.assertEqual((359, 847, ""), (outcome.p50_us, outcome.p99_us, outcome.errors))
        self.assertAlmostEqual(2.0, outcome.seconds)

    def test_errors_that_redis_benchmark_shows_are_kept(self):
        outcome = load.parse_redis_benchmark("Error from server: ERR no\n" + REDIS_BENCHMARK, 10)
        self.assertEqual("Error from server: ERR no", outcome.errors)

    def test_redis_benchmark_that_gave_up_is_an_error(self):
        with self.assertRaises(ValueError):
            load.parse_redis_benchmark("Error from server: ERR no\n", 10)


    def test_an_answer_that_is_no_http_is_an_error(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                client, _ = listener.accept()
                with client:
                    client.recv(4096)
                    client.sendall(b"xxxHTTP/1.1 200 OK\r\n\r\n")
            thread = threading.Thread(target=answer)
            thread.start()
            with self.assertRaisesRegex(ValueError, "BadStatusLine: xxxHTTP"):
                load.fetch(types.SimpleNamespace(port=listener.getsockname()[1]), "/x")
            thread.join()


class ReportTest(unittest.TestCase):
    def test_a_goal_is_met_at_its_limit_and_missed_beyond(self):
        for cpu_us, verdict in ((1.25, "met"), (1.26, "**missed**")):
            judged = report.goals([row("hit-100B", "floor"), row("hit-100B", "redis-proxy", cpu_us)])
            self.assertEqual(verdict, judged[0][3])

    def test_what_was_not_run_is_not_measured(self):
        self.assertEqual({"not measured"}, {goal[3] for goal in report.goals([])})

    def test_the_best_peer_counts(self):
        judged = report.goals([row("zipf", "redis-proxy", 2), row("zipf", "varnish", 3), row("zipf", "webdis", 1.9)])
        self.assertIn("webdis", judged[-1][1])
        self.assertEqual("**missed**", judged[-1][3])

    def test_following_is_a_share_of_a_core_at_the_rate_that_was_reached(self):
        for cpu_us, rate, expected in ((1.25, 120_000.0, ["15.0 % at 120,000 writes/s", "met"]),
                                       (1.26, 120_000.0, ["15.1 % at 120,000 writes/s", "**missed**"]),
                                       (1.0, 99_999.0, ["10.0 % at 99,999 writes/s", "not measured: too few"])):
            judged = report.goals([row("writes", "redis-proxy -coherent", cpu_us, rate)])
            self.assertIn(expected, [goal[2:] for goal in judged])

    def test_ratios_are_taken_in_each_round(self):
        floor, proxy = row("hit-100B", "floor"), row("hit-100B", "redis-proxy")
        floor.rounds = {0: {"cpu_us": 1.0}, 1: {"cpu_us": 10.0}, 2: {"cpu_us": 4.0}}
        proxy.rounds = {0: {"cpu_us": 1.1}, 1: {"cpu_us": 12.0}, 3: {"cpu_us": 99.0}}
        self.assertAlmostEqual(1.15, report.compare(proxy, floor, "cpu_us"))
        proxy.rounds = {3: {"cpu_us": 99.0}}
        self.assertIsNone(report.compare(proxy, floor, "cpu_us"))
        self.assertIn("not measured", {goal[3] for goal in report.goals([floor, proxy])})

    def test_a_row_that_went_wrong_meets_no_goal(self):
        proxy = row("hit-100B", "redis-proxy", 0.5)
        proxy.errors = "43 % of the requests reached Redis"
        judged = report.goals([row("hit-100B", "floor"), proxy, row("hit-100B", "varnish")])
        verdicts = [goal[3] for goal in judged if goal[2] != "–"]
        self.assertEqual(3, len(verdicts))
        for verdict in verdicts:
            self.assertEqual("invalid: redis-proxy: 43 % of the requests reached Redis", verdict)
        self.assertEqual([], report.growth([proxy, row("hit-c1000", "redis-proxy")]))

    def test_a_peer_that_went_wrong_is_not_the_best(self):
        wrong = row("zipf", "webdis", 0.1)
        wrong.errors = "7 answers not 2xx"
        judged = report.goals([row("zipf", "redis-proxy", 2), row("zipf", "varnish", 3), wrong])
        self.assertIn("varnish", judged[-1][1])

    def test_the_plot_is_well_formed(self):
        xml.etree.ElementTree.fromstring(report.svg([row("hit-100B", "floor"), row("hit-100B", "redis-proxy")]))

    def test_goals_and_growths_name_scenarios_that_exist(self):
        names = {scenario.name for scenario in bench.scenarios()}
        used = {goal[0] for goal in report.RATIO_GOALS} | {end[0] for growth in report.GROWTHS for end in growth[1:]}
        self.assertEqual(set(), used - names)


class WaitsTest(unittest.TestCase):
    def judged(self, ms, redis_ms):
        servers_of_row = {report.WAITING: report.Longest(ms, 0.5)}
        if redis_ms is not None:
            servers_of_row["redis-server"] = report.Longest(redis_ms, 0.5)
        return report.wait_goals([report.WaitRow("wait-set", "SET", servers_of_row)])[0]

    def test_the_limit_is_20_ms_or_a_half_more_than_redis_takes(self):
        for ms, redis_ms, limit, verdict in ((20.0, 1.0, "20.00", "met"), (20.1, 1.0, "20.00", "**missed**"),
                                             (20.0, 13.0, "20.00", "met"), (30.0, 20.0, "30.00", "met"),
                                             (30.1, 20.0, "30.00", "**missed**")):
            self.assertEqual([limit, verdict], self.judged(ms, redis_ms)[-2:])

    def test_without_redis_nothing_is_judged(self):
        self.assertEqual(["–", "0.50 / –", "–", "not measured"], self.judged(20.0, None)[2:])

    def test_names_are_told_apart_and_each_is_an_attack(self):
        names = [scenario.name for scenario in [*bench.scenarios(), *waits.scenarios()]]
        self.assertEqual(len(names), len(set(names)))
        for wait in waits.scenarios():
            if wait.name != "wait-readers":
                self.assertTrue(waits.large_request(wait.name, waits.HITS)[0].startswith(b"*"))

    def test_a_smaller_machine_is_attacked_with_less_and_the_title_says_so(self):
        wait = waits.Wait("wait-set", "SET of 400 MB", 400 * waits.MB)
        with unittest.mock.patch.object(waits, "memory_bytes", lambda: 6400 * waits.MB):
            self.assertEqual((400 * waits.MB, "SET of 400 MB"), (wait.bytes(), wait.full_title()))
        with unittest.mock.patch.object(waits, "memory_bytes", lambda: 3200 * waits.MB):
            self.assertEqual(200 * waits.MB, wait.bytes())
            self.assertIn("(200 MB here", wait.full_title())

    def serve(self, answer):
        """Answers each request of the one connection with what answer(its number) returns, and returns the port."""
        listener = socket.create_server(("127.0.0.1", 0))

        def run():
            with listener, listener.accept()[0] as client, contextlib.suppress(ConnectionResetError):
                number = 0
                while client.recv(65536):
                    client.sendall(answer(number))
                    number += 1
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return listener.getsockname()[1]

    def test_the_probe_tells_the_longest_wait_of_each_step(self):
        value = b"$100\r\n" + b"x" * 100 + b"\r\n"
        stalled = threading.Event()

        def answer(number):
            if number == 0:
                stalled.wait(0.05)  # nobody sets it: the stall that is looked for
            return value
        with waits.Client("probe", self.serve(answer)) as prober:
            prober.step()
            count, longest_ms = prober.measured()
            self.assertGreaterEqual(count, 1)
            self.assertGreaterEqual(longest_ms, 50)
            self.assertLess(prober.measured()[1], longest_ms)

    def test_what_is_not_the_value_is_no_wait(self):
        with waits.Client("probe", self.serve(lambda _: b"$-1\r\n")) as prober:
            prober.step()
            with self.assertRaisesRegex(ValueError, "the probe got"):
                prober.measured()

    def test_an_attack_that_is_refused_says_so(self):
        for reply, outcome in ((b"+OK\r\n", "done"), (b"-OOM no\r\n", "ValueError: the reply is b'-OOM ")):
            with waits.Client("attack", "wait-set", self.serve(lambda _, reply=reply: reply), 10) as attacker:
                attacker.step()
                self.assertTrue(attacker.line().startswith(outcome))


class ArgumentsTest(unittest.TestCase):
    def test_counts_are_whole_numbers_from_1_on(self):
        self.assertEqual(1, bench.count("1"))
        for text in ("0", "-1", "x", "", "1.5"):
            with self.assertRaisesRegex(argparse.ArgumentTypeError, "not a whole number from 1 on"):
                bench.count(text)


class ProcessTest(unittest.TestCase):
    def test_the_tree_is_counted_with_children_and_all_of_it_is_stopped(self):
        with tempfile.TemporaryDirectory() as directory:
            spin = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
            process = servers.Process("spin", ["sh", "-c", f"sh -c '{spin}; sleep 60' & {spin}; wait"], directory)
            try:
                while process.alive() and not any(pid for pid, stat in process.tree().items()
                                                  if Path(f"/proc/{pid}/comm").read_text() == "sleep\n"):
                    pass
                tree = process.tree()
                self.assertEqual(3, len(tree))
                own = sum(map(int, tree[process.popen.pid][11:13])) / servers.TICKS_PER_SECOND
                self.assertGreater(process.cpu_seconds(), own)
                self.assertGreater(process.peak_bytes(), 0)
            finally:
                process.stop()
            self.assertFalse(any(map(servers.running, tree)))


if __name__ == "__main__":
    unittest.main()
