"""The node is killed in the middle of its work: what it has answered with 250 is where it must be.

    crash_test.py --sluiced ... [--moments 100] [--seed 1]

The moments are drawn from the seed: after how many answers, and how much later. ./test has a few of them.
"""
import argparse
import json
import random
import sys
import time

import cases
from load import Load
from programs import Program, Sink

FIRST_MOMENTS = (1, 25, 60, 110, 160)  # messages answered when the node is killed; further ones are below the last
LATER_MS = 8.0  # at most; about the time of a message
CLIENTS = 6

options = argparse.Namespace(moments=len(FIRST_MOMENTS), seed=1)

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

    def moments(self):
        """(answers, milliseconds behind them), as the seed has it."""
        chance = random.Random(f"{options.seed} {self.flavour}")
        for number in range(options.moments):
            answered = FIRST_MOMENTS[number] if number < len(FIRST_MOMENTS) else chance.randint(1, FIRST_MOMENTS[-1])
            yield answered, chance.uniform(0, LATER_MS)

    def test_what_was_answered_with_250_survives_kill_9(self):
        zone = self.folder / "zone.yml"
        zone.write_text("strict.example:\n  - SPF: v=spf1 -all\n")
        dns = self.start(Program(self.folder, "dns", [cases.path_of("sluice-dns"), "--zone", str(zone), "--listen",
                                                      "127.0.0.1:0"])).wait_ready()["listeners"][0]
        sink = self.start(Sink(self.folder))
        sent, unanswered, journal = 0, 0, None
        relayed, deleted = set(), set()
        for moment, (answered, later_ms) in enumerate(self.moments()):
            # The same journal each time, so that a row cut off by one end is in front of the next beginning.
            node = self.node(sink.address, self.flavour, shards=2, dns=dns, extra=DELETING.format(hop=sink.address))
            load = Load(node.addresses[0], CLIENTS, 10000 * moment, ("corp.example", "archive.example"))
            load.wait_answered(answered)
            time.sleep(later_ms / 1000)
            node.kill()
            load.finish()
            node.clean_up()
            journal = node.journal
            sent += len(load.answered) + len(load.unanswered)
            unanswered += len(load.unanswered)
            relayed |= {name for name in load.answered if name.endswith("@corp.example")}
            deleted |= {name for name in load.answered if name.endswith("@archive.example")}
        torn, ended = self.ends(journal)
        arrived = {recipient for recipients, _ in sink.messages() for recipient in recipients}
        print(f"{self.flavour}, seed {options.seed}: killed {options.moments} times; {len(relayed)} relayed and {len(deleted)} "
              f"deleted messages answered with 250, {unanswered} under way, {torn} torn rows; missing at the sink "
              f"{len(relayed - arrived)}, in the journal {len(relayed - ended['relayed'])} + {len(deleted - ended['deleted'])}",
              file=sys.stderr)
        again = f"--moments {options.moments} --seed {options.seed}"
        self.assertGreater(len(relayed), 10 * options.moments, again)
        self.assertGreater(len(deleted), 10 * options.moments, again)
        self.assertEqual(relayed - arrived, set(), again)
        self.assertFalse([name for name in arrived if name.endswith("@archive.example")], again)
        self.assertEqual(relayed - ended["relayed"], set(), again)
        self.assertEqual(deleted - ended["deleted"], set(), again)
        self.assertLessEqual(torn, 2 * options.moments, again)  # half a row of each shard, with a line of its own
        self.assertLessEqual(len(ended["relayed"] | ended["deleted"]), sent, again)

    @staticmethod
    def ends(journal):
        """(lines that are no rows, recipients by what became of them)."""
        ended = {"relayed": set(), "deleted": set()}
        torn = 0
        for line in cases.filled_lines(journal):
            try:
                row = json.loads(line)
            except ValueError:
                torn += 1
                continue
            if row["kind"] == "tracking" and row["disposition"] in ended:
                ended[row["disposition"]].add(row["recipient"])
        return torn, ended

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
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--moments", type=int, default=options.moments)
    parser.add_argument("--seed", type=int, default=options.seed)
    options, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    cases.main()
