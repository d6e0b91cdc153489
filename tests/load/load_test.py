"""sluice-load against itself, on the back end that `auto` finds and on epoll.

    load_test.py path/to/sluice-load
"""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""
LIMIT = 60  # seconds for anything


class Sink:
    """A running sink; stopped() gives what it counted."""

    def __init__(self, *options, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([PROGRAM, "sink", "--listen", listen, *options],
                                        stdout=subprocess.PIPE, text=True)
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
