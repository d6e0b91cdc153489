"""swaks -> sluiced -> a real Postfix, with SPF decided by real DNS answers."""
import os
import pathlib
import shutil
import tempfile
import unittest

import cases
from postfix import Postfix
from programs import Program, split_endpoint, wait_until

ZONE = """
strict.example:
  - SPF: v=spf1 ip4:203.0.113.5 ip6:2001:db8::5 -all
soft.example:
  - SPF: v=spf1 include:_spf.soft.example ~all
_spf.soft.example:
  - SPF: v=spf1 ip4:198.51.100.0/24 -all
"""

RULE = """
[[spf.rule]]
name = "refuse forgeries"
domains = ["corp.example"]
enabled = true
preset = "reject"
"""


_postfix = None


def setUpModule():  # one Postfix for all
    global _postfix
    if os.geteuid() != 0:
        raise unittest.SkipTest("Postfix is started as root only")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice_e2e_"))
    folder.chmod(0o755)
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    _postfix = Postfix(folder, mailboxes=("joe", "ann"))
    unittest.addModuleCleanup(_postfix.program.clean_up)
    _postfix.wait_accepting()


class PostfixTests:
    """Run once for each back end below."""
    flavour = ""

    def begin(self, version):
        zone = self.folder / "zone.yml"
        zone.write_text(ZONE)
        self.queries = self.folder / "queries.jsonl"
        dns = self.start(Program(self.folder, "dns", [cases.path_of("sluice-dns"), "--zone", str(zone), "--listen",
                                                      f"{'[::1]' if version == 6 else '127.0.0.1'}:0",
                                                      "--query-log", str(self.queries)])).wait_ready()
        node = self.node(_postfix.addresses[version], self.flavour, versions=(version,), dns=dns["listeners"][0],
                         proxies=("127.0.0.1", "::1"), extra=RULE)
        self.assertTrue(node.addresses[0].startswith("[::1]:" if version == 6 else "127.0.0.1:"))
        return node

    def swaks(self, node, sender, recipient, client, *options):
        """(exit code, what was said) of one message."""
        host, port = split_endpoint(node.addresses[0])
        done = self.run_program(["swaks", "--server", host, "--port", str(port), *(["-6"] if ":" in host else []),
                                 "--timeout", "30", "--ehlo", "client.example", "--from", sender, "--to", recipient,
                                 "--xclient-addr", ("IPV6:" if ":" in client else "") + client,
                                 "--xclient-helo", "mail.sender.example", *options])
        return done.returncode, done.stdout + done.stderr

    def mailbox(self, name, subject):
        def find():
            return [text for text in _postfix.delivered(name) if f"Subject: {subject}\n" in text]
        return wait_until(find, f"{subject} in {name}'s mailbox; {_postfix.log()}")

    def exchange(self, version):
        node = self.begin(version)
        tag = f"{self.flavour}-{version}"
        allowed, forged = ("203.0.113.5", "203.0.113.6") if version == 4 else ("2001:db8::5", "2001:db8::6")
        code, said = self.swaks(node, "boss@strict.example", "joe@corp.example", allowed, "--header",
                                f"Subject: pass-{tag}", "--add-header", "X-TM-Received-SPF: Pass (forged)",
                                "--body", "line one\n.a line with a dot\n..\nlast")
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"<-  250 2\.0\.0 Ok: (?:\d+ bytes )?queued as")  # Postfix's own words
        text = self.mailbox("joe", f"pass-{tag}")[0]
        header, body = text.split("\n\n", 1)
        self.assertRegex(header, r"(?m)^X-TM-Received-SPF: Pass \(")
        self.assertEqual(header.count("X-TM-Received-SPF:"), 1)
        self.assertNotIn("forged", header)
        self.assertRegex(header, r"(?m)^Received: from mail\.sender\.example \(")
        self.assertRegex(header, rf"by mx\.corp\.example\b[^\0]*for <joe@corp\.example>")
        self.assertIn(f"[{'IPv6:' if version == 6 else ''}{allowed}]", header)
        self.assertLess(header.index("X-TM-Received-SPF:"), header.index("by mx.corp.example"))
        self.assertLess(header.index("by hop.corp.example"), header.index("X-TM-Received-SPF:"))
        self.assertIn("line one\n.a line with a dot\n..\nlast\n", body)

        code, said = self.swaks(node, "boss@strict.example", "joe@corp.example", forged, "--header",
                                f"Subject: fail-{tag}")
        self.assertNotEqual(code, 0)
        self.assertRegex(said, r"<\*\* 550 5\.7\.1 SPF check failed")
        self.assertNotIn("-> DATA", said)  # refused before the body
        code, said = self.swaks(node, "boss@strict.example", "nobody@corp.example", allowed)
        self.assertRegex(said, r"<\*\* 550 5\.1\.1 <nobody@corp\.example>: Recipient address rejected: User unknown")
        code, said = self.swaks(node, "x@soft.example", "ann@corp.example,joe@corp.example", forged, "--header",
                                f"Subject: soft-{tag}")
        self.assertEqual(code, 0, said)
        for name in ("ann", "joe"):
            self.assertRegex(self.mailbox(name, f"soft-{tag}")[0], r"(?m)^X-TM-Received-SPF: SoftFail \(")
        report = node.stopped()
        self.assert_balance(report, [node.journal], relayed=3, refused=2)
        self.assertNotIn(f"fail-{tag}", "".join(_postfix.delivered("joe")))
        self.assertIn("_spf.soft.example", self.queries.read_text())
        results = [row["spf"]["result"] for row in cases.tracking_rows(node.journal)]
        self.assertEqual(results, ["Pass", "Fail", "Pass", "SoftFail", "SoftFail"])

    # Shows: W-6, W-13, W-20
    def test_ipv4_mail_is_decided_and_reaches_a_mailbox(self):
        self.exchange(4)

    # Shows: W-6, W-13, W-20
    def test_ipv6_mail_is_decided_and_reaches_a_mailbox(self):
        self.exchange(6)


class UringPostfix(PostfixTests, cases.EndToEnd):
    flavour = "uring"


class UringOfLinux61Postfix(PostfixTests, cases.EndToEnd):
    flavour = "uring_6_1"


class EpollPostfix(PostfixTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
