"""Messages that authentication has work with, and the zone that answers for them: 2,000 sender domains with SPF and DMARC
records, messages of the sizes of real mail, of which 60 % are signed by their author's domain (RSA-2048, relaxed/relaxed)
and 5 % sealed by a forwarder. The same choices for the same seed; only the keys, and so the signatures, are new each time.

    corpus = make_signed_corpus.write(folder, "build/release/bin/sluicectl", messages=1000)

Every message has a recipient of its own, by whom its row in the journal is found, and what must be found there:
`corpus.expected[recipient]`. Signatures are made by `sluicectl sign --batch`.
"""
import json
import math
import os
import pathlib
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import make_corpus

KEYS = 32  # different ones; every domain publishes one of them
FORWARDER = "fwd.example"
SELECTORS = ("s1", "google", "selector1", "k1", "mail", "20230601")
HEADERS = ["from", "to", "subject", "date", "message-id", "mime-version", "content-type"]
PROVIDERS = {"_spf.goog.example": ["_netblocks.goog.example", "_netblocks2.goog.example", "_netblocks3.goog.example"],
             "spf.protection.outlk.example": ["spfd.outlk.example"], "sendg.example": [], "servers.mchimp.example": [],
             "amzses.example": [], "mail.zdesk.example": []}
# How sender domains write their SPF records: share in percent.
FORMS = {"none": 8, "provider": 38, "several": 20, "own hosts": 14, "own networks": 20}
NETWORK, LOOPBACK = 0xC6120000, 0x7F120000  # 198.18.0.0/15, which is reserved for benchmarks, and as much of 127.0.0.0/8


class Zone:
    """Lines of a master file, and the networks that each SPF record lists, its includes' too."""

    def __init__(self, rng, base):
        self.rng = rng
        self.base = base
        self.lines = ["$TTL 3600"]
        self.networks = {}
        self._next = 0

    def add(self, name, kind, value):
        self.lines.append(f"{name}. IN {kind} {value}")

    def text(self, name, words):
        self.add(name, "TXT", " ".join(f'"{words[at:at + 255]}"' for at in range(0, len(words), 255)))

    def network(self, length):
        """A block of its own, as (first address, prefix length)."""
        size = 1 << (32 - length)
        first = (self._next + size - 1) // size * size
        self._next = first + size
        if self._next > 0x1FF00:
            raise SystemExit("more networks than there is room for")
        return self.base + first, length

    def provider(self, name, includes, blocks):
        self.networks[name] = [self.network(self.rng.choice((24, 25, 26))) for _ in range(blocks)]
        terms = [f"ip4:{dotted(first)}/{length}" for first, length in self.networks[name]]
        self.text(name, " ".join(["v=spf1", *terms, *(f"include:{other}" for other in includes), "~all"]))
        for other in includes:
            self.networks[name] += self.networks[other]


def dotted(address):
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


class Domain:
    """One sender domain with its records."""

    def __init__(self, zone, number, form, keys):
        rng = zone.rng
        self.name = f"d{number:04d}.example"
        self.networks = []
        self.nobody = zone.base + 0x1FF00  # no record lists these
        self.selector = rng.choice(SELECTORS)
        self.key, record = rng.choice(keys)
        zone.text(f"{self.selector}._domainkey.{self.name}", record)
        host, _ = zone.network(30)
        zone.add(self.name, "A", dotted(host + 1))
        zone.add(f"mail.{self.name}", "A", dotted(host + 2))
        zone.add(self.name, "MX", f"10 mail.{self.name}.")
        terms = []
        if form == "provider":
            terms = ["include:" + rng.choice(list(PROVIDERS)[:2])]
        elif form == "several":
            terms = ["include:" + name for name in rng.sample(list(PROVIDERS)[1:], rng.choice((2, 3)))]
        elif form == "own hosts":
            terms, self.networks = ["a", "mx"], [(host + 1, 32), (host + 2, 32)]
        elif form == "own networks":
            self.networks = [zone.network(rng.choice((32, 30, 29))) for _ in range(rng.randrange(1, 6))]
            terms = [f"ip4:{dotted(first)}/{length}" for first, length in self.networks]
        for term in terms:
            if term.startswith("include:"):
                self.networks = self.networks + zone.networks[term.removeprefix("include:")]
        if rng.random() < 0.5:
            zone.text(self.name, f"site-verification={rng.getrandbits(256):064x}")
        self.outside = "none"
        if terms:
            end, self.outside = rng.choices((("~all", "softfail"), ("-all", "fail"), ("?all", "neutral")), (55, 40, 5))[0]
            zone.text(self.name, " ".join(["v=spf1", *terms, end]))
        self.has_policy = rng.random() < 0.65
        if self.has_policy:
            policy = rng.choices(("none", "quarantine", "reject"), (45, 25, 30))[0]
            zone.text(f"_dmarc.{self.name}", f"v=DMARC1; p={policy}; rua=mailto:dmarc@{self.name}")

    def client(self, rng):
        """(address, what SPF says of it)."""
        if not self.networks or rng.random() >= 0.85:
            return dotted(self.nobody + rng.randrange(1, 255)), self.outside
        first, length = rng.choice(self.networks)
        return dotted(first + rng.randrange(1 << (32 - length))), "pass"


