#!/usr/bin/env python3
"""A night in short: the relay under an even load, while its memory and descriptors are watched.

    soak.py --build FOLDER [--minutes 10] [--share 0.8] [--sessions 64] [--json FILE]

First the capacity: a closed loop of the same messages. Then an open loop at a share of it for so many minutes, with connections of 1 and
of 20 messages and the sizes of real mail. Each second: resident memory of the node, its established TCP connections, and its other
descriptors: how many connections are open is the load's doing and swings, and one that is kept by mistake is no longer established
once its peer has closed it.

Flat means, behind a warm-up of a fifth of the time (at least 10 s): the line fitted through the samples rises by no more than 2 % of
their mean (memory; at least 1 MB is allowed) or 3 descriptors from the warm-up's end to the end, and the highest
sample of the last half of it is no more than 5 % (at least 2 MB) above the highest of the first. Ends with 1 when it is not, when a message was not accepted, or
when the journal or the balance is wrong at the end. All on loopback; the journal is in memory and cut when it gets long.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import make_corpus
import measure

JOURNAL_MAX = 256 << 20  # octets kept of it
GROWTH = {"rss_kb": (0.02, 1024), "descriptors": (0.0, 3)}  # of the fitted line: share of the mean, or this much
PEAK = {"rss_kb": (0.05, 2048), "descriptors": (0.05, 8)}
ESTABLISHED = "01"  # proc(5), /proc/net/tcp
CAPACITY_MESSAGES = 10000
CORPUS_MESSAGES = 500


def established_inodes(pid):
    inodes = set()
    for table in ("tcp", "tcp6"):
        path = pathlib.Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            columns = line.split()
            if columns[3] == ESTABLISHED:
                inodes.add(f"socket:[{columns[9]}]")
    return inodes


def descriptor_targets(pid):
    targets = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except FileNotFoundError:
            pass  # closed since
    return targets


def sample(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    targets = descriptor_targets(pid)
    established = established_inodes(pid)
    connections = sum(target in established for target in targets)
    return {"rss_kb": rss, "connections": connections, "descriptors": len(targets) - connections}


def slope(values):
    """Of the least-squares line, per step."""
    middle = (len(values) - 1) / 2
    mean = statistics.fmean(values)
    below = sum((step - middle) ** 2 for step in range(len(values)))
    return sum((step - middle) * (value - mean) for step, value in enumerate(values)) / below if below else 0.0


def verdict(samples, key):
    """(words, flat) about one measured thing."""
    skipped = max(len(samples) // 5, 10)
    values = [each[key] for each in samples[skipped:]]
    if len(values) < 10:
        raise measure.MeasureError("too short to say anything: at least half a minute is needed")
    mean, rise = statistics.fmean(values), slope(values) * (len(values) - 1)
    first, last = max(values[:len(values) // 2]), max(values[len(values) // 2:])
    share, least = GROWTH[key]
    may_rise = max(share * mean, least)
    share, least = PEAK[key]
    may_peak = max(share * first, least)
    flat = rise <= may_rise and last - first <= may_peak
    return (f"{key}: mean {mean:.0f}, fitted rise {rise:+.1f} (may be {may_rise:.0f}), highest {first} then {last} (may rise by "
            f"{may_peak:.0f}): {'flat' if flat else 'NOT FLAT'}"), flat


def watch(node, journal, load, seconds):
    """A sample each second until the load has ended."""
    samples = []
    end = time.monotonic() + seconds + 120
    while load.poll() is None:
        if time.monotonic() > end:
            load.terminate()
            raise measure.MeasureError("the load did not end")
        samples.append(sample(node.process.pid))
        if journal.exists() and journal.stat().st_size > JOURNAL_MAX:
            os.truncate(journal, 0)  # it is appended to, so nothing moves
        time.sleep(1)
    return samples


def start_load(build, node, rate, seconds, sessions):
    command = [build / "bin" / "sluice-load", "send", "--connect", node.listener, "--connections", sessions, "--rate",
               f"{rate:.1f}", "--seconds", seconds, "--messages-per-connection", "1=1,20=1", "--size",
               f"lognormal:{make_corpus.MEDIAN}:{make_corpus.MEAN}", "--from", "user{1-100}@d{0000-0199}.example", "--to",
               "rcpt{1-1000}@" + measure.MANAGED, "--quiet"]
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=measure.on_processor(0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--rate", type=float, help="messages per second instead of a share of the capacity")
    parser.add_argument("--json", type=pathlib.Path, help="write the samples here too")
    args = parser.parse_args()
    build, seconds = args.build.resolve(), round(args.minutes * 60)
    with measure.memory_folder() as folder, measure.Programs() as programs:
        corpus = f"{folder}/corpus"
        make_corpus.write_pack(corpus, make_corpus.corpus(CORPUS_MESSAGES, 200, 1))
        behind = measure.next_hop(programs, build)
        node = measure.start_node(programs, build, folder, behind.listener, zone=make_corpus.zone_text(200))
        capacity = measure.bare_load(build, node.port, CAPACITY_MESSAGES, corpus=corpus)["messages_per_second"]
        rate = args.rate or capacity * args.share
        load = start_load(build, node, rate, seconds, args.sessions)
        try:
            samples = watch(node, pathlib.Path(folder) / "node" / "journal.jsonl", load, seconds)
        finally:
            load.terminate()
            out, errors = load.communicate(timeout=60)
        summary = json.loads(out)
        stopped = json.loads(node.stop().strip().splitlines()[-1])
        exit_code = node.process.returncode
    print(f"{measure.machine(args.build)}; {seconds} s at {rate:.0f} messages/s of {capacity:.0f}, {args.sessions} sessions")
    print(f"{summary['begun']} begun, {summary['accepted']} accepted, {summary['refused_messages']} refused, {summary['errors']} errors, "
          f"{summary['generator']['unsent']} unsent; end of data p50 {summary['points_us']['end']['p50'] / 1000:.2f} p99 "
          f"{summary['points_us']['end']['p99'] / 1000:.2f} ms; schedule "
          f"{'kept' if summary['generator']['kept_schedule'] else 'not kept: ' + summary['generator']['problem']}")
    well = summary["accepted"] == summary["begun"] and exit_code == 0 and stopped["balance"]["balanced"]
    print(f"the node ended with {exit_code}, balanced: {stopped['balance']['balanced']}")
    connections = [each["connections"] for each in samples]
    print(f"connections: {min(connections)} to {max(connections)}")
    for key in GROWTH:
        words, flat = verdict(samples, key)
        well = well and flat
        print(words)
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(args.build), "summary": summary, "samples": samples}))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
