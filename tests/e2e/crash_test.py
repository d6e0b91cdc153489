"""The node is killed in the middle of its work: what it has answered with 250 is where it must be."""
import json

import cases
from load import Load
from programs import Program, Sink

MOMENTS = (1, 25, 60, 110, 160)  # messages answered when the node is killed

DELETING = """
[[domain]]
name = "archive.example"
next_hops = ["{hop}"]
[spf]
private_peers = ["127.0.0.1"]
[[spf.rule]]
domains = ["archive.example"]
enabled = true
preset = "tmems"
"""


class CrashTests:
    """Run once for each back end below."""
    flavour = ""

    def test_what_was_answered_with_250_survives_kill_9(self):
        zone = self.folder / "zone.yml"
        zone.write_text("strict.example:\n  - SPF: v=spf1 -all\n")
        dns = self.start(Program(self.folder, "dns", [cases.path_of("sluice-dns"), "--zone", str(zone), "--listen",
                                                      "127.0.0.1:0"])).wait_ready()["listeners"][0]
        sink = self.start(Sink(self.folder))
        sent = 0
        relayed, deleted = set(), set()
        for moment, answered in enumerate(MOMENTS):
            # The same journal each time, so that a row cut off by one end is in front of the next beginning.
            node = self.node(sink.address, self.flavour, shards=2, dns=dns, extra=DELETING.format(hop=sink.address))
            load = Load(node.addresses[0], first=10000 * moment, domains=("corp.example", "archive.example"))
            load.wait_answered(answered)
            node.kill()
            load.finish()
            sent += len(load.answered) + len(load.unanswered)
            relayed |= {name for name in load.answered if name.endswith("@corp.example")}
            deleted |= {name for name in load.answered if name.endswith("@archive.example")}
        self.assertGreater(len(relayed), 50)
        self.assertGreater(len(deleted), 50)
        arrived = [recipient for recipients, _ in sink.messages() for recipient in recipients]
        self.assertEqual(relayed - set(arrived), set())
        self.assertFalse([name for name in arrived if name.endswith("@archive.example")])
        ended = {"relayed": set(), "deleted": set()}
        torn = 0
        for line in node.journal.read_text().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                torn += 1
                continue
            if row["kind"] == "tracking" and row["disposition"] in ended:
                ended[row["disposition"]].add(row["recipient"])
        self.assertEqual(relayed - ended["relayed"], set())
        self.assertEqual(deleted - ended["deleted"], set())
        self.assertLessEqual(torn, 2 * len(MOMENTS))  # half a row of each shard, with a line of its own
        self.assertLessEqual(len(ended["relayed"] | ended["deleted"]), sent)

    def test_a_hop_that_is_killed_takes_no_answered_message_along(self):
        first = self.start(Sink(self.folder, "first"))
        node = self.node(first.address, self.flavour)
        load = Load(node.addresses[0], clients=4)
        load.wait_answered(40)
        first.program.kill()
        load.finish()
        report = node.stopped()
        # A message that the sink had ended when it was killed may be one that the node knows nothing of.
        arrived = {recipient for recipients, _ in first.messages() for recipient in recipients}
        self.assertEqual(load.answered - arrived, set())
        balance = report["balance"]
        self.assertTrue(balance["balanced"])
        self.assertEqual(balance["relayed"], len(load.answered))
        self.assertGreater(balance["unknown"] + balance["deferred"], 0)


class UringCrash(CrashTests, cases.EndToEnd):
    flavour = "uring"


class EpollCrash(CrashTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