class Corpus:
    """Where it is, and what must be found in it."""

    def __init__(self, folder):
        self.pack = f"{folder}/authenticated.pack"
        self.zone = f"{folder}/authenticated.zone"
        self.expected = {}
        self.signed = self.sealed = 0
        self.sizes = []


def _make_keys(sluicectl, folder):
    """(file, record) of each."""
    def one(number):
        file = folder / f"key{number}.pem"
        record = subprocess.run([sluicectl, "dkim", "keygen", "--out", file], capture_output=True, text=True, check=True)
        return file, record.stdout.strip()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, range(KEYS + 1)))


def _sign(sluicectl, zone, jobs):
    """All of `jobs`, in halves of the machine's processors."""
    def run(part):
        text = "".join(json.dumps(job) + "\n" for job in part)
        done = subprocess.run([sluicectl, "sign", "--batch", "--dns-zone", zone], input=text, capture_output=True, text=True,
                              check=False, timeout=300)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        wrong = [answer for answer in answers if not answer.get("ok")]
        if wrong or len(answers) != len(part):
            raise SystemExit(f"sluicectl sign: {wrong[:1] or done.stderr}")
    count = os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(run, (jobs[at::count] for at in range(count))))


def _make_zone(rng, keys, domains, base):
    zone = Zone(rng, base)
    for name, includes in PROVIDERS.items():
        for other in includes:
            zone.provider(other, [], 4)
        zone.provider(name, includes, 3)
    zone.text(f"arc._domainkey.{FORWARDER}", keys[-1][1])
    zone.add("mx." + make_corpus.RECIPIENT_DOMAIN, "A", "127.0.0.1")
    forms = rng.choices(list(FORMS), list(FORMS.values()), k=domains)
    found = [Domain(zone, number, form, keys[:-1]) for number, form in enumerate(forms)]
    return zone, found


def _expected(domain, spf, signed, sealed):
    """What the journal must say. A chain is looked at where it could help."""
    dmarc = "none"
    if domain.has_policy:
        dmarc = "pass" if signed or spf == "pass" else "fail"
    return {"spf": spf, "dkim": ["pass"] if signed else [], "dmarc": dmarc, "sealed": sealed}


def write(folder, sluicectl, messages=1000, domains=2000, seed=1, loopback=False):
    """Makes pack and zone in `folder`; a Corpus. Clients are named by XCLIENT, or with `loopback` connect from their addresses."""
    rng = random.Random(seed)
    folder = pathlib.Path(folder)
    work = folder / "messages"
    work.mkdir()
    corpus = Corpus(folder)
    keys = _make_keys(sluicectl, work)
    zone, senders = _make_zone(rng, keys, domains, LOOPBACK if loopback else NETWORK)
    pathlib.Path(corpus.zone).write_text("\n".join(zone.lines) + "\n")
    signing, sealing, rows = [], [], []
    for number in range(messages):
        domain = senders[rng.randrange(domains)]
        author = domain.name if rng.random() < 0.9 else "news." + domain.name
        client, spf = domain.client(rng)
        recipient = f"rcpt{number}@{make_corpus.RECIPIENT_DOMAIN}"
        sender, helo = f"bounce@{domain.name}", f"mail.{domain.name}"
        size = min(max(int(rng.lognormvariate(math.log(make_corpus.MEDIAN), make_corpus.SIGMA)), make_corpus.SMALLEST), 600_000)
        lines = make_corpus.message(rng, number, size, f"user{rng.randrange(100)}@{author}", recipient)
        file = str(work / f"{number}.eml")
        pathlib.Path(file).write_bytes("".join(line + "\r\n" for line in lines).encode())
        signed = rng.random() < 0.6
        sealed = signed and rng.random() < 0.08
        if signed:
            signing.append({"id": number, "mode": "dkim", "message_file": file, "out_file": file, "domain": domain.name,
                            "selector": domain.selector, "key_file": str(domain.key), "headers": HEADERS})
        if sealed:
            sealing.append({"id": number, "mode": "arc", "message_file": file, "out_file": file, "domain": FORWARDER,
                            "selector": "arc", "key_file": str(keys[-1][0]), "headers": HEADERS, "ip": client, "helo": helo,
                            "mail_from": sender, "authserv_id": FORWARDER})
        corpus.expected[recipient] = _expected(domain, spf, signed, sealed)
        rows.append((file, sender, recipient, client, *(() if loopback else (helo,))))
    _sign(sluicectl, corpus.zone, signing)
    _sign(sluicectl, corpus.zone, sealing)
    corpus.signed, corpus.sealed = len(signing), len(sealing)
    _write_pack(corpus, rows)
    return corpus


def _write_pack(corpus, rows):
    packed = []
    for file, *words in rows:
        octets = pathlib.Path(file).read_bytes()
        octets = (b"." if octets.startswith(b".") else b"") + octets.replace(b"\r\n.", b"\r\n..")
        packed.append((octets, words))
        os.unlink(file)
    with open(corpus.pack, "wb") as file:
        for octets, words in packed:
            file.write(f"{len(octets)} {' '.join(words)}\n".encode())
        file.write(b"\n")
        for octets, _ in packed:
            file.write(octets)
    corpus.sizes = sorted(len(octets) for octets, _ in packed)
