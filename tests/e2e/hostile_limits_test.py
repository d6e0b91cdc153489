"""Clients that are slow, too many, or never done, against a running node with short limits: each is cut off, told why
where it listens, and good clients beside it are not harmed."""
import threading
import time

import cases
from programs import Sink, wait_until
from smtp_talk import SmtpTalk

FLOODER = "127.0.0.66"  # another client than the good one


class HostileLimitsTests:
    """Run once for each back end below."""
    flavour = ""

    def setUp(self):
        super().setUp()
        self.sink = self.start(Sink(self.folder))
        self.good = 0

    def start_node(self, clients, **options):
        self.tested = self.node(self.sink.address, self.flavour, extra=f"[clients]\n{clients}\n", **options)
        self.server = self.tested.addresses[0]

    def good_mail(self, within=10.0):
        """A good client's message passes, and in time."""
        begin = time.monotonic()
        self.assert_takes_mail(self.server, f"good{self.good}")
        self.good += 1
        self.assertLess(time.monotonic() - begin, within)

    def assert_unharmed(self, **expected):
        self.good_mail()
        report = self.tested.stopped()
        self.assert_balance(report, [self.tested.journal], relayed=self.good, **expected)
        self.assertEqual(len(self.sink.messages()), self.good)

    def resident(self):
        """KiB of memory at its highest."""
        with open(f"/proc/{self.tested.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

    def test_a_silent_client_is_timed_out_at_each_step(self):
        self.start_node("command_seconds = 1\ndata_seconds = 1")
        talks = []
        for steps in range(5):
            talk = SmtpTalk(self.server)
            self.addCleanup(talk.socket.close)
            for line in ("EHLO client.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<joe@corp.example>",
                         "DATA")[:steps]:
                self.assertRegex(talk.ask(line), "^(250|354)")
            talk.send(b"MAI" if steps < 4 else b"Subject: never\r\n")  # half a command, half a message
            talks.append(talk)
        self.good_mail()
        for talk in talks:
            self.assertRegex(talk.reply(), r"^421 4\.4\.2 ")
            self.assertEqual(talk.reply(), "")
        self.assert_unharmed(abandoned=2)

    def dribble(self, talk, octets, seconds):
        """Sends octet by octet until the node has had enough; its reply, and when that came."""
        begin = time.monotonic()
        talk.socket.settimeout(0.2)
        while time.monotonic() - begin < seconds:
            try:
                talk.send(octets)
                reply = talk.reply()
                return reply, time.monotonic() - begin
            except TimeoutError:
                continue
            except OSError:
                break
        return "", time.monotonic() - begin

    # Shows: W-7
    def test_octets_just_before_each_timeout_do_not_keep_a_session(self):
        self.start_node("command_seconds = 2\ndata_seconds = 1\nmessage_grace_seconds = 2\nmin_data_rate = 1000")
        for by_chunks in (False, True):
            with self.subTest(by_chunks=by_chunks), SmtpTalk(self.server) as talk:
                if by_chunks:
                    self.assertRegex(talk.envelope(), "^250 ")
                    talk.send(b"BDAT 1000\r\n")
                else:
                    self.assertRegex(talk.begin(), "^354 ")
                reply, took = self.dribble(talk, b"x", 20)
                self.assertRegex(reply, r"^421 4\.4\.2 ")
                self.assertGreater(took, 1.5)
                self.assertLess(took, 12)
        with self.subTest("commands"), SmtpTalk(self.server) as talk:
            talk.ask("EHLO client.example")
            reply, _ = self.dribble(talk, b"N", 20)
            self.assertRegex(reply, r"^421 4\.4\.2 ")
        self.assert_unharmed(abandoned=2)

    def test_a_session_without_mail_ends_however_busy_it_is(self):
        self.start_node("session_seconds = 2")
        with SmtpTalk(self.server) as talk:
            begin = time.monotonic()
            reply = talk.ask("EHLO client.example")
            while reply.startswith("250") and time.monotonic() - begin < 20:
                time.sleep(0.1)
                reply = talk.ask("NOOP")
            self.assertRegex(reply, r"^421 4\.4\.2 ")
        self.assert_unharmed()

    def test_a_client_that_reads_no_replies_is_broken_off(self):
        self.start_node("write_seconds = 1", proxies=("127.0.0.66",))
        with SmtpTalk(self.server, source=FLOODER, receive_buffer=4096) as talk:
            talk.send(b"EHLO proxy.example\r\n")
            talk.socket.settimeout(20)
            before = self.resident()
            broken = False
            try:
                for _ in range(2000):  # far more than the kernel keeps for us
                    talk.send(b"HELP\r\n" * 10000)
            except (BrokenPipeError, ConnectionResetError):
                broken = True
            self.assertTrue(broken)
            self.assertLess(self.resident() - before, 24 * 1024)
        self.assert_unharmed()

    def test_a_client_that_errs_again_and_again_waits_and_nobody_else_does(self):
        self.start_node("max_delay_seconds = 1\nmax_errors = 8")
        with SmtpTalk(self.server) as talk:
            begin = time.monotonic()
            for _ in range(3):
                self.assertRegex(talk.ask("BOGUS"), "^500 ")
            for _ in range(3):
                talk.send(b"BOGUS\r\n")
                self.good_mail()
                self.assertRegex(talk.reply(), "^500 ")
            self.assertGreater(time.monotonic() - begin, 2.9)
            talk.ask("BOGUS")
            talk.send(b"BOGUS\r\n")
            self.assertEqual([reply[:3] for reply in talk.replies()], ["500", "421"])
        self.assert_unharmed()

    def flood(self, count):
        """Connections of the flooder, and the first line that each was told ("" where none)."""
        talks = []
        for _ in range(count):
            talk = SmtpTalk(self.server, greeted=False, source=FLOODER)
            self.addCleanup(talk.socket.close)
            talks.append(talk)
        return talks, [talk.reply() for talk in talks]

    def test_a_flood_of_connections_is_one_clients_own_problem(self):
        self.start_node("max_connections_per_client = 20")
        talks, greetings = self.flood(300)
        self.assertEqual(sum(greeting.startswith("220 ") for greeting in greetings), 20)
        told = sum(greeting.startswith("421 4.7.0 ") for greeting in greetings)
        self.assertEqual(told + greetings.count(""), 280)
        self.assertGreater(told, 100)
        self.good_mail()
        for talk in talks:
            talk.socket.close()

        def welcome_again():
            with SmtpTalk(self.server, source=FLOODER) as talk:
                return talk.greeting.startswith("220 ")
        wait_until(welcome_again, "the flooder is a client like any other again")
        self.assert_unharmed()

    def test_a_node_that_is_full_says_so(self):
        self.start_node("max_connections = 10\nmax_connections_per_client = 100")
        talks, greetings = self.flood(30)
        self.assertEqual([greeting[:9] for greeting in greetings], ["220 mx.co"] * 10 + ["421 4.3.2"] * 20)
        for talk in talks:
            talk.socket.close()

        def has_room():
            with SmtpTalk(self.server) as talk:
                return talk.greeting.startswith("220 ")
        wait_until(has_room, "there is room again")
        self.assert_unharmed()

    def test_connections_come_no_faster_than_the_setting_says(self):
        self.start_node("max_connections_per_second = 5")
        begin = time.monotonic()
        _, greetings = self.flood(100)
        seconds = int(time.monotonic() - begin) + 2
        welcome = sum(greeting.startswith("220 ") for greeting in greetings)
        self.assertGreaterEqual(welcome, 5)
        self.assertLessEqual(welcome, 5 * seconds)
        self.assertTrue(any(greeting.startswith("421 4.7.0 ") for greeting in greetings))
        self.assert_unharmed()

    def test_half_open_messages_by_the_hundred_cost_what_they_sent(self):
        self.start_node("max_connections_per_client = 1000")
        self.good_mail()
        before = self.resident()
        talks = []
        for number in range(300):
            talk = SmtpTalk(self.server, source=FLOODER)
            self.addCleanup(talk.socket.close)
            if number % 2 == 0:
                self.assertRegex(talk.begin(), "^354 ")
                talk.send(b"Subject: half\r\n\r\nx")
            else:
                self.assertRegex(talk.envelope(), "^250 ")
                talk.send(b"BDAT 1000000\r\nSubject: half\r\n\r\nx")
            talks.append(talk)
        self.good_mail()
        self.assertLess(self.resident() - before, 300 * 96)  # KiB; what each sent is 20 octets
        for talk in talks:
            talk.socket.close()
        self.assert_unharmed(abandoned=300)

    def test_good_clients_are_served_while_all_of_it_goes_on(self):
        self.start_node("max_connections_per_client = 50\ndata_seconds = 2\nmax_delay_seconds = 1")
        over = threading.Event()

        def harass(octets):
            while not over.is_set():
                try:
                    with SmtpTalk(self.server, greeted=False, source=FLOODER) as talk:
                        talk.socket.settimeout(1)
                        talk.send(octets)
                        while talk.socket.recv(65536):
                            pass
                except OSError:
                    pass
        noise = [b"EHLO x\r\n" * 5000, b"\0" * 100000, b"BDAT 99999999999999\r\n", b"RSET\r\n" * 5000,
                 b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nDATA\r\n", b"BDAT 90000000\r\n" + b"x" * 100000]
        threads = [threading.Thread(target=harass, args=(octets,)) for octets in noise]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                self.good_mail()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assert_unharmed()


class UringHostileLimits(HostileLimitsTests, cases.EndToEnd):
    flavour = "uring"


class EpollHostileLimits(HostileLimitsTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
