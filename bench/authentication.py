#!/usr/bin/env python3
"""What authentication costs a message: CPU microseconds of everything that works on it, for systems that get the same load in
turns.

    bare      bench/bare_sink.cc, the floor: no checks, no limits
              Receiving on it, sending by the bare source on open connections, and the cryptography alone (SHA-256 and
              an RSA-2048 verification by `openssl speed`, for the share that is signed) are the floor of the node
    spf       sluiced as a relay with an SPF rule, DKIM not verified
    all       sluiced with SPF, DKIM, ARC and DMARC: a DMARC rule, Authentication-Results, the journal
    data      the same before a next hop without CHUNKING, which takes a flight more
    chain     Postfix with policyd-spf, OpenDKIM and OpenDMARC
    rspamd    Postfix with rspamd as a milter: SPF, DKIM, ARC and DMARC, no other module

Usage: authentication.py --build FOLDER [--only sluice [--clients loopback]] [--rounds 5] [--messages 10000] [--peer-messages 2000]
                         [--corpus-messages 2000] [--seed 1] [--strict] [--json FILE]

The messages are those of make_signed_corpus.py, one per connection, each from a client address of its own that is named by
XCLIENT: two exchanges more than in bare_path.py, for all of them. With --clients loopback they
connect from those addresses instead, of 127.0.0.0/8: the dialogue of bare_path.py, for the node alone. All ask the same
sluice-dns, which is not measured, and have asked it for everything before: a round before the measured ones. What is not
installed or cannot run is left out and named. Rounds are paired: every system is measured once in each, and a ratio is
the median of the rounds' ratios. The measured programs have the last processor, all else the first. The load is a closed
loop on 16 connections. All in memory and on loopback; the peers need root, for a network of their own.

Every row of the node's journal is compared with what the message was made to give. Differences make the exit status 2;
with --strict a target that is missed makes it 1.
"""
import argparse
import collections
import json
import pathlib
import statistics
import sys

import authentication_peers
import make_signed_corpus
import measure

CONNECTIONS = 16
NAMES = {"bare": "bare sink", "spf": "sluiced: SPF", "all": "sluiced: SPF, DKIM, ARC, DMARC",
         "data": "the same, by DATA",
         "chain": "Postfix + policyd-spf + opendkim + opendmarc", "rspamd": "Postfix + rspamd: SPF, DKIM, ARC, DMARC"}
NODES = ("spf", "all", "data")
PEERS = ("chain", "rspamd")
# CPU microseconds per message, and the same as a multiple of the floor of the machine that the figure is from: 50 us for
# receiving, 17 for sending on an open connection, 23 for the cryptography. On another machine the multiple counts.
TARGETS = dict.fromkeys(("all", "data"), (130, 130 / (50 + 17 + 23)))

POLICY = """
[node]
hostname = "mx.bench.example"
shards = 1
[admin]
http = false
control_socket = ""
[journal]
path = "{folder}/journal.jsonl"
rotate_size = 0
rotate_daily = false
[dns]
servers = ["{dns}"]
[[listener]]
address = "127.0.0.1:0"
direction = "inbound"
xclient_peers = ["127.0.0.0/8"]
[spf]
private_peers = ["127.0.0.0/8"]
[[domain]]
name = "{managed}"
next_hops = ["{next_hop}"]
[[spf.rule]]
name = "bench"
domains = ["{managed}"]
enabled = true
preset = "observe"
"""
EXTRA = {
    "spf": """
[dkim]
verify = false
[arc]
verify = false
""",
    "all": measure.AUTHENTICATION}


class Node:
    """sluiced before a sink of its own."""

    def __init__(self, programs, build, folder, dns, name):
        folder = pathlib.Path(folder) / name
        folder.mkdir()
        behind = measure.next_hop(programs, build, chunking=name != "data")
        policy = folder / "policy.toml"
        text = (POLICY + EXTRA["spf" if name == "spf" else "all"]).format(folder=folder, dns=dns, managed=measure.MANAGED, next_hop=behind.listener)
        policy.write_text(text)
        self.journal = folder / "journal.jsonl"
        self.program = programs.start([build / "bin" / "sluiced", "--policy", policy], processor=-1)
        self.port, self.cpu = self.program.port, self.program.cpu


