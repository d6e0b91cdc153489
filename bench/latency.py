#!/usr/bin/env python3
"""How long a client waits for the reply to its last octet, at half of what the relay can do.

    latency.py --build FOLDER [--seconds 10] [--rounds 3] [--sessions 16] [--size 20480] [--per-connection 100] [--json FILE]

First the capacity: a closed loop on as many sessions. Then, in each round, an open loop at half of it (`sluice-load send
--rate`), to the relay and, for comparison, to a bare sink at the same rate. The targets are 1 ms for half of the messages
and 5 ms for 99 % of them, of the relay's `end` point: from the last octet of data to the reply. `message` is the
whole, counted from when it was meant to begin. A row that says "late" is the generator's: it did not keep its
schedule. All on loopback; the node has the last processor for itself.
"""
import argparse
import json
import pathlib
import statistics
import sys

import measure

TARGET_MS = {"p50": 1.0, "p99": 5.0}


def capacity_of(build, node, args):
    shape = {"per_connection": args.per_connection, "size": args.size, "connections": args.sessions}
    measure.bare_load(build, node.port, min(args.capacity_messages, 1000), **shape)  # warm
    return measure.bare_load(build, node.port, args.capacity_messages, **shape)["messages_per_second"]


def open_loop(build, program, rate, args):
    return measure.generator_load(build, program.port, 10**9, per_connection=args.per_connection, size=args.size,
                                  connections=args.sessions, seconds=args.seconds, extra=["--rate", f"{rate:.1f}"],
                                  all_accepted=False)


def print_row(name, rounds):
    def median(point, key):
        return statistics.median(each["points_us"][point][key] for each in rounds) / 1000

    late = sum(not each["generator"]["kept_schedule"] for each in rounds)
    words = f"late in {late} of {len(rounds)}" if late else "kept"
    print(f"{name:16} {median('end', 'p50'):9.3f} {median('end', 'p99'):9.3f} {median('end', 'max'):9.3f} "
          f"{median('service', 'p50'):9.3f} {median('service', 'p99'):9.3f} {median('message', 'p50'):9.3f} "
          f"{median('message', 'p99'):9.3f}  {words}")
    return {key: median("end", key) for key in TARGET_MS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--size", type=int, default=20480)
    parser.add_argument("--per-connection", type=int, default=100)
    parser.add_argument("--capacity-messages", type=int, default=20000, help="that find the capacity")
    parser.add_argument("--rate", type=float, help="messages per second instead of half of the capacity")
    parser.add_argument("--json", type=pathlib.Path, help="write the summaries here too")
    args = parser.parse_args()
    build = args.build.resolve()
    results = {"bare sink": [], "relay with SPF": []}
    with measure.memory_folder() as folder, measure.Programs() as programs:
        behind = measure.next_hop(programs, build)
        targets = {"bare sink": measure.bare_sink(programs, build, processor=-1),
                   "relay with SPF": measure.start_node(programs, build, folder, behind.listener)}
        capacity = capacity_of(build, targets["relay with SPF"], args)
        rate = args.rate or capacity / 2
        for _ in range(args.rounds):
            for name, program in targets.items():
                results[name].append(open_loop(build, program, rate, args))
    print(f"{measure.machine(args.build)}; {args.size} octets, {args.sessions} sessions, {args.per_connection} messages per connection, "
          f"{args.rounds} rounds of {args.seconds} s")
    print(f"capacity {capacity:.0f} messages/s, open loop at {rate:.0f}; ms, medians of the rounds")
    print(f"{'':16} {'end p50':>9} {'p99':>9} {'max':>9} {'service':>9} {'p99':>9} {'message':>9} {'p99':>9}  schedule")
    for name, rounds in results.items():
        found = print_row(name, rounds)
    missed = 0
    for key, target in TARGET_MS.items():
        missed += found[key] > target
        print(f"target {key}: {target:.0f} ms {'met' if found[key] <= target else 'MISSED'} ({found[key]:.3f} ms)")
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(args.build), "capacity": capacity, "rounds": results}, indent=1))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
