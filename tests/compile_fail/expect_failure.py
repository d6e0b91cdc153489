#!/usr/bin/env python3
"""Compiles a source as it stands (must succeed) and with SLUICE_MISUSE defined (must fail as expected).

Usage: expect_failure.py --source FILE --expect REGEX -- COMPILER ARGS...
"""
import argparse
import re
import subprocess
import sys


def compile_source(command, source, extra):
    done = subprocess.run(command + ["-Werror"] + extra + [source], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--expect", required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()

    code, output = compile_source(arguments.command, arguments.source, [])
    if code != 0:
        print(f"{arguments.source}: does not compile without the misuse either:\n{output}")
        return 1
    code, output = compile_source(arguments.command, arguments.source, ["-DSLUICE_MISUSE"])
    if code == 0:
        print(f"{arguments.source}: compiles although it must not")
        return 1
    errors = "\n".join(line for line in output.splitlines() if "error" in line)
    if not re.search(arguments.expect, errors):
        print(f"{arguments.source}: fails, but no error matches {arguments.expect!r}:\n{output}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
