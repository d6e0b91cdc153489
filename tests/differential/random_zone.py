"""Random zones of SPF records for comparing implementations, in the openspf form: RFC-valid and RFC-invalid terms,
trees and cycles, voids, faults, CNAMEs, macros, explanations, and the clients and senders to try on them.

%{p} is not drawn: its names are looked up when the term is reached here, and while parsing elsewhere. The published
suites cover it."""

import ipaddress
import random

WRONG_TERMS = (
    "ip4", "ip4:", "ip4:1.2.3", "ip4:1.2.3.4/33", "ip4:1.2.3.4/08", "ip4:1.2.3.4//32", "ip4:01.2.3.4", "ip4:256.1.1.1",
    "ip6", "ip6::", "ip6:::1/129", "ip6:2001:db8::/32/", "ip6:1.2.3.4", "ip6:12345::", "ip6:fe80::1%eth0", "ip4:::1",
    "a:", "a/", "a/33", "a//129", "a/024", "a/24//", "a//64/24", "a:host", "a:n1.example/", "a:192.0.2.1", "a:n1.example,",
    "mx:", "mx/24/24", "mx//", "mx:n1.example/24//129", "include", "include:", "include:n1.example/24", "include:host",
    "exists", "exists:", "exists:n1.example/24", "ptr:", "ptr/24", "ptr:host", "all:", "all/0", "all.", "all:n1.example",
    "+", "-", "++all", "=", "=a", "%all", "foo", "foo:n1.example", "ip4=", "-redirect=n1.example", "redirect=", "exp=",
    "redirect=host", "exp=host", "redirect:n1.example", "a:%{d", "a:%{", "a:%", "a:%d", "a:%{d}x", "a:%{x}.example",
    "a:%{d0}", "a:%{dd}", "a:%{d!}", "a:%{}.example", "a:%%%a.example", "a:%%%", "a:%{c}.example", "exists:%{t}.example",
    "exists:%{r}.example", "a:n1.ex_ample", "a:n1.-example", "a:n1.example-", "a:n1.123", "x=%", "x=%{q}", "x=%{c}",
    "op=%{z}", "default=%a", "a:\x07.example", "a:n1\t.example", "x=\x01", "a:\u00e9.example", "v=spf1", "spf2.0/pra",
)
FIXED_DOMAINS = ("%{d}", "%{d2}", "%{d1r}.example", "%{o}", "%{o2}", "%{h}", "x.%{d}", "%{v}.m.example", "n1%-.example",
                 "%%.example", "n1.EXAMPLE", "n1.example.", "%{d1000}", "%{d2r}.example", "%{D}", "%{dR}",
                 "%{h2}", "%{h-}", "%{o-.}", "%{d.}", "a..example", ".example", "b.%{d}", "%{o3-}")
CLIENT_DOMAINS = ("%{i}.e.example", "%{ir}.%{v}.e.example", "%{l}.u.example", "%{l-}.u.example", "%{lr+-}.u.example",
                  "%{s}.u.example", "%{S}.u.example", "%{l1-}.u.example", "%{i2r}.e.example", "%{L}.%{o}", "%{s1@}.example",
                  "%{ir.}.e.example", "%{l=_}.u.example", "%{s2@.}")
LOCAL_PARTS = ("someone", "some-one", "a+b-c", "A.b", "x" * 70, "", "o'neil", "some_one", "a=b", "(x)", "~a")
EXPLANATIONS = ("not from here", "%{i} is not %{o}", "%{s}: see http://%{h}/?%{S}", "100%% no%_space%-", "%{d} %{c} %{v}",
                "%{l-} %{lr} %{o1} %{or}", "bad %{x}", "bad %", "", "a\r\nb", "tab\there", "caf\u00e9", "x" * 600,
                "%{r} %{IR}", "%{d2-}", "%{o9r.-}", "50% off", "%{h}")
FAULTS = ("TIMEOUT", "SERVFAIL")


