#!/usr/bin/env python3
"""Signatures and ARC sets of Sluice against dkimpy, libopendkim and Mail::DKIM.

    signatures.py SLUICECTL OPENDKIM_PEER MAILDKIM_PEER [--messages N] [--seed S] [--keep FOLDER]

Messages are drawn from a seed (random_message.py). Each is signed by Sluice, in one of the four canonicalizations and
with RSA or Ed25519 in turn, and verified by every peer that has the algorithm; and is signed by one peer and verified by
Sluice. A quarter of them is sealed one to three times, each time by Sluice, dkimpy or Mail::DKIM, and the chain
is validated by all three. Of everything that was signed or sealed a changed copy is made, which all must refuse. What
is explained stands in EXPLAINED, each with its section; any other difference fails the run and is printed with the
seed and the file."""

import argparse
import base64
import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import dkim

import random_message

DOMAIN = "signer.example"
CANONICALIZATIONS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]
ALGORITHMS = ["rsa-sha256", "ed25519-sha256"]
SELECTORS = {"rsa-sha256": "r", "ed25519-sha256": "e"}
JOBS = 2



def has_no_last_line_end(file):
    return not file.read_bytes().endswith(b"\r\n")


def ends_in_white_space(file):
    return file.read_bytes().endswith((b" ", b"\t"))


# Why a difference is right: whose answer, of what kind, about which files. README.md says more of each.
EXPLAINED = [
    ("no CRLF at the end of the body (RFC 6376 3.4.3 adds it; libopendkim and Mail::DKIM do not)",
     ("opendkim", "Mail::DKIM", "Sluice"),
     r"Bad signature|Syntax error|body hash|body has been altered|message has been altered|body-hash-mismatch|message-mismatch",
     has_no_last_line_end),
    ("white space at the end of a last line without CRLF (RFC 6376 3.4.4 ignores it; dkimpy only in front of CRLF)",
     ("dkimpy", "Sluice"), r"body hash mismatch|did not validate|body-hash-mismatch|message-mismatch", ends_in_white_space),
]


class Setting:
    """Keys of both algorithms, and where everything lies."""

    def __init__(self, sluicectl, folder):
        self.folder = pathlib.Path(folder)
        self.sluicectl = sluicectl
        self.records = {}
        self.pem = {}
        for algorithm, kind in (("rsa-sha256", "rsa"), ("ed25519-sha256", "ed25519")):
            self.pem[algorithm] = self.folder / ("%s.pem" % kind)
            record = subprocess.run([sluicectl, "dkim", "keygen", "--type", kind, "--out", self.pem[algorithm]],
                                    capture_output=True, text=True, check=True).stdout.strip()
            self.records["%s._domainkey.%s" % (SELECTORS[algorithm], DOMAIN)] = record
        self.keys = self.folder / "keys"
        self.keys.write_text("".join("%s %s\n" % pair for pair in self.records.items()))
        self.zone = {name: [{"TXT": [text[i:i + 255] for i in range(0, len(text), 255)]}] for name, text in self.records.items()}
        self.zone[DOMAIN] = [{"TXT": "v=spf1 ip4:192.0.2.1 -all"}]
        der = base64.b64decode("".join(self.pem["ed25519-sha256"].read_text().split("\n")[1:-2]))
        self.ed25519_seed = base64.b64encode(der[-32:])  # PKCS#8 of RFC 8410: the seed stands last

    def path(self, name):
        return self.folder / name


# --- Sluice ---

def batch(setting, command, lines):
    done = subprocess.run([setting.sluicectl, command, "--batch"], input="".join(json.dumps(line) + "\n" for line in lines),
                          capture_output=True, text=True, check=True, timeout=600)
    return {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}


def in_two(function, work):
    """function(half) -> dict for two halves at once."""
    with ThreadPoolExecutor(JOBS) as pool:
        results = {}
        for part in pool.map(function, [work[i::JOBS] for i in range(JOBS)]):
            results.update(part)
        return results


def sluice_signs(setting, jobs):
    lines = [{"id": str(out), "mode": "dkim", "message_file": str(file), "out_file": str(out), "domain": DOMAIN,
              "selector": SELECTORS[algorithm], "key_file": str(setting.pem[algorithm]), "algorithm": algorithm,
              "canonicalization": canonicalization} for file, out, canonicalization, algorithm in jobs]
    return {name: "ok" if answer.get("ok") else "bad %r" % answer
            for name, answer in in_two(lambda part: batch(setting, "sign", part), lines).items()}


