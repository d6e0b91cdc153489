#!/usr/bin/env python3
"""What a second shard costs: CPU per message of two shards against one, at the same rate.

    two_shards.py --build FOLDER [--seconds 10] [--rounds 5] [--share 0.5] [--per-connection 10] [--json FILE]

A node with one shard and one with two get the same open loop in turns, at a share of what one shard can do. The second
spends more where work crosses shards, or where what is batched on one is divided among two. The target is a ratio of at most
1.15, as the median of the rounds' ratios. The generator, the sink behind and the DNS server go where the kernel puts
them: with two processors they share both with the two shards, and one of them with the one. All on loopback.
"""
import argparse
import json
import pathlib
import statistics
import sys

import measure

TARGET = 1.15


def capacity_of(build, node, args):
    return measure.bare_load(build, node.port, args.capacity_messages, per_connection=args.per_connection,
                             size=args.size)["messages_per_second"]


def measured(build, node, rate, args):
    before = node.cpu()
    summary = measure.generator_load(build, node.port, 10**9, per_connection=args.per_connection, size=args.size,
                                     connections=args.sessions, seconds=args.seconds, extra=["--rate", f"{rate:.1f}"],
                                     all_accepted=False, processor=None)
    if summary["accepted"] != summary["begun"]:
        raise measure.MeasureError(f"only {summary['accepted']} of {summary['begun']} messages were accepted")
    figures = node.cpu().since(before, summary["accepted"])
    figures["kept"] = summary["generator"]["kept_schedule"]
    figures["p99_ms"] = summary["points_us"]["end"]["p99"] / 1000
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--size", type=int, default=20480)
    parser.add_argument("--per-connection", type=int, default=10)
    parser.add_argument("--capacity-messages", type=int, default=20000, help="that find the capacity")
    parser.add_argument("--share", type=float, default=0.5, help="of the capacity of one shard")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    args = parser.parse_args()
    build = args.build.resolve()
    if len(measure.PROCESSORS) < 2:
        raise measure.MeasureError("two shards need two processors")
    with measure.memory_folder() as folder, measure.Programs() as programs:
        behind = measure.next_hop(programs, build, processor=None)
        nodes = {shards: measure.start_node(programs, build, folder, behind.listener, shards=shards, name=f"shards{shards}",
                                            processor=-1 if shards == 1 else None, dns_processor=None)
                 for shards in (1, 2)}
        capacities = {shards: max(capacity_of(build, node, args) for _ in range(2)) for shards, node in nodes.items()}
        rate = capacities[1] * args.share
        results = {1: [], 2: []}
        for _ in range(args.rounds):
            for shards, node in nodes.items():
                results[shards].append(measured(build, node, rate, args))
    ratio = statistics.median(two["total"] / one["total"] for one, two in zip(results[1], results[2]))
    print(f"{measure.machine(args.build)}; {args.size} octets, {args.sessions} sessions, {args.per_connection} messages per connection, "
          f"{args.rounds} rounds of {args.seconds} s at {rate:.0f} messages/s")
    for shards, rounds in results.items():
        totals = [each["total"] for each in rounds]
        late = sum(not each["kept"] for each in rounds)
        print(f"{shards} shard{'s' if shards > 1 else ' '}: {statistics.median(totals):7.1f} us/message "
              f"({min(totals):.1f}..{max(totals):.1f}), kernel {100 * statistics.median(e['system'] / e['total'] for e in rounds):.0f} %, "
              f"p99 {statistics.median(e['p99_ms'] for e in rounds):.2f} ms, capacity {capacities[shards]:.0f}/s, "
              f"schedule {f'late in {late}' if late else 'kept'}")
    print(f"ratio {ratio:.3f}, target {TARGET}: {'met' if ratio <= TARGET else 'MISSED'}")
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(args.build), "rate": rate, "rounds": results}, indent=1))
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
