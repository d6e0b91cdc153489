"""sluiced as a process: how it starts, refuses to start, takes signals and ends."""
import collections
import json
import os
import pathlib
import pwd
import re
import signal
import socket

import cases
from load import Load
from programs import LOOPBACK, Sink, endpoint, free_port, split_endpoint, wait_until
from seccomp import refuse_io_uring
from smtp_talk import SmtpTalk


class StartTests(cases.EndToEnd):
    NOBODY = "127.0.0.1:9"

    def run_node(self, policy, *options, **how):
        """(exit code, standard error) of a node that is expected not to start."""
        file = self.folder / "refused.toml"
        file.write_text(policy.replace("@BACKEND@", "epoll").replace("@JOURNAL@", str(self.folder / "j.jsonl"))
                        .replace("@CONTROL@", str(self.folder / "j.sock")))
        done = self.run_program([cases.path_of("sluiced"), "--no-pin", "--policy", str(file), *options], 20, **how)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def test_without_io_uring_auto_takes_epoll_and_says_so_once(self):
        sink = self.start(Sink(self.folder))
        policy = self.policy(sink.address, shards=2).replace("@BACKEND@", "auto")
        node = cases.Node(self, policy, before_exec=refuse_io_uring).started()
        self.assertEqual(node.ready["backend"], "epoll")
        for number in range(10):
            self.assert_takes_mail(node.addresses[0], f"message {number}")
        self.assert_balance(node.stopped(), [node.journal], relayed=10)
        self.assertEqual(len(sink.messages()), 10)
        notes = [line for line in node.log_text().splitlines() if "io_uring" in line]
        self.assertEqual(len(notes), 1, node.log_text())
        self.assertIn("epoll", notes[0])

    def test_without_io_uring_a_node_that_must_have_it_does_not_start(self):
        policy = self.policy(self.NOBODY).replace("@BACKEND@", "uring")
        code, said = self.run_node(policy, preexec_fn=refuse_io_uring)
        self.assertEqual(code, 1)
        self.assertRegex(said, r"^sluiced: .*io_uring.*not permitted")

    def test_the_node_becomes_the_user_of_its_policy(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        sink = self.start(Sink(self.folder))
        self.folder.chmod(0o755)
        policy = self.policy(sink.address).replace("@BACKEND@", "auto").replace("[node]", "[node]\nuser = \"nobody\"", 1)
        node = cases.Node(self, policy).started()
        status = pathlib.Path(f"/proc/{node.ready['pid']}/status").read_text()
        nobody = pwd.getpwnam("nobody").pw_uid
        self.assertRegex(status, rf"Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}")
        self.assertIn("NoNewPrivs:\t1", status)
        self.assert_takes_mail(node.addresses[0], "as nobody")
        self.assert_balance(node.stopped(), [node.journal], relayed=1)

    def test_a_user_that_does_not_exist_is_refused(self):
        policy = self.policy(self.NOBODY).replace("[node]", "[node]\nuser = \"no-such-user\"", 1)
        code, said = self.run_node(policy)
        self.assertEqual(code, 1)
        self.assertIn("node.user: there is no user no-such-user", said)

    def test_with_io_uring_auto_takes_it_and_says_nothing(self):
        self.needs_backend("uring")
        sink = self.start(Sink(self.folder))
        node = cases.Node(self, self.policy(sink.address).replace("@BACKEND@", "auto")).started()
        self.assertRegex(node.ready["backend"], "^uring")
        self.assert_takes_mail(node.addresses[0], "message")
        node.stopped()
        events = [json.loads(line)["event"] for line in node.log_text().splitlines()]
        self.assertEqual(events, ["node.draining"])

    def test_every_error_of_a_policy_is_reported_with_its_place_and_exit_code_2(self):
        policy = self.policy(self.NOBODY) + '[spf.default_rule]\npreset = "severe"\nenabeld = true\n'
        policy = policy.replace("timeout_seconds = 2", "timeout_seconds = 0")
        code, said = self.run_node(policy)
        self.assertEqual(code, 2)
        places = re.findall(rf"(?m)^{re.escape(str(self.folder / 'refused.toml'))}:(\d+):(\d+): error: ", said)
        lines = policy.splitlines()
        found = sorted(lines[int(line) - 1].split(" ")[0] for line, _ in places)
        self.assertEqual(found, ["enabeld", "preset", "timeout_seconds"], said)

    def test_a_syntax_error_of_a_policy_is_reported_with_its_place_and_exit_code_2(self):
        code, said = self.run_node(self.policy(self.NOBODY) + '[spf\nprivate_peers = []\n')
        self.assertEqual(code, 2)
        line = len(self.policy(self.NOBODY).splitlines()) + 1
        self.assertRegex(said, rf"^\S*refused\.toml:{line}:\d+: error: ")

    def test_a_policy_that_is_not_there_and_wrong_arguments_are_exit_code_2(self):
        for options in (["--policy", str(self.folder / "none.toml")], [], ["--polecat"]):
            done = self.run_program([cases.path_of("sluiced"), *options], 20)
            self.assertEqual(done.returncode, 2, options)
            self.assertNotEqual(done.stderr, "")

    # Shows: W-11
    def test_a_next_hop_that_is_our_own_listener_is_refused(self):
        port = free_port()
        policy = self.policy(f"127.0.0.1:{port}").replace('"127.0.0.1:0"', f'"127.0.0.1:{port}"')
        code, said = self.run_node(policy)
        self.assertEqual(code, 2)
        self.assertRegex(said, r"refused\.toml:\d+:\d+: error: .*listener")

    def test_an_address_in_use_is_exit_code_1_and_named(self):
        for version, address in LOOPBACK.items():
            family = socket.AF_INET6 if version == 6 else socket.AF_INET
            with self.subTest(version=version), socket.socket(family, socket.SOCK_STREAM) as other:
                other.bind((address, 0))
                other.listen()
                taken = endpoint(address, other.getsockname()[1])
                policy = self.policy(self.NOBODY).replace('address = "127.0.0.1:0"', f'address = "{taken}"')
                code, said = self.run_node(policy)
                self.assertEqual(code, 1)
                self.assertRegex(said, rf"^sluiced: .*{re.escape(taken)}.*in use")

    def test_a_second_node_on_the_same_address_does_not_start(self):
        node = self.node(self.NOBODY)
        policy = self.policy(self.NOBODY).replace('"127.0.0.1:0"', f'"{node.addresses[0]}"')
        code, said = self.run_node(policy)
        self.assertEqual(code, 1)
        self.assertRegex(said, rf"^sluiced: .*{re.escape(node.addresses[0])}.*in use")
        node.stopped()

    def test_a_journal_that_cannot_be_opened_is_exit_code_1_and_named(self):
        code, said = self.run_node(self.policy(self.NOBODY).replace("@JOURNAL@", str(self.folder / "no" / "j.jsonl")))
        self.assertEqual(code, 1)
        self.assertRegex(said, r"^sluiced: journal: cannot open .*/no/j\.jsonl")


def listening_sockets(port):
    """How many sockets listen on an IPv4 port."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


class RunningTests:
    """Run once for each back end below."""
    flavour = ""

    def test_two_shards_share_the_port_that_was_free(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address, self.flavour, versions=(4, 6), shards=2)
        self.assertEqual(node.ready["shards"], 2)
        ports = [split_endpoint(address)[1] for address in node.addresses]
        self.assertNotIn(0, ports)
        self.assertEqual(listening_sockets(ports[0]), 2)
        talks = [SmtpTalk(node.addresses[number % 2]) for number in range(40)]  # all open at the same time
        for number, talk in enumerate(talks):
            self.assertRegex(talk.message(f"shard {number}"), "^250 ")
        for talk in talks:
            talk.socket.close()
        report = node.stopped()
        self.assert_balance(report, [node.journal], relayed=40)
        self.assertEqual(report["connections"], 40)
        self.assertEqual(len(sink.messages()), 40)

    def is_closed(self, server):
        """True if nobody listens there. Who was still in the backlog is told to go, greeted or not."""
        try:
            with SmtpTalk(server) as talk:
                last = talk.reply() if talk.greeting.startswith("220") else talk.greeting
                self.assertRegex(last, r"^(421 4\.3\.2 |$)")
                return False
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            return False

    # Shows: W-16, W-7
    def test_sigterm_under_load_drains_and_loses_nothing(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address, self.flavour, shards=2)
        load = Load(node.addresses[0])
        with SmtpTalk(node.addresses[0]) as idle, SmtpTalk(node.addresses[0]) as busy:
            self.assertRegex(idle.ask("EHLO idle.example"), "^250")
            self.assertRegex(busy.begin(recipients=("busy@corp.example",)), "^354 ")
            busy.send(b"Subject: busy\r\n\r\nhalf")
            load.wait_answered(60)
            node.signal(signal.SIGTERM)
            self.assertRegex(idle.reply(), r"^421 4\.3\.2 ")
            wait_until(lambda: self.is_closed(node.addresses[0]), "listeners are closed")
            self.assertTrue(node.running())  # what was half sent is still taken
            busy.send(b" and half\r\n.\r\n")
            self.assertRegex(busy.reply(), "^250 ")
            self.assertRegex(busy.reply(), r"^421 4\.3\.2 ")
        load.finish()
        report = node.stopped()
        self.assertEqual(load.broken, [])
        self.assert_balance(report, [node.journal], relayed=len(load.answered) + 1)
        arrived = [recipient for recipients, _ in sink.messages() for recipient in recipients]
        self.assertEqual(collections.Counter(arrived), collections.Counter({*load.answered, "busy@corp.example"}))

    # Shows: W-17
    def test_sighup_after_a_rename_opens_a_new_journal_and_no_row_is_lost(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address, self.flavour, shards=2)
        load = Load(node.addresses[0])
        journals = []
        for part in range(3):
            load.wait_answered(40 * (part + 1))
            old = node.journal.with_suffix(f".{part}")
            node.journal.rename(old)
            journals.append(old)
            node.signal(signal.SIGHUP)
            wait_until(node.journal.exists, "the new journal")
        load.wait_answered(len(load.answered) + 20)
        load.finish()
        journals.append(node.journal)
        report = node.stopped()
        self.assert_balance(report, journals, relayed=len(load.answered))
        recipients = [row["recipient"] for row in cases.tracking_rows(*journals)]
        self.assertEqual(collections.Counter(recipients), collections.Counter(load.answered))
        for journal in journals:
            self.assertTrue(cases.tracking_rows(journal))
        self.assertEqual(report["journal_rows"], sum(len(cases.filled_lines(path)) for path in journals))

    # Shows: W-6
    def test_a_hop_that_is_not_there_defers_and_the_row_says_why(self):
        node = self.node(f"127.0.0.1:{free_port()}", self.flavour)
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.begin(), r"^451 4\.4\.1 ")
        self.assert_balance(node.stopped(), [node.journal], deferred=1)
        row = json.loads(node.journal.read_text())
        self.assertEqual((row["disposition"], row["stage"]), ("deferred", "rcpt"))
        self.assertTrue(row["next_hop_fault"])


class UringRunning(RunningTests, cases.EndToEnd):
    flavour = "uring"


class UringOfLinux61Running(RunningTests, cases.EndToEnd):
    flavour = "uring_6_1"


class EpollRunning(RunningTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
