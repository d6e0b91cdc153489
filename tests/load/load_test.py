"""sluice-load against itself, on the back end that `auto` finds and on epoll.

    load_test.py path/to/sluice-load
"""
import atexit
import json
import os
import pathlib
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""
LIMIT = 60  # seconds for anything


class Sink:
    """A running sink; stopped() gives what it counted."""

    def __init__(self, *options, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([PROGRAM, "sink", "--listen", listen, *options],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # where a test fails before it is stopped
        ready = json.loads(self.process.stdout.readline())
        assert ready["event"] == "ready", ready
        self.address = ready["listeners"][0]
        self.backend = ready["backend"]

    def stopped(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=LIMIT)
        assert self.process.returncode == 0, self.process.returncode
        return json.loads(out.splitlines()[-1])


def send(address, *options):
    done = subprocess.run([PROGRAM, "send", "--quiet", "--connect", address, *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def unused_port():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return holder.getsockname()[1]


class LoadTest(unittest.TestCase):
    def test_counts_agree(self):
        for backend in ("auto", "epoll"):
            with self.subTest(backend=backend):
                sink = Sink("--backend", backend)
                code, said, _ = send(sink.address, "--backend", backend, "--connections", "7", "--messages", "200",
                                     "--messages-per-connection", "9", "--size", "30000", "--to", "a@b.example",
                                     "--to", "c@d.example")
                got = sink.stopped()
                self.assertEqual(code, 0)
                self.assertEqual((said["sent"], said["accepted"], said["errors"]), (200, 200, 0))
                self.assertEqual((got["messages"], got["recipients"], got["aborted"]), (200, 400, 0))
                self.assertEqual(got["octets"], said["octets"])
                self.assertEqual(got["connections"], said["connections"])
                self.assertLessEqual(said["latency_us"]["p50"], said["latency_us"]["max"])

    def test_several_shards_share_the_work(self):
        sink = Sink("--shards", "2", listen=f"127.0.0.1:{unused_port()}")
        code, said, _ = send(sink.address, "--shards", "2", "--connections", "8", "--messages", "101", "--size", "500")
        self.assertEqual((code, said["accepted"]), (0, 101))
        self.assertEqual(sink.stopped()["messages"], 101)

    def test_the_time_limit_ends_it(self):
        sink = Sink()
        code, said, _ = send(sink.address, "--messages", "1000000000", "--seconds", "1",
                             "--messages-per-connection", "1000", "--size", "1000")
        self.assertEqual((code, said["errors"]), (0, 0))
        self.assertGreater(said["sent"], 0)
        self.assertEqual(sink.stopped()["messages"], said["sent"])

    def test_a_manifest_says_client_and_envelope(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "a.eml").write_bytes(b"Subject: first\nX-Long: a\n b\n\n.dot\nend")
            (folder / "b.eml").write_bytes(b"Subject: second\r\n\r\nbody\r\n")
            rows = [{"file": "a.eml", "client": "203.0.113.5", "helo": "mail.example", "sender": "a@b.example",
                     "recipients": ["c@d.example", "e@f.example"]},
                    {"file": "b.eml", "client": "2001:db8::1", "helo": "x.example", "sender": "",
                     "recipients": ["c@d.example"]}]
            manifest = folder / "mails.jsonl"
            manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
            record = folder / "record.jsonl"
            sink = Sink("--record", str(record))
            code, said, _ = send(sink.address, "--connections", "1", "--messages-per-connection", "2",
                                 "--folder", str(folder), "--manifest", str(manifest))
            sink.stopped()
            self.assertEqual((code, said["accepted"]), (0, 2))
            got = [json.loads(line) for line in record.read_text().splitlines()]
        for row, entry in zip(rows, got, strict=True):
            for field in ("client", "helo", "sender", "recipients"):
                self.assertEqual(entry[field], row[field])
        self.assertEqual(got[0]["header"], "Subject: first\r\nX-Long: a\r\n b\r\n")
        self.assertEqual(got[0]["size"], len("Subject: first\r\nX-Long: a\r\n b\r\n\r\n.dot\r\nend\r\n"))

    def test_an_open_loop_keeps_its_rate_and_measures_each_point(self):
        sink = Sink()
        code, said, err = send(sink.address, "--profile", "50-150:1,150:1", "--connections", "20", "--size", "1k=1,100k=1",
                               "--messages-per-connection", "1=1,5=1", "--from", "u{1-9}@d{01-99}.example", "--recipients", "2")
        self.assertEqual(code, 0, err)
        self.assertEqual((said["mode"], said["expected"], said["errors"]), ("open", 250, 0))
        self.assertEqual((said["begun"], said["accepted"]), (250, 250))
        self.assertEqual(sum(said["series"]["due"]), 250)
        self.assertGreater(said["seconds"], 1.9)
        points = said["points_us"]
        self.assertEqual(points["message"]["count"], 250)
        self.assertEqual(points["rcpt"]["count"], 500)
        self.assertEqual(points["connect"]["count"], said["connections"])
        self.assertLessEqual(points["end"]["max"], points["service"]["max"])
        self.assertLessEqual(points["service"]["max"], points["message"]["max"])
        self.assertEqual(sink.stopped()["recipients"], 500)

    def test_a_server_that_stands_still_shows_in_the_latency(self):
        sink = Sink()
        stalls = threading.Timer(0.5, sink.process.send_signal, [signal.SIGSTOP])
        goes_on = threading.Timer(1.5, sink.process.send_signal, [signal.SIGCONT])
        stalls.start()
        goes_on.start()
        code, said, _ = send(sink.address, "--rate", "200", "--seconds", "2", "--connections", "4",
                             "--messages-per-connection", "1000")
        goes_on.join()
        sink.stopped()
        self.assertEqual((code, said["accepted"]), (0, 400))
        # 200 of 400 messages were due while it stood; only four of them were under way.
        self.assertGreater(said["points_us"]["message"]["p90"], 400_000)
        self.assertLess(said["points_us"]["service"]["p90"], 400_000)
        self.assertGreater(said["generator"]["queued"], 100)

    def test_an_interrupt_ends_it_with_the_summary(self):
        sink = Sink()
        with subprocess.Popen([PROGRAM, "send", "--connect", sink.address, "--rate", "50", "--seconds", "60"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            line = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=LIMIT)
        said = json.loads(out)
        self.assertRegex(line, r"1 s: \d+ begun, .* of 50/s; p50")
        self.assertEqual(process.returncode, 1)
        self.assertTrue(said["interrupted"])
        self.assertGreater(said["accepted"], 10)
        self.assertEqual(said["begun"], said["accepted"])
        self.assertEqual(sink.stopped()["messages"], said["accepted"])

    def test_a_terminal_is_redrawn_in_place(self):
        sink = Sink()
        master, slave = pty.openpty()
        with subprocess.Popen([PROGRAM, "send", "--connect", sink.address, "--rate", "20", "--seconds", "2"],
                              stdout=subprocess.DEVNULL, stderr=slave) as process:
            os.close(slave)
            drawn = b""
            try:
                while piece := os.read(master, 4096):
                    drawn += piece
            except OSError:
                pass  # the other side of the terminal is gone
            process.wait(LIMIT)
        os.close(master)
        sink.stopped()
        self.assertIn(b"\x1b[8A", drawn)
        self.assertIn(b"in flight", drawn)
        self.assertIn("█".encode(), drawn)

    def test_reports_show_and_compare(self):
        with tempfile.TemporaryDirectory() as folder:
            sink = Sink()
            files = []
            for name in ("one", "two"):
                own = f"{folder}/{name}.html"
                code, said, err = send(sink.address, "--rate", "50", "--seconds", "1", "--name", name, "--html", own)
                self.assertEqual(code, 0, err)
                self.assertIn("<!DOCTYPE html>", pathlib.Path(own).read_text())
                files.append(f"{folder}/{name}.json")
                pathlib.Path(files[-1]).write_text(json.dumps(said) + "\n")
            sink.stopped()
            both = pathlib.Path(folder) / "both.html"
            done = subprocess.run([PROGRAM, "report", "--html", str(both), *files], timeout=LIMIT, check=False)
            self.assertEqual(done.returncode, 0)
            text = both.read_text()
            self.assertIn('"name":"one"', text)
            self.assertIn('"name":"two"', text)
            pathlib.Path(files[0]).write_text("nothing\n")
            done = subprocess.run([PROGRAM, "report", "--html", str(both), *files], timeout=LIMIT, check=False,
                                  stderr=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 2)

    def test_real_messages_come_from_a_folder_or_an_mbox(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            mails = folder / "mails"
            mails.mkdir()
            (mails / "1.eml").write_text("Subject: one\n\nx\n")
            (mails / "2.eml").write_text("Subject: two\n\nx\n")
            (folder / "box").write_text("From a\nSubject: three\n\nx\n\nFrom b\nSubject: four\n\nx\n")
            record = folder / "record.jsonl"
            sink = Sink("--record", str(record))
            for source in (["--folder", str(mails)], ["--mbox", str(folder / "box")]):
                code, said, err = send(sink.address, "--messages", "2", "--connections", "1", "--to", "a@b.example", *source)
                self.assertEqual((code, said["accepted"]), (0, 2), err)
            sink.stopped()
            subjects = [json.loads(line)["header"] for line in record.read_text().splitlines()]
        self.assertEqual(subjects, [f"Subject: {word}\r\n" for word in ("one", "two", "three", "four")])

    def test_wrong_schedules_are_said(self):
        for options, words in [(["--rate", "5"], "needs --seconds"), (["--profile", "5"], "RATE:SECONDS"),
                               (["--profile", "5:1", "--think-ms", "3"], "closed loop"), (["--size", "0"], "--size"),
                               (["--to", "a{1}@b"], "FROM-TO"), (["--from", "a>b"], "bracket"),
                               (["--recipients", "0"], "--recipients")]:
            with self.subTest(options=options):
                code, said, err = send("127.0.0.1:1", *options)
                self.assertEqual((code, said), (2, None))
                self.assertIn(words, err)

    def test_no_server_is_an_error(self):
        code, said, _ = send(f"127.0.0.1:{unused_port()}", "--connections", "1", "--messages", "3")
        self.assertEqual(code, 1)
        self.assertEqual((said["sent"], said["errors"]), (0, 3))
        self.assertEqual(said["faults"], {"connect": 3})

    def test_bad_input_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            manifest = pathlib.Path(folder) / "m.jsonl"
            for text, words in [("{", "m.jsonl:1"), ("", "names no message"),
                                ('{"file":"x","sender":"a","recipients":[]}', "no recipients"),
                                ('{"file":"gone","sender":"a","recipients":["b"]}', "cannot read"),
                                ('{"file":"x","sender":"a","recipients":["b"],"client":"1.2.3"}', "no IP address"),
                                ('{"file":"x","sender":"a\\r\\nRSET","recipients":["b"]}', "line end")]:
                with self.subTest(text=text):
                    manifest.write_text(text + "\n")
                    code, said, err = send("127.0.0.1:1", "--folder", folder, "--manifest", str(manifest))
                    self.assertEqual(code, 2)
                    self.assertIsNone(said)
                    self.assertIn(words, err)
        self.assertEqual(send("nonsense")[0], 2)


if __name__ == "__main__":
    unittest.main()
