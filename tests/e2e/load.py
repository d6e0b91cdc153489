"""Clients that send numbered messages over several connections until they are told to stop or the node is gone."""
import itertools
import threading

from smtp_talk import SmtpTalk


class Load:
    """Every message has one recipient of its own, whose local part is the message's name: m<number>."""

    def __init__(self, server, clients=6, first=0, domains=("corp.example",), messages_per_connection=20):
        self.answered = set()   # recipients whose message was answered with 250
        self.unanswered = set()  # the client never learned what became of them
        self.broken = []        # where a connection ended inside a transaction
        self._server = server
        self._numbers = itertools.count(first)
        self._per_connection = messages_per_connection
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._stop = False
        self._threads = [threading.Thread(target=self._client, args=(domains[number % len(domains)],), daemon=True)
                         for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def wait_answered(self, count, seconds=30):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.answered) >= count or not self._alive(), seconds):
                raise AssertionError(f"only {len(self.answered)} messages were answered within {seconds} s")
            if len(self.answered) < count:
                raise AssertionError(f"the clients ended after {len(self.answered)} messages: {self.broken}")

    def finish(self, seconds=60):
        """No new messages; waits for the clients."""
        with self._lock:
            self._stop = True
        for thread in self._threads:
            thread.join(seconds)
            if thread.is_alive():
                raise AssertionError("a client waits for the node and does not end")

    def _alive(self):
        return any(thread.is_alive() for thread in self._threads)

    def _client(self, domain):
        try:
            while not self._stop:
                with SmtpTalk(self._server) as talk:
                    if not talk.greeting.startswith("220") or not talk.ask("EHLO client.example").startswith("250"):
                        return
                    for _ in range(self._per_connection):
                        if self._stop:
                            break
                        if not self._send(talk, f"m{next(self._numbers)}@{domain}"):
                            return
                    talk.ask("QUIT")
        except OSError:
            pass  # the node is gone
        finally:
            with self._changed:
                self._changed.notify_all()

    def _send(self, talk, recipient):
        """False when there is nobody to talk to any more."""
        if not talk.ask("MAIL FROM:<a@strict.example>").startswith("250"):
            return False
        phase = "RCPT"
        try:
            if talk.ask(f"RCPT TO:<{recipient}>").startswith("250"):
                phase = "DATA"
                if talk.ask("DATA").startswith("354"):
                    phase = "end of data"
                    talk.send(f"Subject: {recipient}\r\n\r\n".encode() + b"0123456789\r\n" * 300)
                    talk.send(b".\r\n")
                    reply = talk.reply()
                    if reply.startswith("250"):
                        with self._changed:
                            self.answered.add(recipient)
                            self._changed.notify_all()
                        return True
                    if reply:
                        raise ConnectionError(reply)
        except OSError as error:
            phase += f" ({error})"
        with self._lock:
            self.broken.append(phase)
            self.unanswered.add(recipient)
        return False
