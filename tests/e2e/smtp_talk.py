"""A small SMTP client for tests: says exactly the octets that it is told, and gives replies as they came."""
import socket

from programs import split_endpoint

REPLY_WITHIN = 30.0  # seconds


class SmtpTalk:
    """One connection. Nothing is added to what the test sends: no CRLF, no stuffing."""

    def __init__(self, server, greeted=True, source=None, receive_buffer=None):
        """`source`: the loopback address that the server sees. `receive_buffer`: octets that fit unread."""
        self.socket = socket.socket(socket.AF_INET6 if server.startswith("[") else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(REPLY_WITHIN)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        try:
            self.socket.connect(split_endpoint(server))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        if greeted:
            self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        """The next line without its CRLF; None at the end of the connection."""
        while b"\r\n" not in self._buffer:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def reply(self):
        """The next reply: its last line, with the lines before it in front; "" at the end of the connection."""
        lines = []
        while True:
            line = self.line()
            if line is None:
                return ""
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def replies(self):
        """All replies up to the end of the connection."""
        found = []
        while True:
            reply = self.reply()
            if not reply:
                return found
            found.append(reply)

    def ask(self, text):
        self.send(text.encode("latin-1") + b"\r\n")
        return self.reply()

    def envelope(self, sender="a@sender.example", recipients=("joe@corp.example",), helo="client.example"):
        """EHLO to RCPT; the reply to the last, or the first that is not what it should be."""
        replies = [self.ask(f"EHLO {helo}"), self.ask(f"MAIL FROM:<{sender}>")]
        replies += [self.ask(f"RCPT TO:<{recipient}>") for recipient in recipients]
        return next((reply for reply in replies if not reply.startswith("250")), replies[-1])

    def begin(self, sender="a@sender.example", recipients=("joe@corp.example",), helo="client.example"):
        """EHLO to DATA; the reply to DATA, or the first that is not what it should be."""
        replies = [self.ask(f"EHLO {helo}") if helo else "250"]
        replies.append(self.ask(f"MAIL FROM:<{sender}>"))
        replies += [self.ask(f"RCPT TO:<{recipient}>") for recipient in recipients]
        for reply in replies:
            if not reply.startswith("250"):
                return reply
        return self.ask("DATA")

    def message(self, identifier, helo="client.example", **envelope):
        """A whole message that carries the identifier; the last reply."""
        reply = self.begin(helo=helo, **envelope)
        if not reply.startswith("354"):
            return reply
        self.send(f"Message-ID: <{identifier}@test.example>\r\nSubject: {identifier}\r\n\r\nHello.\r\n.\r\n".encode())
        return self.reply()
