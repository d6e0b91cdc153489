"""Signing as its operator sees it: a key is made, its record is checked, a policy says which key signs, a message
is signed and sealed, and checked again."""
import json
import os
import pathlib
import stat

import cases
from programs import Sink
from smtp_talk import SmtpTalk

POLICY = """\
trusted_networks = ["198.18.0.0/16"]

[outbound]
next_hop = "127.0.0.1:2527"

[node]
hostname = "mx.example.com"

[journal]
path = "{folder}/journal.jsonl"

[[listener]]
address = "127.0.0.1:2525"

[[domain]]
name = "example.com"
next_hops = ["127.0.0.1:2526"]

[[dkim.sign]]
domain = "example.com"
signing_domain = "example.com"
keys = [{{selector = "r", file = "{folder}/r.pem"}}, {{selector = "e", file = "{folder}/e.pem"}}]
"""

SIGNING_NODE = """
[outbound]
next_hop = "{hop}"
[[dkim.sign]]
domain = "example.com"
signing_domain = "example.com"
keys = [{{selector = "r", file = "{folder}/r.pem"}}]
"""


class Signing(cases.EndToEnd):
    def setUp(self):
        super().setUp()
        self.records = {}
        for selector, kind in (("r", "rsa"), ("e", "ed25519")):
            line = self.ctl("dkim", "keygen", "--type", kind, "--out", self.path(selector + ".pem"), "--selector", selector,
                            "--domain", "example.com").stdout
            self.records[selector] = line
        self.zone = self.folder / "keys.zone"
        self.zone.write_text("".join(line.replace(" IN ", " 300 IN ") for line in self.records.values()))

    def path(self, name):
        return str(self.folder / name)

    def ctl(self, *arguments, **options):
        return self.run_program([cases.path_of("sluicectl"), *arguments], **options)

    # Shows: P-09
    def test_a_new_key_is_its_owners_alone_and_is_not_overwritten(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.path("r.pem")).st_mode), 0o600)
        before = pathlib.Path(self.path("r.pem")).read_text()
        again = self.ctl("dkim", "keygen", "--out", self.path("r.pem"))
        self.assertEqual(again.returncode, 1)
        self.assertIn("File exists", again.stderr)
        self.assertEqual(pathlib.Path(self.path("r.pem")).read_text(), before)
        self.assertEqual(self.ctl("dkim", "keygen", "--bits", "1024", "--out", self.path("short.pem")).returncode, 2)

    # Shows: P-09
    def test_a_record_is_checked_against_its_key(self):
        good = self.ctl("dkim", "check-dns", "r", "example.com", "--dns-zone", str(self.zone), "--key", self.path("r.pem"))
        self.assertEqual(good.returncode, 0, good.stdout)
        self.assertIn("rsa, 2048 bits", good.stdout)
        other = self.ctl("dkim", "check-dns", "r", "example.com", "--dns-zone", str(self.zone), "--key", self.path("e.pem"))
        self.assertEqual(other.returncode, 1)
        self.assertIn("another key", other.stdout)
        self.assertIn(self.records["e"].split('"')[1], other.stdout)
        missing = self.ctl("dkim", "check-dns", "x", "example.com", "--dns-zone", str(self.zone))
        self.assertEqual(missing.returncode, 1)
        self.assertIn("does not exist", missing.stdout)

    # Shows: P-11
    def test_a_policy_says_which_key_signs(self):
        policy = self.folder / "policy.toml"
        policy.write_text(POLICY.format(folder=self.folder))
        found = self.ctl("dkim", "which-key", "someone@Example.com", "--policy", str(policy))
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        self.assertIn("d=example.com s=r rsa-sha256 (2048 bits) c=relaxed/relaxed", found.stdout)
        self.assertIn("d=example.com s=e ed25519-sha256 (256 bits)", found.stdout)
        self.assertEqual(self.ctl("dkim", "which-key", "someone@example.net", "--policy", str(policy)).returncode, 1)

    # Shows: P-24
    def test_a_batch_signs_and_seals_what_a_batch_then_verifies(self):
        message = self.folder / "m.eml"
        message.write_bytes(b"From: a@example.com\nTo: b@example.net\nSubject: hello\n\nbody\n")
        common = {"domain": "example.com", "now": 1790000000}
        line = dict(common, id=1, mode="dkim", message_file=str(message), out_file=self.path("signed.eml"), selector="r",
                    key_file=self.path("r.pem"), algorithm="rsa-sha256", canonicalization="relaxed/simple")
        sealing = dict(common, id=2, mode="arc", message_file=self.path("signed.eml"), out_file=self.path("sealed.eml"),
                       selector="e", key_file=self.path("e.pem"), authserv_id="mx.example.com", ip="192.0.2.1",
                       helo="h.example.com", mail_from="a@example.com")
        wrong = dict(line, id=3, algorithm="ed25519-sha256")
        for number, job in enumerate((line, sealing), 1):
            done = self.ctl("sign", "--batch", "--dns-zone", str(self.zone), input_text=json.dumps(job) + "\n")
            self.assertEqual(json.loads(done.stdout), {"id": number, "ok": True})
        refused = self.ctl("sign", "--batch", "--dns-zone", str(self.zone), input_text="x\n" + json.dumps(wrong) + "\n")
        answers = [json.loads(text) for text in refused.stdout.splitlines()]
        self.assertEqual([answer.get("id") for answer in answers], [None, 3])
        self.assertTrue(all("error" in answer for answer in answers))
        sealed = pathlib.Path(self.path("sealed.eml")).read_bytes()
        self.assertIn(b"dkim=pass header.d=example.com", sealed)
        self.assertNotIn(b"\n", sealed.replace(b"\r\n", b""))
        check = {"id": 4, "ip": "192.0.2.1", "helo": "h.example.com", "mail_from": "a@example.com",
                 "message_file": self.path("sealed.eml"), "checks": ["dkim", "arc"], "now": 1790000000}
        found = json.loads(self.ctl("check", "--batch", "--dns-zone", str(self.zone), input_text=json.dumps(check) + "\n").stdout)
        self.assertEqual(found["dkim"][0]["result"], "pass")
        self.assertEqual((found["arc"]["result"], found["arc"]["oldest_pass"]), ("pass", 1))

    def send(self, node, sink, subject):
        """An outbound message, and how it arrived at the next hop."""
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.begin("a@example.com", ("b@example.net",)), "^354 ")
            talk.send(f"From: a@example.com\r\nTo: b@example.net\r\nSubject: {subject}\r\n\r\nbody\r\n.\r\n".encode())
            self.assertRegex(talk.reply(), "^250 ")
        arrived = [text for _, text in sink.messages() if f"Subject: {subject}\n" in text]
        self.assertEqual(len(arrived), 1)
        return arrived[0][arrived[0].index("DKIM-Signature:"):]

    def verified(self, message, record):
        """The result of the message's one signature where `record` is what the selector's name has."""
        zone = self.folder / "one.zone"
        zone.write_text(record.replace(" IN ", " 300 IN "))
        file = self.folder / "arrived.eml"
        file.write_text(message)
        line = {"id": 1, "ip": "192.0.2.1", "helo": "h.example.com", "mail_from": "a@example.com",
                "message_file": str(file), "checks": ["dkim"]}
        found = json.loads(self.ctl("check", "--batch", "--dns-zone", str(zone), input_text=json.dumps(line) + "\n").stdout)
        self.assertEqual(len(found["dkim"]), 1, found)
        return found["dkim"][0]["result"]

    # Shows: P-11
    def test_a_key_that_was_replaced_signs_after_a_reload_and_one_that_others_may_read_does_not(self):
        sink = self.start(Sink(self.folder))
        policy = self.policy("127.0.0.1:9", extra=SIGNING_NODE.format(hop=sink.address, folder=self.folder))
        node = cases.Node(self, 'trusted_networks = ["127.0.0.0/8"]\n' + policy).started()
        old = self.records["r"]
        self.assertEqual(self.verified(self.send(node, sink, "first"), old), "pass")

        other = self.ctl("dkim", "keygen", "--type", "rsa", "--out", self.path("new.pem"), "--selector", "r", "--domain",
                         "example.com")
        new = other.stdout
        os.chmod(self.path("new.pem"), 0o644)
        os.replace(self.path("new.pem"), self.path("r.pem"))
        refused = self.ctl("reload", "--control", str(node.control))
        self.assertEqual(refused.returncode, 1)
        self.assertIn(self.path("r.pem") + " has mode 0644", refused.stdout + refused.stderr)
        second = self.send(node, sink, "second")
        self.assertEqual((self.verified(second, old), self.verified(second, new)), ("pass", "fail"))

        os.chmod(self.path("r.pem"), 0o600)
        done = self.ctl("reload", "--control", str(node.control))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        third = self.send(node, sink, "third")
        self.assertEqual((self.verified(third, old), self.verified(third, new)), ("fail", "pass"))
        node.stopped()


if __name__ == "__main__":
    cases.main()
