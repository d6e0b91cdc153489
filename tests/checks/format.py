#!/usr/bin/env python3
"""The sources are as clang-format leaves them. To repair: tests/checks/format.py --write"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess

import sources


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root(), type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    style = f"--style=file:{sources.project_root() / '.clang-format'}"
    names = sources.cxx_files(arguments.root)
    if arguments.write:
        for name in names:
            subprocess.run(["clang-format-19", style, "-i", name], cwd=arguments.root, check=True)
        return

    def check(group):
        done = subprocess.run(["clang-format-19", style, "--dry-run", "-Werror", "--ferror-limit=1"] + group,
                              cwd=arguments.root, capture_output=True, text=True)
        if done.returncode == 0:
            return []
        found = [line for line in done.stderr.splitlines() if re.match(r"[^\s:]+:\d+:\d+: error", line)]
        return found or [done.stderr.strip()]

    groups = [names[at:at + 10] for at in range(0, len(names), 10)]
    problems = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for found in pool.map(check, groups):
            problems += found
    sources.finish("format", problems, f"{len(names)} files")


if __name__ == "__main__":
    main()