class Bench:
    """The systems of one run and the load for them."""

    def __init__(self, args, folder, programs):
        self.args = args
        self.build = args.build.resolve()
        self.corpus = make_signed_corpus.write(folder, str(self.build / "bin" / "sluicectl"), args.corpus_messages,
                                               seed=args.seed, loopback=args.clients == "loopback")
        dns = ["--listen", f"{authentication_peers.DNS}:53" if args.peers else "127.0.0.1:0", "--zone", self.corpus.zone]
        self.dns = programs.start([self.build / "bin" / "sluice-dns", *dns], processor=0)
        self.left_out = {}
        self.floors = []  # of each round
        self.systems = {"bare": measure.bare_sink(programs, self.build, processor=-1)}
        for name in NODES:
            self.systems[name] = Node(programs, self.build, folder, self.dns.listener, name)
        for name in PEERS if args.peers else ():
            self._start_peer(name, folder, programs)

    def _start_peer(self, name, folder, programs):
        reason = authentication_peers.missing(name)
        if reason:
            self.left_out[name] = reason
            return
        pathlib.Path(folder).chmod(0o755)  # its processes give up root and look into it
        behind = measure.next_hop(programs, self.build)
        try:
            self.systems[name] = authentication_peers.STARTS[name](programs, folder, behind.port)
            self._load(name, 100)
        except measure.MeasureError as error:
            self._leave_out(name, error)

    def _leave_out(self, name, error):
        """A peer that fails costs its own row, not the others'."""
        self.systems.pop(name, None)
        self.left_out[name] = str(error).splitlines()[0][:200]

    def messages(self, name):
        return self.args.peer_messages if name in PEERS else self.args.messages

    def _load(self, name, messages):
        system = self.systems[name]
        summary = measure.bare_load(self.build, system.port, messages, corpus=self.corpus.pack, connections=CONNECTIONS)
        if name in PEERS:
            system.drain()
        return summary

    def floor(self, receiving):
        """Of the node, in microseconds per message."""
        sizes = self.corpus.sizes
        share = self.corpus.signed / len(sizes)
        sending = measure.sending_us(self.build, self.systems["bare"].port, self.args.messages, corpus=self.corpus.pack,
                                     connections=CONNECTIONS)
        parts = {"receiving": receiving, "sending": sending,
                 "cryptography": share * measure.openssl_us(sum(sizes) // len(sizes))}
        return parts | {"total": sum(parts.values())}

    def measure(self, name):
        system, messages = self.systems[name], self.messages(name)
        before = system.cpu()
        summary = self._load(name, messages)
        figures = system.cpu().since(before, messages)
        figures["rate"] = summary["messages_per_second"]
        return figures

    def run(self):
        results = {}
        for round_number in range(self.args.rounds + 1):
            for name in list(self.systems):
                try:
                    if round_number == 0:
                        self._load(name, max(self.messages(name), self.args.corpus_messages if name not in PEERS else 0))
                    else:
                        results.setdefault(name, []).append(self.measure(name))
                        if name == "bare":
                            self.floors.append(self.floor(results[name][-1]["total"]))
                except measure.MeasureError as error:
                    if name not in PEERS:
                        raise
                    self._leave_out(name, error)
                    results.pop(name, None)
            print(f"round {round_number} of {self.args.rounds} done", file=sys.stderr)
        return results


# --- what the journal must say --------------------------------------------------------------------------------------


def difference(row, expected, everything):
    """In words, or nothing."""
    found = {"disposition": row["disposition"], "spf": row["spf"]["result"].lower()}
    wanted = {"disposition": "relayed", "spf": expected["spf"]}
    if everything:
        found |= {"dkim": [one["result"] for one in row.get("dkim", ())], "dmarc": row["dmarc"]["result"]}
        wanted |= {"dkim": expected["dkim"], "dmarc": expected["dmarc"]}
        if "arc" in row:  # it is asked only where it could help
            found["arc"] = row["arc"]["result"]
            wanted["arc"] = "pass" if expected["sealed"] else "none"
    elif "dkim" in row or "dmarc" in row:
        found["more than SPF"] = True
    return "" if found == wanted else f"{row['recipient']}: found {found}, expected {wanted}"


def read_journal(node, corpus, everything):
    """(counts of results, differences)"""
    counts, differences = collections.Counter(), []
    with open(node.journal, encoding="utf-8") as lines:
        for line in lines:
            if '"kind":"tracking"' not in line:
                continue
            row = json.loads(line)
            counts["messages"] += 1
            counts["spf " + row["spf"]["result"].lower()] += 1
            if row.get("dkim"):
                counts["dkim " + row["dkim"][0]["result"]] += 1
            for key in ("arc", "dmarc"):
                if key in row:
                    counts[f"{key} {row[key]['result']}"] += 1
            wrong = difference(row, corpus.expected[row["recipient"]], everything)
            if wrong:
                differences.append(wrong)
    return counts, differences


def check_journals(bench):
    """Prints the shares; the number of differences. The nodes have ended, so their journals are complete."""
    total = 0
    for name in NODES:
        counts, differences = read_journal(bench.systems[name], bench.corpus, name != "spf")
        messages = counts.pop("messages", 0)
        expected = bench.args.rounds * bench.args.messages + max(bench.args.messages, bench.args.corpus_messages)
        if messages != expected:
            differences.append(f"{messages} rows in the journal, expected {expected}")
        shares = ", ".join(f"{key} {100 * value / max(messages, 1):.1f} %" for key, value in sorted(counts.items()))
        print(f"{NAMES[name]}: journal of {messages} messages: {shares}; {len(differences)} not as expected")
        for words in differences[:5]:
            print("  " + words)
        total += len(differences)
    return total


# --- the table ------------------------------------------------------------------------------------------------------


def median_of(rounds, key):
    return statistics.median(each[key] for each in rounds)


def ratio_to(rounds, other):
    return statistics.median(one["total"] / max(two["total"], 1e-9) for one, two in zip(rounds, other))


def floor_of(name, parts):
    """A sink receives; what relays sends, too; the others verify signatures besides."""
    if name == "bare":
        return {"total": parts["receiving"]}
    return {"total": parts["receiving"] + parts["sending"]} if name == "spf" else parts


def report(results, bench):
    """Prints the table; the number of targets missed, by the multiple of the floor."""
    args, corpus = bench.args, bench.corpus
    sizes = corpus.sizes
    print(f"{measure.machine(args.build)}; {CONNECTIONS} connections, 1 message on each, clients by {args.clients}, {args.rounds} paired rounds of {args.messages} "
          f"messages ({args.peer_messages} for Postfix)")
    print(f"corpus: {len(sizes)} messages, median {sizes[len(sizes) // 2]}, mean {sum(sizes) // len(sizes)} octets, "
          f"{100 * corpus.signed / len(sizes):.0f} % signed (RSA-2048, relaxed/relaxed), {100 * corpus.sealed / len(sizes):.0f} % "
          "with an ARC set")
    print(f"{'system':46} {'CPU us/message':>14} {'min..max':>15} {'user':>7} {'system':>7} {'x floor':>8} {'x sluiced':>9} "
          f"{'msgs/s':>7}  {'target':>12}  {'x floor':>12}")
    missed = 0
    for name, rounds in results.items():
        totals = [each["total"] for each in rounds]
        total, ratio = statistics.median(totals), ratio_to(rounds, [floor_of(name, floor) for floor in bench.floors])
        target, multiple = TARGETS.get(name, (0, 0))
        words = relative = ""
        if target:
            words = f"{target} {'met' if total <= target else 'MISSED'}"
            relative = f"{multiple:.2f} {'met' if ratio <= multiple else 'MISSED'}"
            missed += ratio > multiple
        spread = f"{min(totals):.1f}..{max(totals):.1f}"
        print(f"{NAMES[name]:46} {total:14.1f} {spread:>15} {median_of(rounds, 'user'):7.1f} {median_of(rounds, 'system'):7.1f} "
              f"{ratio:8.2f} {ratio_to(rounds, results['all']):9.2f} {median_of(rounds, 'rate'):7.0f}  {words:>12}  {relative:>12}")
    parts = ", ".join(f"{part} {median_of(bench.floors, part):.1f}" for part in ("receiving", "sending", "cryptography"))
    print(f"floor of the node: {median_of(bench.floors, 'total'):.1f} us ({parts})")
    added = statistics.median(one["total"] - two["total"] for one, two in zip(results["all"], results["spf"]))
    print(f"DKIM, ARC and DMARC add {added:.1f} us to a message of the corpus")
    for name, reason in bench.left_out.items():
        print(f"{NAMES[name]}: left out: {reason}")
    return missed


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--only", choices=("sluice",), help="leave the peers out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=10000, help="in each measurement")
    parser.add_argument("--peer-messages", type=int, default=2000, help="the same for the peers, which take longer")
    parser.add_argument("--corpus-messages", type=int, default=2000, help="different ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a multiple is missed")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    parser.add_argument("--clients", choices=("xclient", "loopback"), default="xclient")
    args = parser.parse_args()
    if args.clients == "loopback" and args.only is None:
        parser.error("--clients loopback needs --only sluice: the peers do not check clients on loopback")
    args.peers = args.only is None
    return args


def main():
    args = parse_arguments()
    if args.peers:
        authentication_peers.in_own_network()
        args.peers = all(authentication_peers.missing(name) != "needs root, unshare and ip" for name in PEERS)
    with measure.memory_folder() as folder:
        with measure.Programs() as programs:
            bench = Bench(args, folder, programs)
            if args.only is None and not args.peers:
                bench.left_out = {name: authentication_peers.missing(name) for name in PEERS}
            results = bench.run()
        missed = report(results, bench)
        wrong = check_journals(bench)
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(args.build), "rounds": results, "floors": bench.floors, "left_out": bench.left_out}, indent=1))
    if wrong:
        return 2
    return 1 if args.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
