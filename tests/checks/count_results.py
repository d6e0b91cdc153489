#!/usr/bin/env python3
"""Adds up what ctest recorded, and prints "N passed, N failed" as the last line.

A GoogleTest program counts as its cases, any other test as one; a file that clang-tidy complains of as a failure. A stage that failed without a failed test (it did
not configure, not build, or took too long) counts as one failure.

Usage: count_results.py [--failed-stages "a b"] RESULTS-FOLDER STAGE...
"""
import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

PRESET_OF_STAGE = {"clang": "dev", "asan": "fuzz", "gcc": "gcc", "tsan": "tsan", "tidy": "tidy"}


def cases_of(output):
    """The (passed, failed, skipped) cases that GoogleTest reports in a test's output, or None."""
    total = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    seen = False
    for word, count in re.findall(r"^\[\s+(PASSED|FAILED|SKIPPED)\s+\] (\d+) tests?[.,]", output, re.MULTILINE):
        total[word] += int(count)
        seen = True
    return (total["PASSED"], total["FAILED"], total["SKIPPED"]) if seen else None


def count(path):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        cases = cases_of(case.findtext("system-out") or "")
        if case.get("status") == "run":
            passed += cases[0] if cases else 1
            skipped += cases[2] if cases else 0
        elif case.get("status") in ("notrun", "disabled"):
            skipped += 1
        else:
            passed += cases[0] if cases else 0
            failed += max(cases[1] if cases else 1, 1)
            skipped += cases[2] if cases else 0
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed-stages", default="")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("stages", nargs="+")
    arguments = parser.parse_args()
    failed_stages = arguments.failed_stages.split()
    total = [0, 0, 0]
    for stage in arguments.stages:
        path = arguments.folder / (PRESET_OF_STAGE[stage] + ".xml")
        numbers = list(count(path)) if path.exists() else [0, 0, 0]
        if stage in failed_stages and numbers[1] == 0:
            numbers[1] = 1
        print(f"{stage}: {numbers[0]} passed, {numbers[1]} failed, {numbers[2]} skipped")
        if stage == "tidy":
            numbers[0] = 0  # a file that was looked at is no test that passed
        total = [a + b for a, b in zip(total, numbers)]
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] or failed_stages else 0


if __name__ == "__main__":
    sys.exit(main())
