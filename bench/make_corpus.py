#!/usr/bin/env python3
"""Messages of the shape of real mail, the same ones for the same seed.

    make_corpus.py --pack FILE [--zone FILE] [--folder FOLDER] [--mbox FILE] [--count 1000] [--domains 200] [--seed 1]

Sizes are lognormal: median 22 KB, mean 42 KB, 90 % below 95 KB, 99 % below 310 KB (the octets on the wire; the smallest is 1 KB).
Small ones are plain text, the others multipart with text, HTML and, from 24 KB on, attachments in base64. Some lines begin
with a dot. --pack writes what bare-source reads: a line "octets sender recipient" for each message, a blank line, then
the messages in wire form (CRLF, dots doubled, no final dot). --zone writes an SPF record for each sender's domain, for
sluice-dns. --folder and --mbox are for `sluice-load send`. Python's standard library only.
"""
import argparse
import base64
import math
import pathlib
import random

MEDIAN, MEAN = 22_000, 42_000
SIGMA = math.sqrt(2 * math.log(MEAN / MEDIAN))
SMALLEST, LARGEST = 1_000, 4_000_000
PLAIN_BELOW, ATTACHMENT_FROM = 5_000, 24_000
RECIPIENT_DOMAIN = "managed.example"
WORDS = ("the of and to in for is on that with you this be are your our from it as at we have not will account invoice payment "
         "customer service order delivery schedule review meeting report project system data quarter budget manager training "
         "policy access server network software release version request response attached document contract offer").split()


class Writer:
    """The text of one message."""

    def __init__(self, rng):
        self.rng = rng

    def lines(self, octets, tag=""):
        """Lines of words, of so many octets with their CRLF, nearly."""
        found = []
        while octets > 0:
            line = " ".join(self.rng.choices(WORDS, k=self.rng.randrange(6, 12)))
            if self.rng.random() < 0.002:
                line = "." + line
            line = f"<{tag}>{line}</{tag}>" if tag else line
            found.append(line)
            octets -= len(line) + 2
        return found

    def attachment(self, octets):
        raw = self.rng.randbytes(max(octets * 57 // 78, 57))
        return [line.decode() for line in base64.encodebytes(raw).splitlines()]


def message(rng, number, size, sender, recipient):
    """Lines without their ends."""
    writer = Writer(rng)
    header = [f"Received: from mail.{sender.split('@')[1]} (mail.{sender.split('@')[1]} [198.51.100.{number % 250 + 1}])",
              f"\tby mx.example with ESMTPS id {number:08x}; Thu, 28 May 2026 20:26:40 +0900",
              f"From: Sender {number} <{sender}>", f"To: <{recipient}>", "Date: Thu, 28 May 2026 20:26:40 +0900",
              f"Message-ID: <{number}.{rng.getrandbits(64):016x}@{sender.split('@')[1]}>",
              f"Subject: {' '.join(rng.choices(WORDS, k=6))}", "MIME-Version: 1.0"]
    room = size - sum(len(line) + 2 for line in header) - 100
    if size < PLAIN_BELOW:
        return [*header, "Content-Type: text/plain; charset=utf-8", "", *writer.lines(room)]
    boundary = f"=_{rng.getrandbits(96):024x}"
    attached = room * 3 // 4 if size >= ATTACHMENT_FROM else 0
    room -= attached + 300
    parts = [["Content-Type: text/plain; charset=utf-8", "", *writer.lines(room // 3)],
             ["Content-Type: text/html; charset=utf-8", "", *writer.lines(room - room // 3, "p")]]
    if attached:
        parts.append(["Content-Type: application/pdf", "Content-Transfer-Encoding: base64", "", *writer.attachment(attached)])
    body = [f'Content-Type: multipart/mixed; boundary="{boundary}"', ""]
    for part in parts:
        body += [f"--{boundary}", *part]
    return [*header, *body, f"--{boundary}--"]


def wire(lines):
    return "".join(("." if line.startswith(".") else "") + line + "\r\n" for line in lines).encode()


def corpus(count, domains, seed):
    """(sender, recipient, lines) of each message."""
    rng = random.Random(seed)
    for number in range(count):
        size = min(max(int(rng.lognormvariate(math.log(MEDIAN), SIGMA)), SMALLEST), LARGEST)
        sender = f"user{rng.randrange(100)}@d{rng.randrange(domains):04d}.example"
        recipient = f"rcpt{rng.randrange(1000)}@{RECIPIENT_DOMAIN}"
        yield sender, recipient, message(rng, number, size, sender, recipient)


def zone_text(domains):
    return "".join(f'd{number:04d}.example:\n  - SPF: "v=spf1 ip4:198.51.100.0/24 ip4:127.0.0.0/8 -all"\n'
                   for number in range(domains))


def write_pack(path, messages):
    """Returns the sizes."""
    packed = [(sender, recipient, wire(lines)) for sender, recipient, lines in messages]
    with open(path, "wb") as file:
        for sender, recipient, octets in packed:
            file.write(f"{len(octets)} {sender} {recipient}\n".encode())
        file.write(b"\n")
        for _, _, octets in packed:
            file.write(octets)
    return sorted(len(octets) for _, _, octets in packed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=pathlib.Path)
    parser.add_argument("--zone", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--mbox", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--domains", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    messages = list(corpus(args.count, args.domains, args.seed))
    if args.pack:
        sizes = write_pack(args.pack, messages)
        print(f"{len(sizes)} messages: median {sizes[len(sizes) // 2]}, mean {sum(sizes) // len(sizes)}, 90 % "
              f"{sizes[len(sizes) * 9 // 10]}, 99 % {sizes[len(sizes) * 99 // 100]}, largest {sizes[-1]} octets")
    if args.zone:
        args.zone.write_text(zone_text(args.domains))
    if args.folder:
        args.folder.mkdir(exist_ok=True)
        for number, (_, _, lines) in enumerate(messages):
            (args.folder / f"{number:06d}.eml").write_text("\n".join(lines) + "\n")
    if args.mbox:
        with args.mbox.open("w") as file:
            for sender, _, lines in messages:
                file.write(f"From {sender} Thu May 28 20:26:40 2026\n")
                file.writelines((">" if line.startswith("From ") else "") + line + "\n" for line in lines)
                file.write("\n")


if __name__ == "__main__":
    main()