def sluice_seals(setting, jobs):
    lines = [{"id": str(out), "mode": "arc", "message_file": str(file), "out_file": str(out), "domain": DOMAIN,
              "selector": SELECTORS["rsa-sha256"], "key_file": str(setting.pem["rsa-sha256"]), "ip": "192.0.2.1",
              "helo": "mx." + DOMAIN, "mail_from": "author@" + DOMAIN, "authserv_id": "mx." + DOMAIN,
              "zone": setting.zone} for file, out in jobs]
    return {name: "ok" if answer.get("ok") else "bad %r" % answer for name, answer in batch(setting, "sign", lines).items()}


def sluice_checks(setting, files, check):
    lines = [{"id": str(file), "ip": "192.0.2.1", "helo": "h.example", "mail_from": "", "message_file": str(file),
              "checks": [check], "zone": setting.zone} for file in files]

    def verdict(answer):
        found = answer.get(check)
        if check == "dkim" and isinstance(found, list) and found:
            return "ok" if found[0]["result"] == "pass" else "bad %(result)s %(reason)s" % found[0]
        if check == "arc" and isinstance(found, dict):
            return found["result"] if found["result"] in ("pass", "none") else "fail %r" % found
        return "bad %r" % answer
    return {name: verdict(answer) for name, answer in in_two(lambda part: batch(setting, "check", part), lines).items()}


# --- peers over pipes ---

def peer(command, lines):
    done = subprocess.run(command, input="".join(line + "\n" for line in lines), capture_output=True, text=True, check=True,
                          timeout=600, errors="replace")
    answers = {}
    for line in done.stdout.splitlines()[1:]:
        name, _, verdict = line.partition(" ")
        answers[name] = verdict.strip()
    return answers


def opendkim_command(setting):
    return [setting.opendkim, setting.keys, setting.pem["rsa-sha256"], setting.pem["ed25519-sha256"], DOMAIN, "r", "e"]


def maildkim_command(setting):
    return ["/usr/bin/perl", setting.maildkim, setting.keys, setting.pem["rsa-sha256"], DOMAIN, "r"]


def piped(command, verb, jobs):
    """jobs: argument lists whose last output or only file names the answer."""
    def run(part):
        lines = ["%s %s" % (verb, " ".join(map(str, [name] + arguments))) for name, arguments in part]
        return peer(command, lines)
    return in_two(run, jobs)


# --- dkimpy, in processes of its own ---

RECORDS = {}


def start_dkimpy(records):
    RECORDS.update({name.encode(): text.encode() for name, text in records.items()})


def dkimpy_dns(name, timeout=5):
    return RECORDS.get(name.rstrip(b".").lower() if isinstance(name, bytes) else name.rstrip(".").encode())


def dkimpy_task(task):
    verb, name, file = task[:3]
    message = pathlib.Path(file).read_bytes()
    try:
        if verb == "verify":
            return name, "ok" if dkim.DKIM(message).verify(dnsfunc=dkimpy_dns) else "bad"
        if verb == "sign":
            canonicalization, algorithm, key = task[3:]
            signer = dkim.DKIM(message)
            field = signer.sign(SELECTORS[algorithm].encode(), DOMAIN.encode(), key, signature_algorithm=algorithm.encode(),
                                canonicalize=tuple(word.encode() for word in canonicalization.split("/")))
            pathlib.Path(name).write_bytes(field + message)
            return name, "ok"
        if verb == "chain":
            result, _, reason = dkim.arc_verify(message, dnsfunc=dkimpy_dns)
            return name, (result.decode() if result in (b"pass", b"none") else "fail") + " " + reason
        host, chain, key = task[3:]
        message = ("Authentication-Results: %s; arc=%s; spf=pass smtp.mailfrom=%s\r\n" % (host, chain, DOMAIN)).encode() + message
        fields = dkim.arc_sign(message, b"r", DOMAIN.encode(), key, host.encode())
        if not fields:
            return name, "bad nothing"
        pathlib.Path(name).write_bytes(b"".join(fields) + message)
        return name, "ok"
    except Exception as error:  # noqa: BLE001: whatever it throws, it did not pass
        return name, "bad %s: %s" % (type(error).__name__, error)


