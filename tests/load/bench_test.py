"""The measuring scripts of bench/ at their smallest, with the programs of a build.

    bench_test.py path/to/build
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = sys.argv.pop(1) if len(sys.argv) > 1 else ""
BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import soak  # noqa: E402  (a script of bench/)


def run(script, *options):
    return subprocess.run([sys.executable, "-B", str(BENCH / script), *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)


class BenchTest(unittest.TestCase):
    def test_the_bare_path_has_a_row_for_every_receiver(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = pathlib.Path(folder) / "figures.json"
            done = run("bare_path.py", "--build", BUILD, "--rounds", "1", "--messages", "200", "--receivers",
                       "bare,null,relay,data", "--corpus-messages", "20", "--json", str(figures))
            self.assertEqual(done.returncode, 0, done.stderr)
            rounds = json.loads(figures.read_text())["rounds"]
        self.assertEqual(set(rounds), {"1", "100", "corpus"})
        for shape in rounds.values():
            self.assertEqual(set(shape), {"bare", "null", "relay", "data"})
            self.assertGreater(shape["bare"][0]["sending"], 0)
            self.assertTrue(all(row[0]["total"] > 0 for row in shape.values()), shape)
        self.assertIn("kernel", done.stdout)

    def test_authentication_has_rows_a_floor_and_the_results_that_were_made(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = pathlib.Path(folder) / "figures.json"
            done = run("authentication.py", "--build", BUILD, "--only", "sluice", "--rounds", "1", "--messages", "60",
                       "--corpus-messages", "40", "--json", str(figures))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)  # 2: rows that are not as expected
            found = json.loads(figures.read_text())
        self.assertEqual(set(found["rounds"]), {"bare", "spf", "all", "data"})
        self.assertTrue(all(part > 0 for part in found["floors"][0].values()), found["floors"])

    def test_a_message_asks_the_heap_for_little(self):
        # What is reached, and a little: bench/README.md. Of the second, OpenSSL asks for twelve to verify a signature.
        done = run("allocations.py", "--build", BUILD, "--messages", "1600", "--spf-max", "7", "--all-max", "42")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?s)spf: \d+\.\d+ allocations a message\n.*all: \d+\.\d+ allocations a message\n")
        self.assertEqual(run("allocations.py", "--build", BUILD, "--messages", "320", "--shapes", "spf", "--top", "0",
                             "--spf-max", "0").returncode, 1, "the limit does not limit")

    def test_latency_is_measured_at_a_rate(self):
        done = run("latency.py", "--build", BUILD, "--seconds", "1", "--rounds", "1", "--rate", "50",
                   "--capacity-messages", "100")
        self.assertIn(done.returncode, (0, 1), done.stderr)  # what it found is another matter
        self.assertRegex(done.stdout, r"target p99: 5 ms (met|MISSED)")

    def test_two_shards_give_a_ratio(self):
        done = run("two_shards.py", "--build", BUILD, "--seconds", "1", "--rounds", "1", "--share", "0.05",
                   "--capacity-messages", "200")
        if "two processors" in done.stderr:
            self.skipTest("one processor")
        self.assertRegex(done.stdout, r"ratio \d", done.stderr)

    def test_a_corpus_is_the_same_for_the_same_seed(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
                self.assertEqual(run("make_corpus.py", "--pack", f"{folder}/{name}", "--count", "30", "--seed", seed).returncode, 0)
            packs = [(pathlib.Path(folder) / name).read_bytes() for name in "abc"]
        self.assertEqual(packs[0], packs[1])
        self.assertNotEqual(packs[0], packs[2])
        rows, texts = packs[0].split(b"\n\n", 1)
        self.assertEqual(sum(int(row.split()[0]) for row in rows.splitlines()), len(texts))
        self.assertTrue(texts.endswith(b"\r\n"))
        self.assertNotIn(b"\r\n.\r\n", texts)


class SoakRule(unittest.TestCase):
    """What the soak calls flat."""

    @staticmethod
    def verdict(values):
        return soak.verdict([{"rss_kb": value, "descriptors": value} for value in values], "rss_kb")[1]

    def test_noise_and_warming_up_are_flat(self):
        self.assertTrue(self.verdict([10000 + 300 * second for second in range(20)] + [16000 + 40 * (second % 7) for second in range(80)]))

    def test_a_leak_is_not(self):
        self.assertFalse(self.verdict([100000 + 60 * second for second in range(100)]))

    def test_a_late_jump_is_not(self):
        self.assertFalse(self.verdict([20000] * 90 + [24000] * 10))


if __name__ == "__main__":
    unittest.main()
