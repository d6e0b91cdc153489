#!/usr/bin/env python3
"""What one message costs: CPU microseconds of the whole process, for receivers that get the same load in turns.

    bare      bench/bare_sink.cc, the floor: no checks, no limits
    given     another floor (--bare PROGRAM); where there is one, the ratios are to it
    null      `sluice-load sink`: the node's session and reactor with a handler that accepts everything
    relay     sluiced with an SPF rule (answers cached), result header and journal, relaying to a bare sink that offers
              CHUNKING: the message goes in two flights, as a bare source sends it
    data      the same before a sink without CHUNKING: three flights, since DATA waits for the verdict
    postfix   Postfix's smtpd_proxy_filter before a bare sink, all its processes

Usage: bare_path.py --build FOLDER [--rounds 5] [--messages 20000] [--size 20480] [--bare PROGRAM] [--receivers null,relay]
                    [--shapes 1,100,corpus] [--source bare|generator] [--json FILE]

Shapes: 1 and 100 messages per connection, all of one size; corpus: the messages of make_corpus.py, 1 per connection.
User and system time of all threads, taken from /proc before and after each load; the kernel's share is system time. The
load is a closed loop on 16 connections, by bare-source (or `sluice-load send`). The measured program has the last processor
for itself, all else the first: on a shared one the receiver is woken less often, and looks cheaper than it is. Rounds
are paired: every receiver is measured once in each, and a ratio is the median of the rounds' ratios: of a sink to the
bare sink, of what relays to the bare sink and the bare source on open connections together. All on loopback, in a folder
in memory that goes away. --bare: another program as the floor; it is called with its port, behind -P where its name
ends in "usink". Targets that are missed make the exit status 1 only with --strict.
"""
import argparse
import json
import pathlib
import statistics
import sys

import make_corpus
import measure
import postfix_proxy

CONNECTIONS = 16
RECEIVERS = ("bare", "given", "null", "relay", "data", "postfix")
SHAPES = ("1", "100", "corpus")
NAMES = {"bare": "bare sink", "given": "given sink", "null": "null pipeline", "relay": "relay with SPF",
         "data": "the same, by DATA",
         "postfix": "Postfix proxy filter"}
RELAYS = {"relay", "data", "postfix"}  # they send what they receive
POSTFIX_SHARE = 10  # it gets a tenth of the messages: it takes ten times as long

# (receiver, shape): CPU microseconds per message, and the same as a multiple of the floor of the machine that the figure
# is from. Its bare sink took 47 us for 1 message per connection, 12.7 for 100, 50 for the corpus; what a relay does
# besides, sending on an open connection, took a bare source 13 us, 17 for the corpus. On another machine the multiple counts.
TARGETS = {
    ("null", "1"): (59, 1.25),
    ("null", "100"): (15, 1.25),
    ("relay", "1"): (80, 80 / (47 + 13)),
    ("relay", "100"): (35, 35 / (12.7 + 13)),
    ("relay", "corpus"): (95, 95 / (50 + 17)),
}
TARGETS |= {("data", shape): TARGETS["relay", shape] for shape in SHAPES}


def floor_of(receivers):
    """The name of the floor among them, or None."""
    return next((name for name in ("given", "bare") if name in receivers), None)


