#!/usr/bin/env python3
"""Runs a command that must fail with a message that matches a regular expression.

Usage: must_fail.py --expect REGEX -- COMMAND ARGS...
"""
import argparse
import re
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--expect", required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    done = subprocess.run(arguments.command, capture_output=True, text=True, errors="replace")
    output = done.stdout + done.stderr
    if done.returncode == 0:
        print(f"succeeded although it must not:\n{output}")
        return 1
    if not re.search(arguments.expect, output):
        print(f"failed, but nothing matches {arguments.expect!r}:\n{output}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
