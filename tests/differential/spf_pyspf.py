#!/usr/bin/env python3
"""SPF verdicts of Sluice against those of pyspf over random zones.

    spf_pyspf.py SLUICECTL [--zones N] [--seed S] [--jobs J] [--show CORRECTION]

Each zone is drawn from a seed and tried with several clients and senders: `sluicectl check --batch` with the zone in the
line, and pyspf over the same zone. Result, mechanism, explanation, lookups and void lookups are compared. A difference
is explained when pyspf, corrected where it parts from RFC 7208 (corrected_pyspf.py, each with its section), says what
Sluice says; the fewest corrections that do are counted. One that is not explained ends the run with the command that
repeats it."""

import argparse
import collections
import itertools
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import corrected_pyspf
import random_zone

CHECKS = 3  # of one zone
CHUNK = 500  # zones of one batch


def draw(seed):
    return random_zone.Maker(seed).make(CHECKS)


def sluice_answers(program, drawn):
    """[answer] in the order of the cases; the batch may answer in any order."""
    lines = []
    for zone, cases in drawn:
        for ip, sender, helo in cases:
            lines.append(json.dumps({"id": len(lines), "ip": ip, "helo": helo, "mail_from": sender, "checks": ["spf"],
                                     "zone": zone}))
    done = subprocess.run([program, "check", "--batch"], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          check=True, timeout=600)
    answers = [None] * len(lines)
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        answers[answer["id"]] = answer
    return answers


def comparable(answer):
    if answer is None or "spf" not in answer:
        return {"result": "no answer: %r" % (answer,)}
    found = answer["spf"]
    kept = {"result": found["result"]}
    if found["result"] in ("pass", "fail", "softfail", "neutral"):
        for member in ("mechanism", "lookups", "void_lookups"):
            kept[member] = found[member]
    if found["result"] == "fail":
        kept["explanation"] = found["explanation"]
    return kept


def explanation_of(zone_dns, case, wanted):
    """The fewest corrections with which pyspf says what is wanted; None: none do."""
    names = list(corrected_pyspf.CORRECTIONS)
    everything = corrected_pyspf.answer(zone_dns, case, names)
    if everything != wanted:
        return None
    needed = names
    for name in names:  # drop what is not needed
        without = [other for other in needed if other != name]
        if corrected_pyspf.answer(zone_dns, case, without) == wanted:
            needed = without
    for count in range(1, len(needed)):
        for few in itertools.combinations(names, count):
            if corrected_pyspf.answer(zone_dns, case, few) == wanted:
                return few
    return tuple(needed)


def compare(program, first, count):
    """(checks, {result: count}, [(seed, case, sluice, pyspf, corrections)])"""
    drawn = [draw(seed) for seed in range(first, first + count)]
    answers = iter(sluice_answers(program, drawn))
    results, differences, checks = collections.Counter(), [], 0
    for seed, (zone, cases) in enumerate(drawn, first):
        zone_dns = corrected_pyspf.ZoneDns(zone)
        for case in cases:
            ours = comparable(next(answers))
            theirs = corrected_pyspf.answer(zone_dns, case)
            checks += 1
            results[ours["result"]] += 1
            if ours != theirs:
                differences.append((seed, case, ours, theirs, explanation_of(zone_dns, case, ours)))
    return checks, results, differences


def show(difference):
    seed, case, ours, theirs, corrections = difference
    zone, _ = draw(seed)
    for name in sorted(zone):
        print("   ", name, json.dumps(zone[name]))
    print("  seed %d, client %s, sender %r, HELO %r" % (seed, *case))
    print("  sluice", ours)
    print("  pyspf ", theirs)
    print("  with all corrections", corrected_pyspf.answer(corrected_pyspf.ZoneDns(zone), case,
                                                          corrected_pyspf.CORRECTIONS))
    print("  corrections", corrections, flush=True)


def main():
    parser = argparse.ArgumentParser(description="SPF verdicts of Sluice against those of pyspf")
    parser.add_argument("program", help="sluicectl")
    parser.add_argument("--zones", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the first zone")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--show", help="print the differences explained by this correction")
    arguments = parser.parse_args()

    started = time.monotonic()
    checks, results, reasons, unexplained = 0, collections.Counter(), collections.Counter(), []
    chunks = [(first, min(CHUNK, arguments.seed + arguments.zones - first))
              for first in range(arguments.seed, arguments.seed + arguments.zones, CHUNK)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for done in [pool.submit(compare, arguments.program, *chunk) for chunk in chunks]:
            more, found, differences = done.result()
            checks += more
            results += found
            for difference in differences:
                corrections = difference[4]
                if corrections is None:
                    unexplained.append(difference)
                    continue
                reasons[corrections] += 1
                if arguments.show in corrections:
                    show(difference)
            if len(unexplained) > 20:
                break
    took = time.monotonic() - started
    print("%d zones, %d checks in %.0f s" % (arguments.zones, checks, took))
    print("  " + ", ".join("%s %d" % pair for pair in results.most_common()))
    print("%d differences, %d unexplained" % (sum(reasons.values()) + len(unexplained), len(unexplained)))
    for corrections, count in reasons.most_common():
        print("  %6d  %s" % (count, " + ".join(corrections)))
    for name in sorted({name for corrections in reasons for name in corrections}):
        print("  %s: RFC 7208 %s" % (name, corrected_pyspf.CORRECTIONS[name]))
    for difference in unexplained[:5]:
        print("\nnot explained; repeat it: %s %s --zones 1 --seed %d" % (sys.argv[0], arguments.program, difference[0]))
        show(difference)
    if unexplained:
        sys.exit(1)


if __name__ == "__main__":
    main()