class Bench:
    """The receivers of one run and the load for them."""

    def __init__(self, args, folder, programs):
        self.args = args
        self.build = args.build.resolve()
        self.corpus = None
        if "corpus" in args.shapes:
            self.corpus = f"{folder}/corpus"
            sizes = make_corpus.write_pack(self.corpus, make_corpus.corpus(args.corpus_messages, 200, args.seed))
            print(f"corpus: {len(sizes)} messages, median {sizes[len(sizes) // 2]}, mean {sum(sizes) // len(sizes)} octets")
        self.receivers = {}
        for name in args.receivers:
            self._start(name, folder, programs)

    def _start(self, name, folder, programs):
        build = self.build
        if name == "bare":
            self.receivers[name] = measure.bare_sink(programs, build, processor=-1)
        elif name == "given" and self.args.bare:
            port = measure.free_port()
            option = ["-P"] if self.args.bare.endswith("usink") else []
            self.receivers[name] = programs.start([self.args.bare, *option, port], port)
        elif name == "null":
            self.receivers[name] = programs.start([build / "bin" / "sluice-load", "sink", "--listen", "127.0.0.1:0"])
        elif name in ("relay", "data"):
            behind = measure.next_hop(programs, build, chunking=name == "relay")
            self.receivers[name] = measure.start_node(programs, build, folder, behind.listener, name=name,
                                                      zone=make_corpus.zone_text(200))
        elif name == "postfix":
            reason = postfix_proxy.available()
            if reason:
                print(f"no row for Postfix: {reason}")
                return
            behind = measure.next_hop(programs, build)
            self.receivers[name] = programs.add(postfix_proxy.PostfixProxy(folder, behind.listener))

    def _load(self, port, shape, messages):
        options = {"per_connection": 100 if shape == "100" else 1, "size": self.args.size, "connections": CONNECTIONS}
        if self.args.source == "generator" and shape != "corpus":
            return measure.generator_load(self.build, port, messages, **options)
        return measure.bare_load(self.build, port, messages, corpus=self.corpus if shape == "corpus" else None, **options)

    def measure(self, name, shape):
        program = self.receivers[name]
        messages = max(self.args.messages // (POSTFIX_SHARE if name == "postfix" else 1), 100)
        self._load(program.port, shape, min(messages, 500))  # warm
        before = program.cpu()
        summary = self._load(program.port, shape, messages)
        figures = program.cpu().since(before, messages)
        figures["rate"] = summary["messages_per_second"]
        figures["source"] = 1e6 * summary.get("cpu_seconds", 0) / messages
        return figures

    def sending(self, shape):
        """The other half of a relay's floor."""
        corpus = self.corpus if shape == "corpus" else None
        return measure.sending_us(self.build, self.receivers[floor_of(self.receivers)].port, self.args.messages,
                                  size=self.args.size, corpus=corpus, connections=CONNECTIONS)

    def run(self):
        results = {}
        for round_number in range(self.args.rounds):
            for shape in self.args.shapes:
                figures = {name: self.measure(name, shape) for name in self.receivers}
                if RELAYS & set(figures) and floor_of(figures):
                    figures[floor_of(figures)]["sending"] = self.sending(shape)
                for name, one in figures.items():
                    results.setdefault(shape, {}).setdefault(name, []).append(one)
            print(f"round {round_number + 1} of {self.args.rounds} done", file=sys.stderr)
        return results


def median_of(rounds, key):
    return statistics.median(each[key] for each in rounds)


def ratio_to(rounds, floor, relays):
    return statistics.median(one["total"] / max(other["total"] + (other["sending"] if relays else 0), 1e-9)
                             for one, other in zip(rounds, floor))


def report(results, args):
    """Prints the table; the number of targets missed, by the multiple of the floor."""
    print(f"{measure.machine(args.build)}; {args.size} octets, {CONNECTIONS} connections, {args.rounds} paired rounds of {args.messages} "
          f"messages, source: {args.source}")
    print(f"{'shape':>8} {'receiver':21} {'CPU us/message':>14} {'min..max':>15} {'user':>7} {'system':>7} {'kernel':>7} "
          f"{'x floor':>8} {'msgs/s':>8} {'source us':>9}  {'target':>14}  {'x floor':>16}")
    missed = 0
    for shape, receivers in results.items():
        floor = receivers.get(floor_of(receivers))
        for name, rounds in receivers.items():
            totals = [each["total"] for each in rounds]
            total, system = statistics.median(totals), median_of(rounds, "system")
            ratio = ratio_to(rounds, floor, name in RELAYS) if floor else 0.0
            target, multiple = TARGETS.get((name, shape), (0, 0))
            words = relative = ""
            if target:
                words = f"{target:.0f} {'met' if total <= target else 'MISSED'}"
            if target and ratio:
                missed += ratio > multiple
                relative = f"{multiple:.2f} {'met' if ratio <= multiple else 'MISSED'}"
            spread = f"{min(totals):.1f}..{max(totals):.1f}"
            print(f"{shape:>8} {NAMES[name]:21} {total:14.1f} {spread:>15} {median_of(rounds, 'user'):7.1f} {system:7.1f} "
                  f"{100 * system / max(total, 1e-9):6.0f}% {ratio:8.2f} {median_of(rounds, 'rate'):8.0f} "
                  f"{median_of(rounds, 'source'):9.1f}  {words:>14}  {relative:>16}")
        if floor and "sending" in floor[0]:
            print(f"{shape:>8} {'sending alone':21} {median_of(floor, 'sending'):14.1f}   the bare source on open connections: "
                  "with the sink, the floor of what relays")
    return missed


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20000, help="in each measurement; Postfix gets a tenth")
    parser.add_argument("--size", type=int, default=20480)
    parser.add_argument("--bare", help="another floor, called with its port")
    parser.add_argument("--receivers", default=",".join(RECEIVERS), help="which rows: %(default)s")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="which loads: %(default)s")
    parser.add_argument("--source", choices=("bare", "generator"), default="bare")
    parser.add_argument("--corpus-messages", type=int, default=1000, help="different ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a multiple is missed")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    args = parser.parse_args()
    args.receivers, args.shapes = args.receivers.split(","), args.shapes.split(",")
    if not set(args.receivers) <= set(RECEIVERS) or not set(args.shapes) <= set(SHAPES):
        parser.error(f"receivers: {','.join(RECEIVERS)}; shapes: {','.join(SHAPES)}")
    return args


def main():
    args = parse_arguments()
    with measure.memory_folder() as folder, measure.Programs() as programs:
        results = Bench(args, folder, programs).run()
    missed = report(results, args)
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(args.build), "rounds": results}, indent=1))
    return 1 if args.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
