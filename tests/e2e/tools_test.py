"""sluicectl as its user sees it: SPF explained, verdicts recorded and replayed without a DNS, the caches of a
node."""
import json
import socket

import cases
from programs import Program, Sink
from smtp_talk import SmtpTalk

ZONE = """\
company.example. 300 IN TXT "v=spf1 ip4:203.0.113.1 a:mail.company.example include:spf.vendor.example ~all"
mail.company.example. 300 IN A 203.0.113.9
spf.vendor.example. 300 IN TXT "v=spf1 ip4:198.51.100.0/24 -all"
void.example. 300 IN TXT "v=spf1 a:n1.example a:n2.example a:n3.example -all"
macro.example. 300 IN TXT "v=spf1 exists:%{i}.at.macro.example -all exp=why.macro.example"
odd.example. 300 IN TXT "v=spf1 ip4:192.0.2.1 \\194\\155x\\226\\128\\174 -all"
octets.example. 300 IN TXT "v=spf1 ip4:192.0.2.1 x=\\255 \\\\ ?all"
why.macro.example. 300 IN TXT "%{i} at %{t} is not welcome \\\\ \\"here\\""
"""


class Tools(cases.EndToEnd):
    def setUp(self):
        super().setUp()
        zone = self.folder / "spf.zone"
        zone.write_text(ZONE)
        self.dns = self.start(Program(self.folder, "dns", [cases.path_of("sluice-dns"), "--zone", str(zone), "--listen",
                                                          "127.0.0.1:0"]))
        self.server = self.dns.wait_ready()["listeners"][0]
        self.recording = str(self.folder / "answers")

    def ctl(self, *arguments, **options):
        return self.run_program([cases.path_of("sluicectl"), *arguments], **options)

    def done(self, *arguments, **options):
        result = self.ctl(*arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        return result.stdout

    def check(self, *options, ip="192.0.2.77", sender="user@company.example"):
        return self.ctl("check", "--ip", ip, "--helo", "mail.example", "--mail-from", sender, *options)

    def post(self, control, path):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(control))
            link.sendall(f"POST {path} HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: link.recv(65536), b"")).decode()
        return int(answer.split(" ")[1]), json.loads(answer.partition("\r\n\r\n")[2])

    # Shows: SPF-17, P-04
    def test_one_command_explains_a_result_to_the_sending_administrator(self):
        text = self.done("spf", "explain", "company.example", "--ip", "192.0.2.77", "--dns-server", self.server)
        for part in ("company.example (mailfrom) for 192.0.2.77: SoftFail", "asked mail.company.example A: 203.0.113.9",
                     "~all                                     match: SoftFail", "lookup 2 of 10",
                     "authorises   258 IPv4 addresses, no IPv6 /64 network\n"):
            self.assertIn(part, text)
        notice = self.done("spf", "explain", "void.example", "--ip", "192.0.2.77", "--notice", "--dns-server", self.server)
        for part in ("To the administrator of void.example", "192.0.2.77", "more than 2 lookups without an answer",
                     '"a:n3.example", octet', "Suggested change:", "n1.example A"):
            self.assertIn(part, notice)
        self.assertTrue(all(c == "\n" or " " <= c <= "~" for c in notice))

    # Shows: SPF-10, WF-01
    def test_an_impostor_of_the_example_gets_softfail(self):
        text = self.done("spf", "impostor", "company.example", "--dns-server", self.server)
        self.assertEqual(text, 'company.example: an impostor gets SoftFail: "~all" of the record of company.example\n')
        found = json.loads(self.done("spf", "impostor", "void.example", "--json", "--dns-server", self.server))
        self.assertEqual((found["ipv4"]["result"], found["as_written"]), ("permerror", "fail"))

    def test_nothing_in_json_acts_on_a_terminal(self):
        text = self.done("spf", "explain", "odd.example", "--ip", "192.0.2.1", "--json", "--dns-server", self.server)
        self.assertIn("\\u009bx\\u202e", text)
        self.assertTrue(all(c == "\n" or " " <= c <= "~" for c in text))
        self.assertIn("\u009bx\u202e", json.loads(text)["problem_term"])

    # A recording with a part missing is a failure, whatever was printed.
    def test_a_recording_that_is_not_whole_fails_the_command(self):
        explain = ("spf", "explain", "--ip", "192.0.2.77")
        for command in ((*explain, "company.example"), ("spf", "impostor", "company.example"),
                        ("check", "--ip", "192.0.2.77", "--mail-from", "u@company.example")):
            result = self.ctl(*command, "--record", "/dev/full", "--dns-server", self.server)
            self.assertEqual(result.returncode, 1, result)
            self.assertIn("cannot write /dev/full", result.stderr)
        text = '" ip4:203.0.113.0/24"' * 700
        included = "".join(f'l{i}.example. 300 IN TXT "v=spf1" {text} " ?all"\n' for i in range(9))
        zone = self.folder / "large.zone"
        includes = " ".join(f"include:l{i}.example" for i in range(9))
        zone.write_text(f'large.example. 300 IN TXT "v=spf1 {includes} -all"\n{included}')
        recording = ("--record", self.recording, "--dns-zone", str(zone))
        result = self.ctl(*explain, "large.example", *recording)
        self.assertEqual(result.returncode, 1, result.stdout[:1000])
        self.assertRegex(result.stderr, "spf explain: .*: a line of [0-9]+ octets is too long to be recorded\n")
        self.assertIn("Fail", self.done("spf", "impostor", "large.example", *recording))

    def test_wrong_arguments_are_told(self):
        for arguments, part in ((("spf", "explain", "company.example", "--ip", "x"), "--ip needs"),
                                (("spf", "explain", "localhost", "--ip", "192.0.2.1"), "not a domain"),
                                (("spf", "impostor", "a..b"), "not a domain"),
                                (("check", "--ip", "192.0.2.1", "--dns-server", "nowhere"), "--dns-server needs"),
                                (("check", "--ip", "192.0.2.1", "--replay", "/nowhere"), "cannot read"),
                                (("check", "--ip", "192.0.2.1", "--record", "/nowhere/x", "--dns-server", self.server),
                                 "cannot write"),
                                (("check", "--replay", "a", "--record", "b"), "excludes"),
                                (("spf", "explain", "--id", "x", "--helo", "h.example"), "excludes"),
                                (("spf", "explain", "--id", "x", "--sender", "u@a.example"), "excludes"),
                                (("spf", "explain", "--id", "x", "--helo-identity"), "excludes"),
                                (("dns", "flush"), "--all"), (("dns", "flush", ""), "--all"),
                                (("dns", "flush", "--all", "a.example"), "excludes"),
                                (("dns", "flush", "--all", ""), "excludes")):
            result = self.ctl(*arguments)
            self.assertEqual(result.returncode, 2, result)
            self.assertIn(part, result.stderr)

    def test_a_replay_gives_the_same_octets_without_any_dns(self):
        cases_of = [(), ("--json",)]
        for number, options in enumerate(cases_of):
            for sender in ("user@company.example", "user@void.example", "user@macro.example"):
                recording = f"{self.recording}{number}"
                first = self.check(*options, "--record", recording, "--dns-server", self.server, sender=sender)
                again = self.check(*options, "--replay", recording, sender=sender)
                self.assertEqual((first.returncode, first.stderr), (0, ""))
                self.assertEqual((again.returncode, again.stdout, again.stderr), (0, first.stdout, ""))
        self.assertIn("is not welcome", first.stdout)  # with the clock of the recording

    def test_what_a_recording_lacks_only_for_the_breadth_makes_it_a_floor(self):
        recording = ("--record", self.recording, "--dns-server", self.server)
        self.assertEqual(self.check(*recording, ip="203.0.113.1").returncode, 0)
        again = ("spf", "explain", "company.example", "--ip", "203.0.113.1", "--replay", self.recording)
        self.assertIn("authorises   at least 1 IPv4 address, at least 0 IPv6 /64 networks\n", self.done(*again))
        breadth = json.loads(self.done(*again, "--json"))["breadth"]
        self.assertEqual(breadth, {"ipv4": {"addresses": 1, "at_least": True}, "ipv6": {"networks": 0, "at_least": True}})
        explain = ("spf", "explain", "company.example", "--ip", "203.0.113.1")
        self.assertEqual(self.done(*explain, *recording), self.done(*explain, "--replay", self.recording))

    # Shows: P-13
    def test_a_loose_author_is_one_where_the_policy_says_so(self):
        message = self.folder / "carrier.eml"
        message.write_bytes(b"From: a..b@company.example\r\nSubject: test\r\n\r\nx\r\n")
        policy = self.folder / "check.toml"
        base = self.policy("127.0.0.1:9")
        for name, value in (("@BACKEND@", "epoll"), ("@JOURNAL@", "/nowhere/j"), ("@CONTROL@", "/nowhere/c")):
            base = base.replace(name, value)
        refused = ("permerror", "malformed-author")
        for forms, expected in (("", refused), ('author_forms = "strict"', refused),
                                ('author_forms = "lenient"', ("none", "no-record"))):
            policy.write_text(f"{base}[dmarc]\n{forms}\n")
            options = ("--json", "--dns-server", self.server, str(message), *(("--policy", str(policy)) if forms else ()))
            found = json.loads(self.check(*options, ip="203.0.113.1").stdout)["dmarc"]
            self.assertEqual((found["result"], found["reason"]), expected)

    def test_a_batch_is_replayed_when_the_dns_is_gone(self):
        lines = "".join(json.dumps({"id": number, "ip": ip, "helo": "h.example", "mail_from": sender}) + "\n"
                        for number, (ip, sender) in enumerate((ip, f"u@{domain}.example")
                                                              for domain in ("company", "void", "macro", "absent")
                                                              for ip in ("203.0.113.9", "192.0.2.1", "2001:db8::1")))
        lines += "not JSON\n"
        recorded = self.done("check", "--batch", "--record", self.recording, "--dns-server", self.server, input_text=lines)
        self.assertEqual(len(recorded.splitlines()), 13)
        self.dns.terminate()
        self.assertEqual(self.done("check", "--batch", "--replay", self.recording, input_text=lines), recorded)
        explained = self.done("spf", "explain", "company.example", "--ip", "203.0.113.9", "--replay", self.recording)
        self.assertIn("match: Pass", explained)
        # Another question is an error that names it, of its line only.
        other = json.dumps({"id": "x", "ip": "192.0.2.1", "mail_from": "u@other.example"}) + "\n" + lines.splitlines()[0]
        result = self.ctl("check", "--batch", "--replay", self.recording, input_text=other + "\n")
        self.assertEqual(result.returncode, 1)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(answers[0], {"id": "x", "error": "the recording has no answer to other.example TXT"})
        self.assertEqual(answers[1]["spf"]["result"], "pass")
        result = self.check("--replay", self.recording, sender="u@other.example")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("no answer to other.example TXT", result.stderr)

    def test_the_caches_of_a_node_are_looked_at_and_flushed(self):
        sink = self.start(Sink(self.folder))
        rule = '[spf]\nprivate_peers = ["127.0.0.1"]\n[[spf.rule]]\ndomains = ["corp.example"]\nenabled = true\n'
        node = self.node(sink.address, shards=2, dns=self.server, extra=rule + 'preset = "reject"\n')
        control = ("--control", str(node.control))

        def take_mail(sender="user@company.example"):
            with SmtpTalk(node.addresses[0]) as talk:
                self.assertRegex(talk.message("cached", sender=sender), "^250 ")

        def kept():
            return [entry for shard in json.loads(self.done("dns", "lookup", "company.example", "TXT", "--json", *control))
                    ["shards"] for entry in shard["kept"]]

        self.assertEqual(self.done("dns", "lookup", "company.example", *control), "not in the cache of any shard\n")
        take_mail()
        self.assertTrue(kept())
        for entry in kept():
            self.assertEqual((entry["name"], entry["type"], entry["status"], entry["stale"]),
                             ("company.example", "TXT", "records", False))
            self.assertTrue(0 < entry["left_seconds"] <= 300 and entry["records"][0].startswith("v=spf1 "), entry)
        self.assertIn('v=spf1 ip4:203.0.113.1', self.done("dns", "lookup", "company.example", *control))
        before = json.loads(self.done("dns", "stats", "--json", *control))
        self.assertEqual(len(before["shards"]), 2)
        for member in ("hits", "misses", "entries", "bytes", "sent_udp", "answers", "unmatched", "evictions", "refused_domain",
                       "other_case"):
            self.assertEqual(before["sum"][member], sum(shard[member] for shard in before["shards"]), member)
        self.assertGreater(before["sum"]["entries"], 0)
        self.assertEqual(before["sum"]["answers"], before["sum"]["sent_udp"])
        take_mail()  # from the cache: nothing is asked
        again = json.loads(self.done("dns", "stats", "--json", *control))
        self.assertEqual(again["sum"]["sent_udp"], before["sum"]["sent_udp"])
        # One name on every shard, and nothing else.
        self.assertRegex(self.done("dns", "flush", "COMPANY.example", *control), "^[1-9][0-9]* answers removed on 2 shards\n")
        self.assertEqual(kept(), [])
        after = json.loads(self.done("dns", "stats", "--json", *control))
        self.assertGreater(after["sum"]["entries"], 0)
        take_mail()
        self.assertTrue(kept())
        for query in ("", "?name=", "?all=", "?all=yes", "?all=true&name=company.example", "?name=company.example&all=no"):
            status, answer = self.post(node.control, "/dns/flush" + query)
            self.assertEqual((status, "removed" in answer), (400, False), query)
            self.assertIn("not a name", answer["status"])
        self.assertEqual(self.ctl("dns", "flush", "", *control).returncode, 2)
        self.assertTrue(kept())
        self.assertRegex(self.done("dns", "flush", "--all", *control), " answers removed on 2 shards\n")
        self.assertEqual(json.loads(self.done("dns", "stats", "--json", *control))["sum"]["entries"], 0)
        self.assertIn("shard 1", self.done("dns", "stats", *control))
        take_mail("user@octets.example")
        self.assertIn("x=\\255 \\092 ?all", self.done("dns", "lookup", "octets.example", "TXT", *control))
        for wrong in (("lookup", "a..b"), ("lookup", "a.example", "SRV"), ("flush", "a..b")):
            result = self.ctl("dns", *wrong, *control)
            self.assertEqual(result.returncode, 2, result)
            self.assertIn("not a name, or a type", result.stderr)
        result = self.ctl("dns", "stats", "--control", "/nowhere")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no node answers at /nowhere", result.stderr)
        # A message by its tracking id, for the sending administrator.
        row = cases.tracking_rows(node.journal)[0]
        tracked = ("spf", "explain", "--journal", str(node.journal), "--dns-server", self.server, "--id")
        self.assertIn("SPF was SoftFail then", self.done(*tracked, row["id"]))
        notice = self.done(*tracked, row["id"], "--notice")
        for part in ("To the administrator of company.example", f"Client address:  {row['client_ip']}",
                     "Result:          SoftFail", f"ip4:{row['client_ip']}"):
            self.assertIn(part, notice)
        result = self.ctl(*tracked, "nosuchmessage")
        self.assertEqual(result.returncode, 2)
        self.assertIn("has no tracking row of nosuchmessage", result.stderr)
        self.assert_balance(node.stopped(), [node.journal], relayed=4)


if __name__ == "__main__":
    cases.main()
