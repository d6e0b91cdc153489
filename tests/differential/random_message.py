"""Messages drawn from a seed, for signatures.py: bodies and header fields in the shapes where canonical forms differ.

Every message is well-formed on the wire: CRLF at each line's end, no line over 998 octets, one From field."""

import random

WORDS = ["alpha", "beta", "gamma", "Delta", "EPSILON", "zeta", "one", "2", "three.", "a", "caf\u00e9", "\u65e5\u672c\u8a9e", "=3D"]


class Maker:
    def __init__(self, seed):
        self.dice = random.Random("message %s" % seed)

    def make(self):
        """(header fields, body), both octets; each field ends in CRLF, the body ends as it may."""
        dice = self.dice
        fields = [self.field("From", ["Author <author@signer.example>", "author@signer.example"][dice.randrange(2)]),
                  self.field("Subject", self.folded(dice.choice([1, 3, 12, 60]))),
                  self.field("Date", "Sun, 22 Nov 2026 03:00:%02d +0000" % dice.randrange(60))]
        for name in ("To", "Message-ID", "Reply-To", "Cc", "MIME-Version", "Content-Type", "References", "X-Note"):
            if dice.random() < 0.6:
                fields.append(self.field(name, self.folded(dice.choice([1, 2, 8]))))
        for _ in range(dice.choice([0, 0, 1, 4])):
            fields.append(self.field("Comments", self.folded(2)))
        for _ in range(dice.choice([0, 1, 3])):
            fields.append(self.field("Received", "from a.example by b.example; Sun, 22 Nov 2026 02:59:00 +0000"))
        dice.shuffle(fields)
        return b"".join(fields), self.body()

    def field(self, name, value):
        dice = self.dice
        name = dice.choice([name, name, name, name.upper(), name.lower()])
        space = dice.choice([" ", " ", " ", "", "  ", "\t"])
        return ("%s:%s%s%s\r\n" % (name, space, value, dice.choice(["", "", "", " ", "\t "]))).encode()

    def folded(self, words):
        """Words with single and several blanks, folded here and there; a line never has blanks alone."""
        dice = self.dice
        text = dice.choice(WORDS)
        line = 40
        for _ in range(words - 1):
            gap = dice.choice([" ", " ", " ", "  ", "\t", " \t "])
            if dice.random() < 0.1 or line > 700:
                gap = dice.choice(["", " "]) + "\r\n" + gap
                line = 0
            word = dice.choice(WORDS)
            line += len((gap + word).encode())
            text += gap + word
        return text

    def body(self):
        dice = self.dice
        shape = dice.randrange(12)
        if shape == 0:
            return b""
        if shape == 1:
            return b"\r\n" * dice.choice([1, 2, 30])
        if shape == 2:
            return b" \r\n\t\r\n" * dice.choice([1, 3])
        lines = [self.line() for _ in range(dice.choice([1, 2, 10, 100] if shape > 3 else [1500]))]
        body = b"\r\n".join(lines) + b"\r\n"
        body += dice.choice([b"", b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n\r\n", b"\t\r\n \r\n"])
        return body[:-2] if dice.random() < 0.05 and not body.endswith(b"\r\n\r\n") else body

    def line(self):
        dice = self.dice
        shape = dice.randrange(12)
        if shape == 0:
            return b""
        if shape == 1:
            return dice.choice([b" ", b"\t", b"  \t "])
        if shape == 2:
            return b"." * dice.choice([1, 2, 3])
        if shape == 3:
            return b"x" * dice.choice([76, 77, 78, 79, 997, 998])
        words = [dice.choice(WORDS) for _ in range(dice.choice([1, 5, 12]))]
        gaps = [dice.choice([" ", " ", "  ", "\t"]) for _ in words]
        text = "".join(word + gap for word, gap in zip(words, gaps))
        return (dice.choice(["", "", " ", "\t", ">"]) + (text if dice.random() < 0.3 else text.rstrip())).encode()