class Maker:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        rate = lambda: self.dice.choice((0, 0, 0.03, 0.15))
        self.wrong, self.voids, self.faults, self.macros, self.mutations = (rate() for _ in range(5))
        self.signs = self.dice.choice((0, 0.2, 0.9))
        self.names = self.dice.randint(1, 5) if self.dice.random() < 0.7 else self.dice.randint(6, 16)
        self.terms = self.dice.randint(1, 5) if self.dice.random() < 0.7 else self.dice.randint(6, 14)
        self.prefixes = []
        self.zone = {}

    def one_in(self, n):
        return self.dice.randrange(n) == 0

    def name(self):
        if self.dice.random() < self.voids:
            return "void%d.example" % self.dice.randrange(9)
        name = "n%d.example" % self.dice.randrange(self.names)
        return name.upper() if self.one_in(20) else name

    def network(self, version):
        if version == 4:
            base = 0xC0000200 + self.dice.randrange(512)
            length = 32 if self.one_in(3) else self.dice.randint(20, 32)
            if self.one_in(40):
                length = self.dice.randint(0, 8)
            made = ipaddress.ip_network((base, length), strict=False)
        else:
            base = (0x20010DB8 << 96) + (self.dice.randrange(4) << 64) + self.dice.randrange(64)
            length = 128 if self.one_in(3) else self.dice.randint(30, 128)
            if self.one_in(40):
                length = self.dice.randint(0, 8)
            made = ipaddress.ip_network((base, length), strict=False)
        self.prefixes.append(made)
        return made

    def written_network(self):
        version = 6 if self.one_in(3) else 4
        made = self.network(version)
        address = made.network_address
        text = str(address) if not self.one_in(6) or version == 4 else address.exploded.upper()
        if made.prefixlen != made.max_prefixlen or self.one_in(4):
            text += "/%d" % made.prefixlen
        return "ip%d:%s" % (version, text)

    def domain(self):
        if self.dice.random() < self.macros:
            return self.dice.choice(FIXED_DOMAINS + CLIENT_DOMAINS)
        return self.name()

    def lengths(self):
        text = ""
        if self.one_in(4):
            text += "/%d" % (self.dice.randint(20, 32) if not self.one_in(8) else self.dice.randint(0, 8))
        if self.one_in(4):
            text += "//%d" % (self.dice.randint(30, 128) if not self.one_in(8) else self.dice.randint(0, 8))
        return text

    def term(self, index):
        if self.dice.random() < self.wrong:
            return self.dice.choice(WRONG_TERMS)
        sign = self.dice.choice("+-~?") if self.dice.random() < self.signs else ""
        kind = self.dice.randrange(13)
        if kind <= 2:
            text = self.written_network()
        elif kind == 3 or kind == 4:
            text = ("a" if kind == 3 else "mx") + ("" if self.one_in(3) else ":" + self.domain()) + self.lengths()
        elif kind == 5:
            text = "exists:" + self.domain()
        elif kind == 6 and self.one_in(2):
            text = "ptr" + ("" if self.one_in(2) else ":" + self.domain())
        elif kind == 7 and self.one_in(5):
            text = "all"
        elif kind == 8 and self.one_in(3):
            return self.dice.choice(("x=y", "x-note=%{d}", "op=auth", "note=a/b:c", "default=fail", "x=", "Y.z_1=%{i}"))
        elif kind <= 10:
            down = index + 1 < self.names and not self.one_in(6)
            target = self.dice.randrange(index + 1, self.names) if down else self.dice.randrange(self.names)
            text = "include:" + (self.domain() if self.one_in(5) else "n%d.example" % target)
        else:
            text = self.written_network()
        if self.one_in(15):
            text = text.upper() if "%" not in text else text.capitalize()
        return sign + text

    def record(self, index):
        terms = [self.term(index) for _ in range(self.dice.randint(0, self.terms))]
        end = self.dice.randrange(8)
        if end == 1:
            terms.append("redirect=" + self.domain())
        elif end:
            terms.append(self.dice.choice(("-all", "~all", "?all", "-all", "-ALL")))
        if self.one_in(3):
            terms.insert(self.dice.randint(0, len(terms)), "exp=e%d.example" % self.dice.randrange(12))
        if self.one_in(40):
            terms.append(self.dice.choice(("exp=e1.example", "redirect=n1.example", "x=y", "EXP=e1.example",
                                           "Redirect=n1.example", "exp=%{d}", "redirect=%{d2}", "exp=%{i}.e.example")))
        gap = "  " if self.one_in(20) else " "
        text = ("v=spf1" if not self.one_in(20) else "V=SPF1") + "".join(gap + term for term in terms)
        if self.one_in(20):
            text += " "
        if self.dice.random() < self.mutations:
            text = self.mutated(text)
        return text

    def mutated(self, text):
        for _ in range(self.dice.randint(1, 3)):
            place = self.dice.randint(0, len(text))
            how = self.dice.randrange(3)
            drop = 1 if how != 0 else 0
            char = self.dice.choice("%{}.:/=-+~? aA19_,drxv\x00\u00ff") if how != 1 else ""
            text = text[:place] + char + text[place + drop:]
        return text

    def texts(self, index):
        entries = []
        if self.one_in(8):
            entries.append({"TXT": "some other text"})
        if not (self.dice.random() < self.voids or (index == 0 and self.one_in(40))):
            text = self.record(index)
            if self.one_in(10) and len(text) > 12:
                cut = self.dice.randint(1, len(text) - 1)
                text = [text[:cut], text[cut:]]
            entries.append({"SPF" if self.one_in(20) else "TXT": text})
            if self.one_in(60):
                entries.append({"TXT": "v=spf1 -all"})
        return entries

    def entries(self, index):
        if index and self.one_in(25):
            return [{"CNAME": "n%d.example" % self.dice.randrange(self.names)}]
        entries = self.texts(index)
        if self.dice.random() < self.faults:
            entries = [{"TXT": self.dice.choice(FAULTS)}]
        for kind, version in (("A", 4), ("AAAA", 6)):
            if self.dice.random() < self.faults:
                entries.append({kind: self.dice.choice(FAULTS)})
            elif not self.one_in(4):
                for _ in range(self.dice.randint(1, 3)):
                    entries.append({kind: str(self.network(version).network_address)})
        if self.dice.random() < self.faults:
            entries.append({"MX": self.dice.choice(FAULTS)})
        elif not self.one_in(3):
            count = self.dice.randint(9, 12) if self.one_in(25) else self.dice.randint(1, 4)
            for number in range(count):
                entries.append({"MX": [self.dice.randrange(40), "" if self.one_in(25) else self.name()]})
        if self.dice.random() < self.faults / 2:
            entries.append(self.dice.choice(FAULTS))
        return entries

    def clients(self, count):
        chosen = []
        for _ in range(count):
            if not self.prefixes or self.one_in(12):
                chosen.append(ipaddress.ip_address(self.dice.randrange(1 << 32)))
                continue
            prefix = self.dice.choice(self.prefixes)
            value = int(self.dice.choice((prefix.network_address, prefix.broadcast_address)))
            value = (value + self.dice.choice((-1, 0, 0, 1))) % (1 << prefix.max_prefixlen)
            chosen.append(type(prefix.network_address)(value))
        return chosen

    def reverse(self, client):
        names = [self.name() for _ in range(self.dice.randint(1, 3))]
        if self.one_in(30):
            names = [self.name() for _ in range(self.dice.randint(9, 12))]
        entries = [{"PTR": name} for name in names]
        if self.dice.random() < self.faults:
            entries = [self.dice.choice(FAULTS)]
        self.zone[client.reverse_pointer] = entries

    def sender(self):
        domain = "n0.example"
        if self.one_in(30):
            domain = self.dice.choice(("N0.Example", "n0.example.", "host", "a..example", ".example", "x" * 64 + ".example",
                                       "n1.example", "void.example", "n0.example-", "[192.0.2.1]", "a_b.example"))
        return self.dice.choice(LOCAL_PARTS if self.macros else LOCAL_PARTS[:1]) + "@" + domain

    def make(self, checks):
        """(zone, [(ip, mail_from, helo)])"""
        for index in range(self.names):
            self.zone["n%d.example" % index] = self.entries(index)
        for number, text in enumerate(EXPLANATIONS):
            self.zone["e%d.example" % (number % 12)] = [{"TXT": text}] if number < 12 or self.one_in(2) else []
        if self.macros:
            for name in ("in-addr.m.example", "ip6.m.example", "x.n0.example", "b.n0.example", "n1 .example", "n0.u.example"):
                self.zone[name] = self.texts(0) + [{"A": "192.0.2.9"}]
        cases = []
        for client in self.clients(checks):
            sender, helo = self.sender(), self.dice.choice(("mta.example", "n0.example", "n1.example", "MTA-1.x.example"))
            if self.one_in(12):
                sender, helo = "", self.dice.choice(("n0.example", "n1.example", "host", "[192.0.2.1]", "N0.example"))
            if self.one_in(2):
                self.reverse(client)
            if self.macros and self.one_in(2):
                self.zone["%s.e.example" % client] = [{"A": "127.0.0.2"}]
                for word in ("someone", "one.some", "some.one", "c.b.a", "a.b.c"):
                    self.zone[word + ".u.example"] = [{"A": "127.0.0.2"}]
            address = str(client)
            if client.version == 4 and self.one_in(20):
                address = "::ffff:" + address
            cases.append((address, sender, helo))
        return {name: entries for name, entries in self.zone.items() if entries}, cases
