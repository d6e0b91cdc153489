"""What the end-to-end tests have in common: where the programs are, a node with a policy, its journal and balance,
and a runner that reports as the C++ tests do, so that ./test counts cases."""
import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from programs import LOOPBACK, Program, endpoint
from smtp_talk import SmtpTalk

ENDS = ("refused", "deferred", "abandoned", "unknown", "relayed", "deleted")
PROGRAMS = ("sluiced", "sluicectl", "sluice-dns", "sluice-load")
FLAVOURS = {  # how a node is told to speak to the kernel, and what it then says
    "uring": ("uring", [], "uring"),
    "uring_6_1": ("uring", ["--uring-6.1"], "uring"),
    "epoll": ("epoll", [], "epoll"),
}
_paths = {}


def path_of(program):
    if program not in _paths:
        raise unittest.SkipTest(f"needs --{program}")
    return _paths[program]


def metric(node, name):
    """A figure of the node's page of metrics; None where it is not there."""
    with urllib.request.urlopen(f"http://{node.ready['admin']}/metrics", timeout=10) as page:
        found = re.search(rf"(?m)^{name} (\S+)$", page.read().decode())
    return None if found is None else float(found[1])


def io_uring_refused():
    """True where this machine does not let us have io_uring (a container's filter, an old kernel)."""
    libc = ctypes.CDLL(None, use_errno=True)
    parameters = ctypes.create_string_buffer(120)
    descriptor = libc.syscall(425, 1, parameters)  # io_uring_setup
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor < 0


class Node(Program):
    """A running sluiced. Its journal is a file of the test's folder."""

    def __init__(self, case, policy, flavour="epoll", name="node", before_exec=None, environment=None):
        backend, options, self.expected_backend = FLAVOURS[flavour]
        self.journal = case.folder / f"{name}.jsonl"
        self.control = case.folder / f"{name}.sock"
        self.policy_file = case.folder / f"{name}.toml"
        self.policy_file.write_text(policy.replace("@BACKEND@", backend).replace("@JOURNAL@", str(self.journal))
                                    .replace("@CONTROL@", str(self.control)))
        super().__init__(case.folder, name, [path_of("sluiced"), "--no-pin", "--policy", str(self.policy_file), *options],
                         before_exec, environment)
        case.addCleanup(self.clean_up)

    def started(self):
        self.ready = self.wait_ready()
        self.addresses = self.ready["listeners"]
        return self

    def stopped(self):
        """What it says about itself at its end, in answer to SIGTERM."""
        code = self.terminate(70)
        reports = [event for event in self.events if event.get("event") == "stopped"]
        if code != 0 or len(reports) != 1:
            raise AssertionError(f"{self.name} ended with {code}, {reports}: {self.log_text()}")
        return reports[0]


def filled_lines(journal):
    """The lines of a journal; several shards put empty ones between theirs."""
    return [line for line in journal.read_text().splitlines() if line]


def tracking_rows(*journals):
    """The rows of recipients, from one file or several."""
    rows = []
    for journal in journals:
        for line in filled_lines(journal):
            row = json.loads(line)
            if row["kind"] == "tracking":
                rows.append(row)
    return rows


class EndToEnd(unittest.TestCase):
    """A folder of its own for each test; programs that it starts end with it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice_e2e_"))
        self.folder.chmod(0o755)  # programs that give up root look into it
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def needs_backend(self, flavour):
        if FLAVOURS[flavour][0] == "uring" and io_uring_refused():
            self.skipTest("io_uring is refused here")

    def start(self, thing):
        """Registers the end of a program (or of what wraps one), and gives it back."""
        self.addCleanup(getattr(thing, "program", thing).clean_up)
        return thing

    def policy(self, hop, versions=(4,), shards=1, dns="127.0.0.1:9", dns_extra="", proxies=(), listener_extra="",
               extra=""):
        """A node that listens on a free port for each IP version; corp.example goes to the hop. `proxies` may send
        XCLIENT."""
        listeners = "".join(
            f'[[listener]]\naddress = "{endpoint(LOOPBACK[version], 0)}"\nxclient_peers = {json.dumps(proxies)}\n{listener_extra}'
            for version in versions)
        return (f'[node]\nhostname = "mx.corp.example"\nshards = {shards}\nbackend = "@BACKEND@"\n'
                f'[journal]\npath = "@JOURNAL@"\n[dns]\nservers = ["{dns}"]\ntimeout_seconds = 2\n{dns_extra}'
                f'[admin]\nlisten = "127.0.0.1:0"\ncontrol_socket = "@CONTROL@"\n{listeners}'
                f'[[domain]]\nname = "corp.example"\nnext_hops = ["{hop}"]\n{extra}')

    def node(self, hop, flavour="epoll", name="node", before_exec=None, **policy):
        self.needs_backend(flavour)
        node = Node(self, self.policy(hop, **policy), flavour, name, before_exec).started()
        self.assertEqual(node.ready["backend"].split("-")[0].split(" ")[0], node.expected_backend)
        return node

    def run_program(self, command, seconds=60, input_text=None, **options):
        given = {"stdin": subprocess.DEVNULL} if input_text is None else {"input": input_text}
        return subprocess.run(command, **given, capture_output=True, text=True, errors="replace",
                              timeout=seconds, check=False, **options)

    def assert_balance(self, report, journals, **expected):
        """The counters say what is expected, they add up, and the journal has a row for every recipient."""
        balance = report["balance"]
        self.assertTrue(balance["balanced"], balance)
        self.assertEqual({end: balance[end] for end in ENDS}, {**dict.fromkeys(ENDS, 0), **expected}, report)
        self.assertEqual(balance["named"], sum(balance[end] for end in ENDS))
        rows = tracking_rows(*journals)
        self.assertEqual({end: sum(row["disposition"] == end for row in rows) for end in ENDS},
                         {end: balance[end] for end in ENDS})
        self.assertEqual(report["journal_rows_dropped"], 0)

    def assert_takes_mail(self, server, identifier):
        with SmtpTalk(server) as talk:
            self.assertRegex(talk.message(identifier), r"^250 ")
            self.assertRegex(talk.ask("QUIT"), r"^221 ")


def main():
    """As unittest.main, with the programs' places first; ends with GoogleTest's summary lines."""
    parser = argparse.ArgumentParser()
    for program in PROGRAMS:
        parser.add_argument(f"--{program}")
    known, rest = parser.parse_known_args()
    _paths.update({name: path for name, path in ((name, getattr(known, name.replace("-", "_"))) for name in PROGRAMS)
                   if path})
    tests = unittest.main(argv=[sys.argv[0], *rest], exit=False, verbosity=2)
    result = tests.result
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    for word, count in (("PASSED", result.testsRun - bad - len(result.skipped)), ("SKIPPED", len(result.skipped)),
                        ("FAILED", bad)):
        print(f"[  {word:7}] {count} tests.")
    sys.exit(1 if bad else 0)
