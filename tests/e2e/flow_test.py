"""smtp-source -> sluiced -> smtp-sink: many real messages, and the balance of what became of them."""
import cases
from programs import LOOPBACK, Sink, endpoint, split_endpoint
from smtp_talk import SmtpTalk

SOURCE = "/usr/sbin/smtp-source"


class FlowTests:
    """Run once for each back end below."""
    flavour = ""

    def send_many(self, server, sessions, messages, *options):
        # It wants the host in brackets only where it is not a plain IPv4 address.
        done = self.run_program([SOURCE, "-s", str(sessions), "-m", str(messages), "-N", "-f", "a@sender.example",
                                 "-t", "user@corp.example", *options, server])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def relay_and_compare(self, version):
        sink = self.start(Sink(self.folder, version=version))
        node = self.node(sink.address, self.flavour, versions=(version,))
        server = endpoint(LOOPBACK[version], split_endpoint(node.addresses[0])[1])
        self.send_many(server, 10, 120, "-l", "4000", "-d")
        self.send_many(server, 5, 20, "-l", "100", "-r", "3")
        self.send_many(server, 2, 4, "-l", "1500000")
        report = node.stopped()
        self.assert_balance(report, [node.journal], relayed=120 + 60 + 4)
        self.assertEqual(report["delivered"], 144)
        messages = sink.messages()
        self.assertEqual(len(messages), 144)
        taken = sorted(recipient for recipients, _ in messages for recipient in recipients)
        self.assertEqual(taken, sorted(row["recipient"] for row in cases.tracking_rows(node.journal)))
        client = LOOPBACK[version] if version == 4 else "IPv6:::1"
        for _, text in messages:
            self.assertIn(f"[{client}]", text)
            self.assertEqual(text.count("by mx.corp.example"), 1)

    # Shows: W-7
    def test_ipv4_messages_arrive_and_the_balance_equals_what_the_sink_got(self):
        self.relay_and_compare(4)

    # Shows: W-7
    def test_ipv6_messages_arrive_and_the_balance_equals_what_the_sink_got(self):
        self.relay_and_compare(6)

    # Shows: W-7
    def test_every_end_of_a_recipient_is_counted_and_has_a_row(self):
        sink = self.start(Sink(self.folder))
        refusing = self.start(Sink(self.folder, "refusing", options=["-f", "RCPT"]))
        deferring = self.start(Sink(self.folder, "deferring", options=["-r", "."]))
        vanishing = self.start(Sink(self.folder, "vanishing", options=["-q", "."]))
        more = "".join(f'[[domain]]\nname = "{name}.example"\nnext_hops = ["{hop.address}"]\n'
                       for name, hop in [("refusing", refusing), ("deferring", deferring), ("vanishing", vanishing)])
        node = self.node(sink.address, self.flavour, extra=more)
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.message("relayed", recipients=("a@corp.example", "b@corp.example")), "^250 ")
            self.assertRegex(talk.message("foreign", recipients=("a@elsewhere.example",)), r"^550 5\.7\.1 ")
            talk.ask("RSET")
            self.assertRegex(talk.message("refused", recipients=("a@refusing.example",)), "^5")
            talk.ask("RSET")
            self.assertRegex(talk.message("deferred", recipients=("a@deferring.example",)), "^4")
            self.assertRegex(talk.message("unknown", recipients=("a@vanishing.example",)), r"^451 4\.4\.2 ")
            self.assertRegex(talk.begin(recipients=("a@corp.example",), helo=""), "^354 ")
            talk.send(b"Subject: bare\r\n\r\nline\nline\r\n.\r\n")
            self.assertRegex(talk.reply(), r"^554 5\.6\.0 ")
            talk.ask("MAIL FROM:<a@sender.example>")
            self.assertRegex(talk.ask("RCPT TO:<reset@corp.example>"), "^250 ")
            self.assertRegex(talk.ask("RSET"), "^250 ")
            talk.ask("MAIL FROM:<a@sender.example>")
            self.assertRegex(talk.ask("RCPT TO:<gone@corp.example>"), "^250 ")
        report = node.stopped()
        self.assert_balance(report, [node.journal], relayed=2, refused=3, deferred=1, unknown=1, abandoned=2)
        self.assertEqual([recipients for recipients, _ in sink.messages()], [["a@corp.example", "b@corp.example"]])


class UringFlow(FlowTests, cases.EndToEnd):
    flavour = "uring"


class UringOfLinux61Flow(FlowTests, cases.EndToEnd):
    flavour = "uring_6_1"


class EpollFlow(FlowTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
