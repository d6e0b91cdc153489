#!/usr/bin/env python3
"""How often the node asks for heap memory per message, and where.

    spf    sluiced as a relay with an SPF rule (answers cached), result header and journal
    all    the same with DKIM, ARC and DMARC; the message is signed by its author's domain (RSA-2048) and passes DMARC

Usage: allocations.py --build FOLDER [--shapes spf,all] [--messages 3200] [--top 40 [--depth 3]] [--spf-max N] [--all-max N]

Counted by allocation_counter.cc, which is loaded before sluiced: every operator new, malloc, calloc and realloc, by its stack.
The connections are open and everything is warm: two loads over as many connections differ only in the messages on each, and
the difference is what is divided. With a limit, the exit status is 1 where a shape is above it; without the debug
information of the build, places are addresses only.
"""
import argparse
import bisect
import collections
import json
import mmap
import pathlib
import random
import re
import struct
import subprocess
import sys

import make_corpus
import make_signed_corpus
import measure

CONNECTIONS = 16
SITE = struct.Struct("<QQQ29Q")
SHAPES = ("spf", "all")
# As long as those of real mail, so that no text is kept in place for being short.
DOMAIN = "newsletter.sender-of-mail.example"
SENDER, RECIPIENT = f"bounce-1234567@{DOMAIN}", f"firstname.lastname@{measure.MANAGED}"


