"""Hostile octets against a running node: it answers in order, relays nothing that it must not, and lives on."""
import random
import socket
import struct
import threading

import cases
from programs import Sink
from smtp_talk import SmtpTalk

SMUGGLED = (b"MAIL FROM:<smuggled@sender.example>\r\nRCPT TO:<joe@corp.example>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nsmuggled")
# What some server somewhere takes for the end of a message. Only CRLF.CRLF is.
LOOKALIKES = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n",
              b"\n\r.\n\r", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n"]


class HostileTests:
    """Run once for each back end below."""
    flavour = ""

    def setUp(self):
        super().setUp()
        self.sink = self.start(Sink(self.folder))
        self.hostile_node = self.node(self.sink.address, self.flavour)
        self.server = self.hostile_node.addresses[0]

    def assert_unharmed(self, others=0, **expected):
        """A good message passes; it and `others` are all that the sink got; the node stops in order."""
        self.assert_takes_mail(self.server, "good")
        report = self.hostile_node.stopped()
        relayed = expected.pop("relayed", 0)
        self.assert_balance(report, [self.hostile_node.journal], relayed=relayed + 1, **expected)
        messages = [text for _, text in self.sink.messages()]
        self.assertEqual(len(messages), others + 1)
        self.assertEqual(sum("Subject: good" in text for text in messages), 1)
        self.assertFalse([text for text in messages if "smuggled" in text])

    def test_lookalikes_of_the_end_of_data_end_nothing_and_are_never_relayed(self):
        for form in LOOKALIKES:
            with self.subTest(form=form), SmtpTalk(self.server) as talk:
                self.assertRegex(talk.begin(), "^354 ")
                talk.send(b"Subject: first\r\n\r\nfirst" + form + SMUGGLED + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
                replies = talk.replies()
                self.assertEqual([reply[:3] for reply in replies], ["554", "250", "221"], replies)
                self.assertTrue(replies[0].startswith("554 5.6.0 "))
        self.assert_unharmed(refused=len(LOOKALIKES))

    def test_a_lookalike_in_single_octets_ends_nothing_either(self):
        with SmtpTalk(self.server) as talk:
            self.assertRegex(talk.begin(), "^354 ")
            for octet in b"Subject: first\r\n\r\nfirst\n.\r\n" + SMUGGLED + b"\r\n.\r\nNOOP\r\n":
                talk.send(bytes([octet]))
            self.assertRegex(talk.reply(), r"^554 5\.6\.0 ")
            self.assertRegex(talk.reply(), "^250 ")
        self.assert_unharmed(refused=1)

    # Shows: W-9
    def test_lookalikes_become_text_of_one_message_where_line_ends_are_normalized(self):
        node = self.node(self.sink.address, self.flavour, name="normalizing",
                         listener_extra='bare_line_ends = "normalize"\n')
        inner = b"MAIL FROM:<inner@sender.example>\r\nRCPT TO:<joe@corp.example>\r\nDATA\r\nSubject: inner"
        forms = [form for form in LOOKALIKES if b"\0" not in form]
        for form in forms:
            for octets, single in ((b"first" + form + inner, False), (b"first" + form + inner, True)):
                octets = b"Subject: outer\r\n\r\n" + octets
                with self.subTest(form=form, single=single), SmtpTalk(node.addresses[0]) as talk:
                    self.assertRegex(talk.envelope() if single else talk.begin(), "^(250|354) ")
                    if single:
                        command = b"BDAT %d\r\n" % len(octets) + octets + b"BDAT 0 LAST\r\nNOOP\r\nQUIT\r\n"
                        for octet in command:
                            talk.send(bytes([octet]))
                    else:
                        talk.send(octets + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
                    replies = talk.replies()
                    self.assertEqual([reply[:3] for reply in replies], ["250"] * (3 if single else 2) + ["221"], replies)
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.begin(), "^354 ")
            talk.send(b"Subject: outer\n\na\0\n\r\n.\r\n")
            self.assertRegex(talk.reply(), r"^554 5\.6\.0 ")
            talk.send(b"NOOP\nNOOP\r\n")
            self.assertEqual([reply[:3] for reply in talk.replies()], ["500"])
        self.assertEqual(cases.metric(node, "sluice_messages_normalized_total"), 2 * len(forms))
        self.assert_balance(node.stopped(), [node.journal], relayed=2 * len(forms), refused=1)
        texts = [text for _, text in self.sink.messages()]
        self.assertEqual(len(texts), 2 * len(forms))
        for text in texts:
            self.assertRegex(text, r"(?s)\nSubject: outer\n.*\nfirst\n+\.\n+MAIL FROM:<inner@.*\nSubject: inner\n")
        self.assert_unharmed(others=2 * len(forms))

    def test_bare_line_ends_and_nul_in_commands_end_the_session_and_execute_nothing(self):
        for command in [b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n", b"NO\0OP\r\n", b"MAIL FROM:<a@b.example>\nDATA\r\n",
                        b"\0\r\n", b"\n\r\n"]:
            with self.subTest(command=command), SmtpTalk(self.server) as talk:
                self.assertRegex(talk.ask("EHLO client.example"), "^250-")
                talk.send(command + b"QUIT\r\n")
                replies = talk.replies()
                self.assertEqual([reply[:3] for reply in replies], ["500"], replies)
        self.assert_unharmed()

    # Shows: W-9
    def test_lookalikes_in_chunks_and_across_their_edges_are_never_relayed(self):
        for form in LOOKALIKES:
            octets = b"Subject: first\r\n\r\nfirst" + form + SMUGGLED + b"\r\n.\r\n"
            edge = octets.index(form) + len(form) // 2
            for pieces in ((octets,), (octets[:edge], octets[edge:])):
                with self.subTest(form=form, pieces=len(pieces)), SmtpTalk(self.server) as talk:
                    self.assertRegex(talk.envelope(), "^250 ")
                    for piece in pieces:
                        talk.send(b"BDAT %d\r\n" % len(piece) + piece)
                    talk.send(b"BDAT 0 LAST\r\nNOOP\r\nQUIT\r\n")
                    replies = talk.replies()
                    self.assertEqual([reply[:3] for reply in replies[-3:]], ["554", "250", "221"], replies)
                    self.assertTrue(replies[-3].startswith("554 5.6.0 "))
        self.assert_unharmed(refused=2 * len(LOOKALIKES))

    # Shows: W-9
    def test_an_end_of_data_inside_a_chunk_is_text(self):
        octets = b"Subject: chunks\r\n\r\nfirst\r\n.\r\nQUIT\r\n..\r\nlast"
        for single in (False, True):
            with self.subTest(single=single), SmtpTalk(self.server) as talk:
                self.assertRegex(talk.envelope(), "^250 ")
                command = b"BDAT 20\r\n" + octets[:20] + b"BDAT %d LAST\r\n" % (len(octets) - 20) + octets[20:]
                for piece in [command[i:i + 1] for i in range(len(command))] if single else [command]:
                    talk.send(piece)
                self.assertRegex(talk.reply(), r"^250 2\.0\.0 ")
                self.assertRegex(talk.reply(), r"^250 2\.0\.0 ")
                self.assertRegex(talk.ask("QUIT"), "^221 ")
        messages = [text for _, text in self.sink.messages()]
        self.assertEqual(sum("\nfirst\n.\nQUIT\n..\nlast\n" in text for text in messages), 2, messages)
        self.assert_unharmed(others=2, relayed=2)

    def test_bdat_of_unknown_size_ends_the_session_and_executes_nothing(self):
        for size in ("-1", "+5", "five", "", "0x5", "1e3", "5 FIRST", "5,LAST", "18446744073709551616", "9" * 400,
                     "18446744073709551615", "9223372036854775808 LAST", "104857603"):
            with self.subTest(size=size[:30]), SmtpTalk(self.server) as talk:
                self.assertRegex(talk.envelope(), "^250 ")
                talk.send(f"BDAT {size}\r\nNOOP\r\nQUIT\r\n".encode())
                replies = talk.replies()
                self.assertEqual(len(replies), 1, replies)
                self.assertRegex(replies[0], r"^(501 5\.5\.4|552 5\.3\.4) ")
        self.assert_unharmed(abandoned=13)

    # Shows: W-8
    def test_sizes_that_lie_are_refused_and_their_octets_are_no_commands(self):
        with SmtpTalk(self.server) as talk:
            talk.ask("EHLO client.example")
            for value, code in (("-1", "501"), ("x", "501"), ("", "501"), ("99999999999", "552"), ("9" * 30, "501")):
                self.assertRegex(talk.ask(f"MAIL FROM:<a@sender.example> SIZE={value}"), f"^{code} 5")
        size = 50 * 1024 * 1024 + 1
        with SmtpTalk(self.server) as talk:
            talk.ask("EHLO client.example")
            self.assertRegex(talk.ask("MAIL FROM:<a@sender.example> SIZE=1"), "^250 ")
            self.assertRegex(talk.ask("RCPT TO:<joe@corp.example>"), "^250 ")
            talk.send(b"BDAT %d LAST\r\n" % size)
            block = b"QUIT\r\n" * 65536
            for _ in range(size // len(block)):
                talk.send(block)
            talk.send(b"Q" * (size % len(block)))
            self.assertRegex(talk.reply(), r"^552 5\.3\.4 ")
            self.assertRegex(talk.ask("NOOP"), "^250 ")
        self.assert_unharmed(refused=1)

    def test_one_octet_a_segment_is_a_message_like_any_other(self):
        with SmtpTalk(self.server) as talk:
            for line in ("EHLO client.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<joe@corp.example>", "DATA",
                         "Subject: slow\r\n\r\n..dotted\r\nend\r\n."):
                for octet in (line + "\r\n").encode():
                    talk.send(bytes([octet]))
                self.assertRegex(talk.reply(), "^(250|354)")
        self.assertIn("\n\n.dotted\nend\n", self.sink.messages()[0][1])
        self.assert_unharmed(others=1, relayed=1)

    def test_ten_thousand_pipelined_commands_are_answered_in_order_up_to_the_limit(self):
        for command, reply in ((b"NOOP\r\n", "250 2.0.0 Ok"), (b"RSET\r\n", "250 2.0.0 Ok"),
                               (b"VRFY joe\r\n", "252 2.0.0 Cannot verify; send some mail"),
                               (b"HELO client.example\r\n", "250 mx.corp.example"), (b"BDAT 0\r\n", None)):
            with self.subTest(command=command), SmtpTalk(self.server) as talk:
                self.assertRegex(talk.ask("EHLO client.example"), "^250-")
                try:
                    talk.send(command * 10000)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it closes before it has read all
                replies = talk.replies()
                self.assertTrue((100 if reply else 5) <= len(replies) <= 1000, len(replies))
                self.assertEqual(set(replies[:-1]), {reply or "503 5.5.1 Send MAIL first"})
                self.assertRegex(replies[-1], r"^421 4\.7\.0 ")
        self.assert_unharmed()

    def test_a_listed_proxy_gets_ten_thousand_replies_in_order(self):
        node = self.node(self.sink.address, self.flavour, name="behind_proxy", proxies=("127.0.0.1",))
        with SmtpTalk(node.addresses[0]) as talk:
            self.assertRegex(talk.ask("EHLO client.example"), "^250-")
            writer = threading.Thread(target=talk.send, args=(b"NOOP\r\nHELP\r\n" * 5000 + b"QUIT\r\n",))
            writer.start()
            replies = talk.replies()
            writer.join()
        self.assertEqual([reply[:3] for reply in replies], ["250", "214"] * 5000 + ["221"])
        node.stopped()
        self.assert_unharmed()

    def test_whole_transactions_in_one_write_are_answered_in_order(self):
        transaction = (b"MAIL FROM:<a@sender.example>\r\nRCPT TO:<joe@elsewhere.example>\r\n"
                       b"RCPT TO:<joe@corp.example>\r\nDATA\r\nSubject: pipelined %d\r\n\r\nbody\r\n.\r\n")
        with SmtpTalk(self.server, greeted=False) as talk:
            # Before the greeting, too: an early talker is counted, and answered.
            talk.send(b"EHLO client.example\r\n" + b"".join(transaction % number for number in range(40)) +
                      b"BOGUS\r\nNOOP\r\nQUIT\r\n")
            replies = talk.replies()
        self.assertEqual([reply[:3] for reply in replies[:2]], ["220", "250"])
        # The refused recipients are errors as well, and of those a session may make only so many.
        codes = [reply[:3] for reply in replies[2:]]
        whole = len([code for code in codes if code == "354"])
        self.assertEqual(codes[:whole * 5], ["250", "550", "250", "354", "250"] * whole)
        self.assertGreaterEqual(whole, 9)
        self.assertEqual(codes[-1], "421" if whole < 40 else "221")
        named = sum(code == "550" for code in codes)
        self.assert_unharmed(others=whole, relayed=whole, refused=named)

    def test_huge_lines_are_refused_as_commands_without_being_kept(self):
        before = self.resident()
        for filler in (b"A", b"\0", b"\r", b"RCPT TO:<"):
            with SmtpTalk(self.server) as talk:
                try:
                    for _ in range(256):
                        talk.send(filler * (65536 // len(filler)))
                    talk.send(b"\r\n")
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.assertRegex(talk.reply(), "^(500|421) ")
        self.assertLess(self.resident() - before, 24 * 1024)  # of 64 MiB sent
        self.assert_unharmed()

    # Shows: W-8
    def test_a_huge_line_in_a_message_passes_unchanged(self):
        with SmtpTalk(self.server) as talk:
            self.assertRegex(talk.begin(), "^354 ")
            talk.send(b"Subject: long\r\n\r\n" + b"x" * 3_000_000 + b"\r\n.\r\n")
            self.assertRegex(talk.reply(), "^250 ")
        self.assertTrue(any(text.count("x" * 3_000_000) == 1 for _, text in self.sink.messages()))
        row = cases.tracking_rows(self.hostile_node.journal)[0]
        self.assertTrue(row["long_line"])
        self.assert_unharmed(others=1, relayed=1)

    # Shows: W-8, W-11
    def test_endless_headers_and_loops_are_refused(self):
        for field, count, code in ((b"X: " + b"y" * 900 + b"\r\n", 1300, "552"),
                                   (b"Received: from a by b; now\r\n", 51, "554")):
            with self.subTest(code=code), SmtpTalk(self.server) as talk:
                self.assertRegex(talk.begin(), "^354 ")
                talk.send(field * count + b"\r\nbody\r\n.\r\n")
                self.assertRegex(talk.reply(), rf"^{code} 5\.")
                self.assertRegex(talk.ask("NOOP"), "^250 ")
        self.assert_unharmed(refused=2)

    def test_random_octets_get_errors_only(self):
        numbers = random.Random(20)
        for trial in range(30):
            octets = numbers.randbytes(numbers.choice([1, 7, 300, 5000, 70000]))
            if trial % 2 == 1:  # in the shape of commands
                words = [b"MAIL FROM:", b"RCPT TO:", b"BDAT 10 ", b"EHLO ", b"XCLIENT ADDR=", b"AUTH ", b"VRFY "]
                octets = b"".join(numbers.choice(words) + numbers.randbytes(20) + b"\r\n" for _ in range(40))
            with self.subTest(trial=trial), SmtpTalk(self.server) as talk:
                try:
                    talk.send(octets)
                    talk.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # after ten errors it is gone
                for reply in talk.replies():
                    self.assertRegex(reply, r"^[2-5]\d\d[ -]")
        self.assert_unharmed()

    def test_random_octets_as_a_message_are_refused(self):
        numbers = random.Random(21)
        named = 0
        for _ in range(20):
            with SmtpTalk(self.server) as talk:
                self.assertRegex(talk.begin(), "^354 ")
                named += 1
                talk.send(numbers.randbytes(20000) + b"\r\n.\r\nQUIT\r\n")
                self.assertEqual([reply[:3] for reply in talk.replies()], ["554", "221"])
        self.assert_unharmed(refused=named)

    def test_clients_that_vanish_in_any_phase_leave_a_row_and_no_message(self):
        steps = [b"EHLO client.example\r\n", b"MAIL FROM:<a@sender.example>\r\n", b"RCPT TO:<joe@corp.example>\r\n",
                 b"DATA\r\n", b"Subject: smuggled\r\n\r\nbody\r\n", b".\r"]
        for reset in (False, True):
            for last in range(len(steps)):
                with SmtpTalk(self.server) as talk:
                    for step in steps[:last + 1]:
                        talk.send(step)
                        if step.endswith(b"\n") and not step.startswith(b"Subject"):
                            self.assertRegex(talk.reply(), "^(250|354)")
                    if reset:  # closing then sends RST
                        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.assert_unharmed(abandoned=8)

    def resident(self):
        """KiB of memory at its highest."""
        with open(f"/proc/{self.hostile_node.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


class UringHostile(HostileTests, cases.EndToEnd):
    flavour = "uring"


class EpollHostile(HostileTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