# --- changed copies ---

def changed(octets, dice):
    """The message with one change that no canonicalization hides."""
    head, _, body = octets.partition(b"\r\n\r\n")
    ways = ["subject", "signature"]
    if re.search(rb"[;\s]t=\d", octets):
        ways.append("time")
    letters = [match.start() for match in re.finditer(rb"[a-z]", body)]
    ways += ["body", "body"] if letters else ["more body"]
    way = dice.choice(ways)
    if way == "body":
        at = dice.choice(letters)
        return head + b"\r\n\r\n" + body[:at] + body[at:at + 1].upper() + body[at + 1:]
    if way == "more body":
        return octets + b"\r\nmore\r\n"
    if way == "time":
        return re.sub(rb"([;\s]t=\d*)(\d)", lambda m: m[1] + str((int(m[2]) + 1) % 10).encode(), octets, count=1)
    if way == "subject":
        return re.sub(rb"(?im)^(subject:\s*)", rb"\1Z", octets, count=1)
    at = re.search(rb"[;\s]b=\s*", octets).end() + 4
    return octets[:at] + (b"B" if octets[at:at + 1] != b"B" else b"C") + octets[at + 1:]


class Run:
    def __init__(self, setting, messages, seed):
        self.setting = setting
        self.messages = messages
        self.seed = seed
        self.counts = collections.Counter()
        self.explained = collections.Counter()
        self.differences = []

    def expect(self, who, what, verdicts, files, good):
        for file in files:
            verdict = verdicts.get(str(file), "no answer")
            right = verdict.startswith(("ok", "pass")) == good
            self.counts["%s: %s, %s" % (who, what, "right" if good else "changed")] += 1
            if right:
                continue
            if not good or not self.is_explained(who, verdict, file):
                self.differences.append("%s %s %s: %s" % (who, "refuses" if good else "takes", file, verdict))

    def is_explained(self, who, verdict, file):
        for why, names, pattern, about in EXPLAINED:
            if who in names and re.search(pattern, verdict) and about(file):
                self.explained[why] += 1
                return True
        return False

    def pairs(self, files):
        """Changed copies beside the files."""
        copies = []
        for file in files:
            copy = file.with_suffix(file.suffix + ".changed")
            copy.write_bytes(changed(file.read_bytes(), random.Random("%s %s" % (self.seed, file.name))))
            copies.append(copy)
        return copies

    def made(self, who, answers):
        for name, verdict in answers.items():
            if verdict != "ok" and not self.is_explained(who, verdict, pathlib.Path(name).with_suffix(".eml")):
                self.differences.append("%s cannot make %s: %s" % (who, name, verdict))

    def signatures(self, pool):
        setting, files = self.setting, self.messages
        draw = [(CANONICALIZATIONS[i % 4], ALGORITHMS[i // 4 % 2]) for i in range(len(files))]
        ours = [file.with_suffix(".ours") for file in files]
        theirs = [file.with_suffix(".theirs") for file in files]
        self.made("Sluice", sluice_signs(setting, [(f, o, *d) for f, o, d in zip(files, ours, draw)]))
        rsa = [i for i, (_, algorithm) in enumerate(draw) if algorithm == "rsa-sha256"]
        by = {i: ["opendkim", "dkimpy", "Mail::DKIM"][i // 8 % 3] for i in range(len(files))}
        for i in by:
            if by[i] == "Mail::DKIM" and i not in set(rsa[:]):
                by[i] = "opendkim"
        job = {who: [i for i in by if by[i] == who] for who in set(by.values())}
        self.made("opendkim", piped(opendkim_command(setting), "sign",
                                    [(theirs[i], [files[i], theirs[i], *draw[i]]) for i in job.get("opendkim", [])]))
        self.made("Mail::DKIM", piped(maildkim_command(setting), "sign",
                                      [(theirs[i], [files[i], theirs[i], draw[i][0]]) for i in job.get("Mail::DKIM", [])]))
        keys = {"rsa-sha256": setting.pem["rsa-sha256"].read_bytes(), "ed25519-sha256": setting.ed25519_seed}
        self.made("dkimpy", dict(pool.map(dkimpy_task, [("sign", str(theirs[i]), str(files[i]), *draw[i], keys[draw[i][1]])
                                                        for i in job.get("dkimpy", [])], chunksize=8)))
        ours, theirs = ([file for file in made if file.exists()] for made in (ours, theirs))
        with_rsa = {files[i].with_suffix(".ours") for i in rsa}
        for good, mine, others in ((True, ours, theirs), (False, self.pairs(ours), self.pairs(theirs))):
            self.expect("Sluice", "signed by peers", sluice_checks(setting, others, "dkim"), others, good)
            self.expect("opendkim", "signed by Sluice",
                        piped(opendkim_command(setting), "verify", [(file, [file]) for file in mine]), mine, good)
            some = [file for file in mine if file.with_name(file.name.removesuffix(".changed")) in with_rsa]
            self.expect("Mail::DKIM", "signed by Sluice",
                        piped(maildkim_command(setting), "verify", [(file, [file]) for file in some]), some, good)
            self.expect("dkimpy", "signed by Sluice",
                        dict(pool.map(dkimpy_task, [("verify", str(file), str(file)) for file in mine], chunksize=8)), mine,
                        good)

    def chains(self, pool):
        setting = self.setting
        dice = random.Random("chains %s" % self.seed)
        now = {file: file for file in self.messages[::4]}
        depth = {file: dice.choice([1, 2, 3]) for file in now}
        key = setting.pem["rsa-sha256"].read_bytes()
        for hop in (1, 2, 3):
            jobs = collections.defaultdict(list)
            for file in now:
                if depth[file] >= hop:
                    who = dice.choice(["Sluice", "dkimpy", "Mail::DKIM"])
                    jobs[who].append((now[file], file.with_suffix(".chain%d" % hop)))
                    now[file] = jobs[who][-1][1]
            chain = "none" if hop == 1 else "pass"
            host = "hop%d.%s" % (hop, DOMAIN)  # peers build a set from the results of their own host
            self.made("Sluice", sluice_seals(setting, jobs["Sluice"]))
            self.made("dkimpy", dict(pool.map(dkimpy_task, [("seal", str(out), str(file), host, chain, key)
                                                            for file, out in jobs["dkimpy"]], chunksize=8)))
            self.made("Mail::DKIM", piped(maildkim_command(setting), "seal",
                                          [(out, [file, out, host, chain]) for file, out in jobs["Mail::DKIM"]]))
        sealed = [file for file in now.values() if file.exists()]
        for good, files in ((True, sealed), (False, self.pairs(sealed))):
            self.expect("Sluice", "chain", sluice_checks(setting, files, "arc"), files, good)
            self.expect("Mail::DKIM", "chain", piped(maildkim_command(setting), "chain", [(f, [f]) for f in files]), files, good)
            self.expect("dkimpy", "chain", dict(pool.map(dkimpy_task, [("chain", str(f), str(f)) for f in files], chunksize=8)),
                        files, good)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluicectl")
    parser.add_argument("opendkim_peer")
    parser.add_argument("maildkim_peer")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="work in this folder, and leave it")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="signatures") as scratch:
        if arguments.keep:
            pathlib.Path(arguments.keep).mkdir(parents=True)
        setting = Setting(arguments.sluicectl, arguments.keep or scratch)
        setting.opendkim, setting.maildkim = arguments.opendkim_peer, arguments.maildkim_peer
        messages = []
        for i in range(arguments.messages):
            head, body = random_message.Maker("%d %d" % (arguments.seed, i)).make()
            messages.append(setting.path("%05d.eml" % i))
            messages[-1].write_bytes(head + b"\r\n" + body)
        run = Run(setting, messages, arguments.seed)
        with ProcessPoolExecutor(JOBS, initializer=start_dkimpy, initargs=(setting.records,)) as pool:
            run.signatures(pool)
            run.chains(pool)
    for what, count in sorted(run.counts.items()):
        print("%6d  %s" % (count, what))
    for why, count in sorted(run.explained.items()):
        print("%6d  explained: %s" % (count, why))
    for difference in run.differences[:20]:
        print("DIFFERENCE", difference)
    print("%d messages, seed %d, %.1f s: %d differences" % (len(messages), arguments.seed, time.monotonic() - started,
                                                            len(run.differences)))
    if run.differences:
        print("again: %s --messages %d --seed %d --keep FOLDER" % (" ".join(sys.argv[:4]), arguments.messages, arguments.seed))
        sys.exit(1)


if __name__ == "__main__":
    main()
