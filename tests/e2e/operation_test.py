"""sluiced in an operator's hands: reload, drain, metrics, health, the service manager, a journal whose disk is full."""
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import stat
import urllib.error
import urllib.request

import cases
from load import Load
from programs import Program, Sink, free_port, wait_until
from smtp_talk import SmtpTalk

REJECT_ALL_FAILS = """
[spf]
private_peers = ["127.0.0.1"]
[[spf.rule]]
domains = ["corp.example"]
enabled = true
preset = "{preset}"
"""
METRIC_LINE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? ([0-9.eE+-]+|\+Inf)$')


def get(node, path):
    """(status, text) of what the node serves over TCP."""
    try:
        with urllib.request.urlopen(f"http://{node.ready['admin']}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(text):
    """{"name{labels}": value} of a metrics page, every line of which must be well-formed."""
    found = {}
    typed = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed, f"twice: {name}"
            typed[name] = kind
            continue
        if line.startswith("# HELP "):
            continue
        match = METRIC_LINE.match(line)
        assert match, f"not a sample: {line!r}"
        family = re.sub(r"_(bucket|sum|count)$", "", match.group(1))
        family = match.group(1) if match.group(1) in typed else family
        assert family in typed, f"no type: {line!r}"
        assert typed[family] != "counter" or family.endswith("_total"), family
        key = line.rsplit(" ", 1)[0]
        assert key not in found, f"twice: {key}"
        found[key] = float(match.group(3))
    return found


class OperationTests(cases.EndToEnd):
    def ctl(self, node, *words):
        return self.run_program([cases.path_of("sluicectl"), *words, "--control", str(node.control)], 40)

    def rewrite(self, node, change):
        text = node.policy_file.read_text()
        changed = change(text)
        self.assertNotEqual(text, changed)
        node.policy_file.write_text(changed)

    def dns(self, *lines):
        zone = self.folder / "zone.yml"
        zone.write_text("".join(f"{line}\n" for line in lines))
        return self.start(Program(self.folder, "dns", [cases.path_of("sluice-dns"), "--zone", str(zone), "--listen",
                                                       "127.0.0.1:0"])).wait_ready()["listeners"][0]

    # --- reload ---

    def test_a_reload_under_load_drops_no_session_and_every_message_has_its_version(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address, shards=2)
        load = Load(node.addresses[0])
        with SmtpTalk(node.addresses[0]) as idle:
            self.assertRegex(idle.ask("EHLO idle.example"), "^250")
            for turn in range(4):
                load.wait_answered(len(load.answered) + 20)
                self.rewrite(node, lambda text, turn=turn: text + f"# {turn}\n")
                if turn % 2 == 0:
                    done = self.ctl(node, "reload")
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertRegex(done.stdout, rf"^reloaded: policy [0-9a-f]{{16}}-{turn + 2}\n$")
                else:
                    node.signal(signal.SIGHUP)
                    wait_until(lambda turn=turn: f"-{turn + 2}\"" in get(node, "/metrics")[1], "the reload")
            load.wait_answered(len(load.answered) + 20)
            self.assertRegex(idle.message("idle all the time"), "^250 ")
        load.finish()
        self.assertEqual(load.broken, [])
        self.assert_balance(node.stopped(), [node.journal], relayed=len(load.answered) + 1)
        versions = {row["policy_version"].rsplit("-", 1)[1] for row in cases.tracking_rows(node.journal)}
        self.assertEqual(versions, {"1", "2", "3", "4", "5"})

    def test_a_policy_with_errors_is_refused_with_every_place_and_the_old_one_stays(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address)
        good = node.policy_file.read_text()
        self.rewrite(node, lambda text: text.replace("timeout_seconds = 2", "timeout_seconds = 0") + "[spff]\nx = 1\n")
        done = self.ctl(node, "reload")
        self.assertEqual(done.returncode, 1)
        lines = node.policy_file.read_text().splitlines()
        for word in ("timeout_seconds", "[spff]"):
            number = next(i for i, line in enumerate(lines, 1) if line.startswith(word))
            self.assertRegex(done.stderr, rf"(?m)^{re.escape(str(node.policy_file))}:{number}:\d+: error: ")
        self.assertRegex(done.stderr, r"policy [0-9a-f]{16}-1 stays")
        node.signal(signal.SIGHUP)
        wait_until(lambda: samples(get(node, "/metrics")[1])['sluice_policy_reloads_total{result="failed"}'] == 2,
                   "the second failure")
        told = [json.loads(line) for line in node.log_text().splitlines()]
        places = [(line["line"], line["column"]) for line in told if line["event"] == "policy.error"]
        self.assertEqual(len(places), 4)
        self.assertTrue(all(line > 0 and column > 0 for line, column in places))
        self.assert_takes_mail(node.addresses[0], "under the old policy")
        node.policy_file.write_text(good)
        self.assertEqual(self.ctl(node, "reload").returncode, 0)
        self.assertEqual(samples(get(node, "/metrics")[1])["sluice_policy_last_reload_failed"], 0)
        self.assert_balance(node.stopped(), [node.journal], relayed=1)

    def test_what_cannot_change_while_it_runs_is_named_and_the_rest_holds(self):
        node = self.node("127.0.0.1:9")
        self.rewrite(node, lambda text: text.replace("shards = 1", "shards = 2").replace("timeout_seconds = 2",
                                                                                         "timeout_seconds = 3"))
        done = self.ctl(node, "reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("takes effect at the next start: node.shards\n", done.stderr)
        self.assertIn("takes effect at the next start: dns.timeout_seconds\n", done.stderr)
        self.assertEqual(samples(get(node, "/metrics")[1])["sluice_policy_restart_needed_settings"], 2)
        self.assertEqual(node.stopped()["event"], "stopped")

    def test_listeners_come_and_go_with_the_policy(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address, shards=2)
        first, second = node.addresses[0], f"127.0.0.1:{free_port()}"
        listener = f'[[listener]]\naddress = "{second}"\n'
        self.rewrite(node, lambda text: text.replace("[[domain]]", listener + "[[domain]]", 1))
        with SmtpTalk(first) as old:
            self.assertRegex(old.begin(), "^354 ")
            self.assertEqual(self.ctl(node, "reload").returncode, 0)
            self.assert_takes_mail(second, "at the new listener")
            # The first one goes, in the middle of a message.
            self.rewrite(node, lambda text: re.sub(r'\[\[listener\]\]\naddress = "127.0.0.1:0"\nxclient_peers = \[\]\n',
                                                   "", text))
            self.assertEqual(self.ctl(node, "reload").returncode, 0)
            old.send(b"Subject: slow\r\n\r\nbody\r\n.\r\n")
            self.assertRegex(old.reply(), "^250 ")
            self.assertRegex(old.reply(), r"^421 4\.3\.2 ")
        with self.assertRaises(OSError):
            SmtpTalk(first)
        self.assert_takes_mail(second, "still at the new listener")
        self.assert_balance(node.stopped(), [node.journal], relayed=3)

    def test_a_listener_whose_port_is_taken_fails_the_reload_as_a_whole(self):
        node = self.node("127.0.0.1:9")
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = f"127.0.0.1:{other.getsockname()[1]}"
            self.rewrite(node, lambda text: text.replace("[[domain]]", f'[[listener]]\naddress = "{taken}"\n[[domain]]'))
            done = self.ctl(node, "reload")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rf"{re.escape(taken)}.*in use")
        self.assertRegex(done.stderr, r"policy [0-9a-f]{16}-1 stays")
        node.stopped()

    # --- metrics and health ---

    def test_the_metrics_page_is_as_promtool_wants_it_and_its_counts_are_true(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address, shards=2)
        load = Load(node.addresses[0])
        load.wait_answered(50)
        load.finish()
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.begin(recipients=("a@elsewhere.example",)), "^550 ")
            status, text = get(node, "/metrics")
        self.assertEqual(status, 200)
        if shutil.which("promtool"):
            checked = self.run_program(["promtool", "check", "metrics"], input_text=text)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        found = samples(text)
        relayed = len(load.answered)
        self.assertEqual(found['sluice_recipients_total{end="relayed"}'], relayed)
        self.assertEqual(found['sluice_recipients_total{end="refused"}'], 1)
        self.assertEqual(found["sluice_recipients_named_total"],
                         sum(value for key, value in found.items() if key.startswith("sluice_recipients_total{")))
        self.assertEqual(found["sluice_end_of_data_seconds_count"], relayed)
        self.assertEqual(found["sluice_message_size_bytes_count"], relayed)
        self.assertEqual(found["sluice_journal_rows_total"], relayed + 1)
        self.assertEqual(found["sluice_sessions"], 1)
        self.assertGreater(found['sluice_replies_total{class="2xx"}'], 3 * relayed)
        self.assertEqual(found['sluice_replies_total{class="3xx"}'], relayed)
        self.assertEqual(found[f'sluice_next_hop_messages_total{{next_hop="{sink.address}",answer="accepted"}}'], relayed)
        self.assertEqual(found[f'sluice_hop_messages_total{{hop="{sink.address}",result="accepted"}}'], relayed)
        self.assertEqual(found[f'sluice_hop_recipients_total{{hop="{sink.address}",result="accepted"}}'], relayed)
        self.assertEqual(found[f'sluice_hop_delivery_seconds_count{{hop="{sink.address}"}}'], relayed)
        self.assertEqual(found[f'sluice_hop_delivery_seconds_bucket{{hop="{sink.address}",le="+Inf"}}'], relayed)
        self.assertGreater(found[f'sluice_hop_connections{{hop="{sink.address}"}}'], 0)
        hops = {hop for key in found for hop in re.findall(r'[{,]hop="([^"]*)"', key)}
        self.assertEqual(hops, {sink.address, "other"})
        self.assertGreater(found["process_resident_memory_bytes"], 1e6)
        if "sluice_allocator_allocated_bytes" in found:  # not under the sanitizers, which have an allocator of their own
            self.assertGreater(found["sluice_allocator_allocated_bytes"], 1e5)
            self.assertGreaterEqual(found["sluice_allocator_resident_bytes"], found["sluice_allocator_active_bytes"])
        for shard in (0, 1):
            self.assertLess(found[f'sluice_shard_last_turn_age_seconds{{shard="{shard}"}}'], 5)
        self.assert_balance(node.stopped(), [node.journal], relayed=relayed, refused=1)

    def test_every_metric_is_in_the_manual_and_every_one_of_the_manual_exists(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address)
        self.assert_takes_mail(node.addresses[0], "so that the next hop is known")
        text = get(node, "/metrics")[1]
        node.stopped()
        manual = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
        listed = set(re.findall(r"(?m)^\| `((?:sluice|process)_[a-z_]+)", manual.read_text()))
        self.assertEqual(listed, set(re.findall(r"(?m)^# TYPE (\S+)", text)))

    def test_health_and_readiness_say_why_not(self):
        node = self.node("127.0.0.1:9")
        self.assertEqual(get(node, "/healthz"), (200, '{"status":"ok"}\n'))
        self.assertEqual(get(node, "/readyz"), (200, '{"status":"ok"}\n'))
        with SmtpTalk(node.addresses[0]) as talk:  # nobody listens at the next hop
            self.assertRegex(talk.begin(), "^451 4.4.1 ")
        status, text = wait_until(lambda: (lambda got: got if got[0] == 503 else None)(get(node, "/readyz")), "not ready")
        reasons = json.loads(text)["reasons"]
        self.assertEqual([reason["id"] for reason in reasons], ["next_hops_down"])
        self.assertIn("corp.example", reasons[0]["text"])
        self.assertEqual(get(node, "/healthz")[0], 200)
        node.stopped()

    def test_nothing_can_be_changed_over_tcp_and_the_control_socket_is_the_owners(self):
        node = self.node("127.0.0.1:9")
        host, port = node.ready["admin"].rsplit(":", 1)
        for path in ("/reload", "/drain", "/stats"):
            for method in ("GET", "POST"):
                connection = http.client.HTTPConnection(host, int(port), timeout=10)
                connection.request(method, path)
                self.assertEqual(connection.getresponse().status, 404, path)
                connection.close()
        self.assertEqual(stat.S_IMODE(node.control.stat().st_mode), 0o600)
        stats = json.loads(self.ctl(node, "stats").stdout)
        self.assertEqual(stats["state"], "running")
        self.assertEqual(stats["listeners"], node.addresses)
        node.stopped()
        self.assertFalse(node.control.exists())
        self.assertEqual(self.ctl(node, "stats").returncode, 2)

    def test_the_socket_of_a_dead_node_is_replaced_and_that_of_a_living_one_is_not(self):
        node = self.node("127.0.0.1:9")
        code, said = self.second_node(node)
        self.assertEqual(code, 1)
        self.assertRegex(said, r"admin\.control_socket: cannot make .*another node listens there")
        node.kill()
        self.assertTrue(node.control.exists())
        again = self.node("127.0.0.1:9", name="node")
        self.assertEqual(get(again, "/healthz")[0], 200)
        again.stopped()

    def second_node(self, node):
        done = self.run_program([cases.path_of("sluiced"), "--no-pin", "--policy", str(node.policy_file)], 20)
        return done.returncode, done.stderr

    # --- the end ---

    # Shows: W-16
    def test_drain_by_sluicectl_is_not_ready_but_alive_until_the_last_message_is_in(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address)
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.begin(), "^354 ")
            self.assertEqual(self.ctl(node, "drain").stdout, "draining\n")
            status, text = get(node, "/readyz")
            self.assertEqual((status, json.loads(text)["reasons"][0]["id"]), (503, "draining"))
            self.assertEqual(get(node, "/healthz")[0], 200)
            self.assertEqual(samples(get(node, "/metrics")[1])["sluice_draining"], 1)
            self.assertEqual(self.ctl(node, "reload").returncode, 1)
            talk.send(b"Subject: last\r\n\r\nbody\r\n.\r\n")
            self.assertRegex(talk.reply(), "^250 ")
        self.assertEqual(node.wait(), 0)
        self.assert_balance(node.events[-1], [node.journal], relayed=1)

    # Shows: W-16
    def test_a_second_signal_ends_at_once_and_in_order(self):
        sink = self.start(Sink(self.folder))
        node = self.node(sink.address)
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.begin(), "^354 ")  # and never goes on
            node.signal(signal.SIGTERM)
            wait_until(lambda: "node.draining" in node.log_text(), "the drain")
            self.assertTrue(node.running())
            node.signal(signal.SIGTERM)
            self.assertEqual(node.wait(15), 0)
        self.assert_balance(node.events[-1], [node.journal], abandoned=1)

    # --- privileges and the service manager ---

    def test_every_thread_has_given_up_what_it_does_not_need(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        sink = self.start(Sink(self.folder))
        policy = self.policy(sink.address, shards=2).replace("[node]", '[node]\nuser = "nobody"', 1)
        self.folder.chmod(0o777)
        node = cases.Node(self, policy).started()
        nobody = pwd.getpwnam("nobody").pw_uid
        threads = list(pathlib.Path(f"/proc/{node.ready['pid']}/task").iterdir())
        self.assertGreater(len(threads), 3)
        for thread in threads:
            status = (thread / "status").read_text()
            for wanted in (rf"Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}", r"NoNewPrivs:\t1", r"CapEff:\t0+\n",
                           r"CapPrm:\t0+\n", r"CapAmb:\t0+\n", r"CapBnd:\t0+\n"):
                self.assertRegex(status, wanted, thread)
        self.assertEqual(node.control.stat().st_uid, nobody)
        self.rewrite(node, lambda text: text + "# changed\n")
        self.assertEqual(self.ctl(node, "reload").returncode, 0)
        self.assert_takes_mail(node.addresses[0], "as nobody")
        self.assert_balance(node.stopped(), [node.journal], relayed=1)

    def test_the_service_manager_hears_of_every_step(self):
        path = self.folder / "notify.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(20)
            environment = {**os.environ, "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
            node = cases.Node(self, self.policy("127.0.0.1:9"), environment=environment).started()

            def heard(word):
                return wait_until(lambda: word in manager.recv(4096).decode().split("\n"), word)
            heard("READY=1")
            for _ in range(3):
                heard("WATCHDOG=1")
            node.signal(signal.SIGHUP)
            heard("RELOADING=1")
            heard("READY=1")
            node.signal(signal.SIGTERM)
            heard("STOPPING=1")
            self.assertEqual(node.wait(), 0)

    def test_the_units_are_what_systemd_accepts_and_harden(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("needs systemd-analyze")
        unit = pathlib.Path(__file__).resolve().parents[2] / "tools" / "sluiced" / "sluiced.service"
        here = self.folder / "sluiced.service"
        here.write_text(unit.read_text().replace("/usr/sbin/sluiced", cases.path_of("sluiced"))
                        .replace("/usr/bin/sluicectl", cases.path_of("sluicectl")))
        verified = self.run_program(["systemd-analyze", "verify", "--man=no", str(here)])
        self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))
        rated = self.run_program(["systemd-analyze", "security", "--offline=true", "--no-pager", str(here)])
        exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", rated.stdout)
        self.assertLessEqual(float(exposure.group(1)), 2.0, rated.stdout)

    # --- the journal ---

    # Shows: W-17
    def test_with_a_full_disk_deletions_are_deferred_relays_go_on_and_their_rows_come_later(self):
        sink = self.start(Sink(self.folder))
        dns = self.dns("strict.example:", "  - SPF: v=spf1 -all")
        extra = REJECT_ALL_FAILS.format(preset="tmems")
        policy = self.policy(sink.address, dns=dns, extra=extra)
        journal = self.folder / "node.jsonl"
        journal.symlink_to("/dev/full")
        node = cases.Node(self, policy).started()
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.message("relayed", sender="a@none.example"), "^250 ")
            self.assertRegex(talk.message("to be deleted", sender="a@strict.example", helo=""), r"^452 4\.3\.1 ")
        found = samples(get(node, "/metrics")[1])
        self.assertEqual(found["sluice_journal_refusing"], 1)
        self.assertGreaterEqual(found["sluice_journal_ring_rows"], 2)
        self.assertIn("journal_refuses", wait_until(
            lambda: (lambda got: got[1] if got[0] == 503 else None)(get(node, "/readyz")), "not ready"))
        journal.unlink()  # there is room again, after a SIGHUP
        node.signal(signal.SIGHUP)
        wait_until(lambda: get(node, "/readyz")[0] == 200, "ready again")
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.message("deleted", sender="a@strict.example"), "^250 ")
        report = node.stopped()
        self.assert_balance(report, [node.journal], relayed=1, deferred=1, deleted=1)
        self.assertIn("journal.refused", node.log_text())
        self.assertIn("journal.takes_again", node.log_text())


if __name__ == "__main__":
    cases.main()