class Counted:
    """sluiced with the counter, before a sink of its own."""

    def __init__(self, build, folder, programs, shape):
        self.build = build
        self.folder = pathlib.Path(folder) / shape
        self.folder.mkdir()
        zone = f'{DOMAIN}:\n  - SPF: "v=spf1 ip4:127.0.0.0/8 -all"\n'
        octets = "".join(line + "\r\n" for line in make_corpus.message(random.Random(1), 1, 20480, SENDER, RECIPIENT)).encode()
        if shape == "all":
            octets, records = self._signed(octets)
            zone += records
        self.pack = self.folder / "pack"
        self.pack.write_bytes(f"{len(octets)} {SENDER} {RECIPIENT}\n\n".encode() + octets.replace(b"\r\n.", b"\r\n.."))
        (self.folder / "zone.yml").write_text(zone)
        dns = programs.start([build / "bin" / "sluice-dns", "--listen", "127.0.0.1:0", "--zone", self.folder / "zone.yml"],
                             processor=0)
        policy = self.folder / "policy.toml"
        policy.write_text(measure.policy_text(self.folder, measure.next_hop(programs, build).listener, dns.listener,
                                              extra=measure.AUTHENTICATION if shape == "all" else ""))
        counts = self.folder / "counts"
        self.program = programs.start(["env", f"LD_PRELOAD={build / 'bin' / 'liballocation-counter.so'}",
                                       f"SLUICE_ALLOCATIONS={counts}", build / "bin" / "sluiced", "--policy", policy])
        with open(counts, "rb") as file:
            self.table = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def _signed(self, octets):
        """(the message with its signature, the zone's records for it)"""
        key, message = self.folder / "key.pem", self.folder / "message.eml"
        message.write_bytes(octets)
        record = self._sluicectl("dkim", "keygen", "--out", str(key)).strip()
        job = {"id": 1, "mode": "dkim", "message_file": str(message), "out_file": str(message), "domain": DOMAIN,
               "selector": "s1", "key_file": str(key), "headers": make_signed_corpus.HEADERS}
        answer = json.loads(self._sluicectl("sign", "--batch", input=json.dumps(job) + "\n"))
        if not answer.get("ok"):
            raise measure.MeasureError(f"sluicectl sign: {answer}")
        return message.read_bytes(), (f"s1._domainkey.{DOMAIN}:\n  - TXT: ['{record[:255]}', '{record[255:]}']\n"
                                      f'_dmarc.{DOMAIN}:\n  - TXT: "v=DMARC1; p=reject; rua=mailto:dmarc@{DOMAIN}"\n')

    def _sluicectl(self, *words, **how):
        done = subprocess.run([self.build / "bin" / "sluicectl", *words], capture_output=True, text=True, check=False, **how)
        if done.returncode != 0:
            raise measure.MeasureError(f"sluicectl {words[0]}: {done.stderr}")
        return done.stdout

    def load(self, per_connection):
        measure.bare_load(self.build, self.program.port, CONNECTIONS * per_connection, per_connection=per_connection,
                          corpus=self.pack, connections=CONNECTIONS)

    def counts(self):
        """{stack: count}"""
        found = {}
        for _, count, _, *frames in SITE.iter_unpack(self.table[:]):
            if count:
                stack = tuple(frame for frame in frames if frame)
                found[stack] = found.get(stack, 0) + count
        return found

    def per_message(self, messages):
        """{stack: allocations per message}"""
        per_connection = max(messages // CONNECTIONS, 1)
        self.load(per_connection)  # warm
        at = [self.counts()]
        for amount in (per_connection, 2 * per_connection):
            self.load(amount)
            at.append(self.counts())
        change = collections.Counter()
        for stack, count in at[2].items():
            first, second = at[1].get(stack, 0) - at[0].get(stack, 0), count - at[1].get(stack, 0)
            change[stack] = (second - first) / (per_connection * CONNECTIONS)
        return change


class Names:
    """Addresses of a running program as the functions of ours that they are in, inlined ones too."""

    def __init__(self, pid):
        self.maps = []
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                begin, end = (int(part, 16) for part in fields[0].split("-"))
                self.maps.append((begin, end, begin - int(fields[2], 16), fields[5]))
        self.maps.sort()
        self.pid = pid

    def of(self, stacks):
        """{address: [function line, innermost first]}"""
        program = str(pathlib.Path(f"/proc/{self.pid}/exe").resolve())
        base = min(begin for begin, _, _, path in self.maps if path == program)
        wanted = {}
        for address in {frame for stack in stacks for frame in stack}:
            at = bisect.bisect(self.maps, (address,)) - 1
            if at >= 0 and self.maps[at][3] == program:
                wanted[address] = address - 1 - base
        if not wanted:
            return {}
        tool = ["llvm-symbolizer-19", f"--obj={program}", "--demangle", "--functions", "--inlines"]
        try:
            done = subprocess.run(tool, input="".join(f"{offset:#x}\n" for offset in wanted.values()), capture_output=True,
                                  text=True, check=False)
        except OSError:
            return {}
        names = {}
        for address, block in zip(wanted, done.stdout.split("\n\n")):
            lines = block.strip().splitlines()
            names[address] = [self.short(name, place) for name, place in zip(lines[::2], lines[1::2])]
        return names

    @staticmethod
    def short(name, place):
        name = re.sub(r"\(anonymous namespace\)::|\[.*?\]|sluice::| const$|\(\.\w+\)", "", name).strip()
        previous = None
        while previous != name:  # arguments, of templates too, say little
            previous, name = name, re.sub(r"<[^<>]*>|\([^()]*\)", "", name).removesuffix(" const")
        return f"{name.split(' ')[-1]} {place.rsplit('/', 1)[-1].rsplit(':', 1)[0]}"


# Not where anybody asked for memory: the standard library, and what resumes a coroutine.
BETWEEN = re.compile(r"(std|__gnu_cxx|fmt|nlohmann|operator|void|runtime|reactor::Shard|reactor::ShardGroup)\b|\?|__|main ")


def site_of(stack, names, depth):
    """The innermost functions of ours."""
    lines = [line for frame in stack for line in names.get(frame, ())]
    return " < ".join([line for line in lines if not BETWEEN.match(line)][:depth]) or "elsewhere"


def report(shape, change, names, args):
    sites = collections.Counter()
    for stack, count in change.items():
        sites[site_of(stack, names, args.depth)] += count
    total = sum(change.values())
    print(f"{shape}: {total:.2f} allocations a message")
    for site, count in sites.most_common(args.top):
        if count >= 0.005:
            print(f"{count:8.2f}  {site}")
    limit = getattr(args, f"{shape}_max")
    return limit is None or total <= limit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--messages", type=int, default=3200)
    parser.add_argument("--top", type=int, default=40, help="places to print; 0: none")
    parser.add_argument("--depth", type=int, default=3, help="functions of each place")
    for shape in SHAPES:
        parser.add_argument(f"--{shape}-max", type=float, help="allocations a message")
    args = parser.parse_args()
    fine = True
    with measure.memory_folder() as folder, measure.Programs() as programs:
        for shape in args.shapes.split(","):
            node = Counted(args.build.resolve(), folder, programs, shape)
            change = node.per_message(args.messages)
            fine &= report(shape, change, Names(node.program.process.pid).of(change) if args.top else {}, args)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
