"""What SPF evaluations ask, as a name server sees it: no question leaves beyond the limits of RFC 7208 section 4.6.4, none
after a match, and servers that are silent cost no more than the budget."""
import json
import socket
import time

import cases
from programs import Program, Sink
from smtp_talk import SmtpTalk

CLIENT = "203.0.113.6"

RULE = """
[[spf.rule]]
name = "observe"
domains = ["corp.example"]
enabled = true
preset = "observe"
"""


def addresses(*names):
    return "".join(f"{name}:\n  - A: 192.0.2.1\n" for name in names)


def record(name, terms):
    return f'{name}:\n  - SPF: "v=spf1 {terms} -all"\n'


def zone():
    terms = [f"t{i}.terms.example" for i in range(1, 12)]
    nested = [f"n{i}.nested.example" for i in range(1, 13)]
    exchanges = [f"m{i}.exchanges.example" for i in range(1, 12)]
    text = record("terms.example", " ".join(f"a:{name}" for name in terms)) + addresses(*terms)
    for name, below in zip(["nested.example", *nested], nested):
        text += record(name, f"include:{below}")
    text += record("voids.example", " ".join(f"a:v{i}.voids.example" for i in range(1, 6)))
    text += record("exchanges.example", "mx") + "".join(f"  - MX: [10, {name}]\n" for name in exchanges)
    text += addresses(*exchanges)
    text += record("first.example", "a:one.first.example a:two.first.example")
    text += f"one.first.example:\n  - A: {CLIENT}\n" + addresses("two.first.example")
    # Every name below is silent: the evaluation meets one after the other.
    text += record("holes.example", "a:h1.holes.example a:h2.holes.example a:h3.holes.example")
    text += "".join(f"h{i}.holes.example:\n  - TIMEOUT\n" for i in range(1, 4))
    return text


class SpfLimitTests:
    """Run once for each back end below."""
    flavour = ""

    def begin(self, dns=None):
        sink = self.start(Sink(self.folder))
        self.queries = self.folder / "queries.jsonl"
        if dns is None:
            zone_file = self.folder / "zone.yml"
            zone_file.write_text(zone())
            server = self.start(Program(self.folder, "dns", [
                cases.path_of("sluice-dns"), "--zone", str(zone_file), "--listen", "127.0.0.1:0", "--query-log",
                str(self.queries)]))
            dns = server.wait_ready()["listeners"][0]
        return self.node(sink.address, self.flavour, dns=dns, dns_extra="spf_evaluation_seconds = 3\n",
                         proxies=("127.0.0.1",), extra=RULE)

    def verdict(self, node, domain):
        """(tracking row's SPF evaluation, seconds that the message took) of one message that is relayed."""
        begun = time.monotonic()
        with SmtpTalk(node.addresses[0]) as talk:
            talk.ask("EHLO proxy.example")
            self.assertRegex(talk.ask(f"XCLIENT ADDR={CLIENT} HELO=client.example"), "^220 ")
            self.assertRegex(talk.message(domain, sender=f"a@{domain}"), "^250 ")
        took = time.monotonic() - begun
        rows = [row for row in cases.tracking_rows(node.journal) if row["sender"] == f"a@{domain}"]
        self.assertEqual(len(rows), 1)
        return rows[0]["spf"], took

    def asked(self, domain):
        """What the server was asked of this domain, in order."""
        lines = [json.loads(line) for line in self.queries.read_text().splitlines()]
        return [f"{line['name']} {line['type']}" for line in lines
                if line["name"] and (line["name"] == domain or line["name"].endswith(f".{domain}"))]

    # Shows: SPF-09
    def test_nothing_is_asked_after_the_match(self):
        spf, _ = self.verdict(self.begin(), "first.example")
        self.assertEqual((spf["result"], spf["lookups"]), ("Pass", 1))
        self.assertEqual(self.asked("first.example"), ["first.example TXT", "one.first.example A"])

    # Shows: SPF-11
    def test_the_eleventh_term_is_refused_without_a_packet(self):
        node = self.begin()
        spf, _ = self.verdict(node, "terms.example")
        self.assertEqual(spf["result"], "PermError")
        self.assertEqual(self.asked("terms.example"),
                         ["terms.example TXT"] + [f"t{i}.terms.example A" for i in range(1, 11)])
        spf, _ = self.verdict(node, "nested.example")
        self.assertEqual(spf["result"], "PermError")
        self.assertEqual(self.asked("nested.example"),
                         ["nested.example TXT"] + [f"n{i}.nested.example TXT" for i in range(1, 11)])

    # Shows: SPF-11
    def test_the_third_void_lookup_is_the_last(self):
        spf, _ = self.verdict(self.begin(), "voids.example")
        self.assertEqual((spf["result"], spf["void_lookups"]), ("PermError", 3))
        self.assertEqual(self.asked("voids.example"), ["voids.example TXT"] + [f"v{i}.voids.example A" for i in (1, 2, 3)])

    # Shows: SPF-11
    def test_an_eleventh_mx_name_is_permerror_and_not_asked(self):
        spf, _ = self.verdict(self.begin(), "exchanges.example")
        self.assertEqual(spf["result"], "PermError")
        asked = self.asked("exchanges.example")
        self.assertEqual(asked[:2], ["exchanges.example TXT", "exchanges.example MX"])
        self.assertLessEqual(set(asked[2:]), {f"m{i}.exchanges.example A" for i in range(1, 11)})

    def test_silent_names_are_temperror_within_the_budget(self):
        spf, took = self.verdict(self.begin(), "holes.example")
        self.assertEqual(spf["result"], "TempError")
        self.assertLess(took, 3 + 2)  # of the evaluation, and a busy machine
        # Sent again while there is time, and none of the names behind the one that had no answer.
        self.assertEqual(set(self.asked("holes.example")), {"holes.example TXT", "h1.holes.example A"})

    # Shows: D-8
    def test_servers_that_are_black_holes_are_temperror_within_the_budget(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
            hole.bind(("127.0.0.1", 0))  # takes what comes and says nothing
            node = self.begin(f"127.0.0.1:{hole.getsockname()[1]}")
            spf, took = self.verdict(node, "terms.example")
            self.assertEqual(spf["result"], "TempError")
            self.assertLess(took, 3 + 2)


class UringSpfLimits(SpfLimitTests, cases.EndToEnd):
    flavour = "uring"


class EpollSpfLimits(SpfLimitTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
