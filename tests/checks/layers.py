#!/usr/bin/env python3
"""Includes point one way: checks the #include lines against the table of folders in docs/architecture.md.

A row reads  | `io/base` | what it holds | yes | `io/mail`, `dnscache/*` |  : folder, contents, pure, may include.
An arrow that is not in the table fails, and so do a folder without a row, a cycle in the table, and a pure folder
that names sockets, clocks, threads, coroutines or files.
"""
import argparse
import fnmatch
import re

import sources

TABLE = "docs/architecture.md"

# What a pure folder may not include or call. What is here cannot be had by accident.
IMPURE_HEADERS = ["atomic", "condition_variable", "coroutine", "filesystem", "fstream", "future", "mutex", "netdb.h",
                  "poll.h", "pthread.h", "semaphore", "shared_mutex", "stop_token", "sys/epoll.h", "sys/random.h",
                  "sys/socket.h", "sys/stat.h", "thread", "unistd.h", "fcntl.h", "liburing.h"]
IMPURE_CALLS = re.compile(
    r"_clock\s*::\s*now\b|\brandom_device\b|\bgetenv\s*\(|\bfopen\s*\(|\bco_(?:await|return|yield)\b|\bthread_local\b"
    r"|\b(?:gettimeofday|clock_gettime|getrandom)\s*\(|\bstd\s*::\s*time\s*\(")


def read_table(text):
    table = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.fullmatch(r"`((?:%s)/[a-z_]+)`" % "|".join(sources.TARGET_FOLDERS), cells[0])
        if name and len(cells) == 4:
            table[name.group(1)] = (cells[2] == "yes", re.findall(r"`([a-z_]+/(?:[a-z_]+|\*))`", cells[3]))
    return table


def allowed(table, here, there):
    return here == there or any(fnmatch.fnmatchcase(there, pattern) for pattern in table[here][1])


def cycle(table):
    """One cycle among the rows, as a list of folders, or None."""
    state = {}

    def visit(folder, path):
        state[folder] = "open"
        for other in table:
            if other != folder and allowed(table, folder, other):
                if state.get(other) == "open":
                    return path + [other]
                if other not in state:
                    found = visit(other, path + [other])
                    if found:
                        return found
        state[folder] = "done"
        return None

    for folder in table:
        if folder not in state:
            found = visit(folder, [folder])
            if found:
                return found
    return None


def check_file(root, name, table):
    here = sources.folder_of(name)
    if here is None:
        return []  # programs, tests and benchmarks may include anything
    if here not in table:
        return [f"{name}:1: the folder {here} has no row in {TABLE}"]
    problems = []
    text = sources.read(root, name)
    for line, path in sources.includes(text):
        there = sources.folder_of(path)
        if there is None:
            problems.append(f"{name}:{line}: a library folder includes {path}")
        elif there not in table:
            problems.append(f"{name}:{line}: {path} is in a folder without a row in {TABLE}")
        elif not allowed(table, here, there):
            problems.append(f"{name}:{line}: {here} may not include {there}")
    if table[here][0]:
        for line, path in sources.system_includes(text):
            if path in IMPURE_HEADERS:
                problems.append(f"{name}:{line}: {here} is pure and may not include <{path}>")
        code = sources.blank(text)
        for match in IMPURE_CALLS.finditer(code):
            problems.append(f"{name}:{sources.line_of(code, match.start())}: {here} is pure: {match.group(0).strip()}")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root())
    root = parser.parse_args().root
    table = read_table(sources.read(root, TABLE))
    problems = [] if table else [f"{TABLE}: no table of folders"]
    looped = cycle(table)
    if looped:
        problems.append(f"{TABLE}: a cycle: {' -> '.join(looped)}")
    names = sources.cxx_files(root)
    for name in names:
        problems += check_file(root, name, table)
    sources.finish("layers", problems, f"{len(names)} files")


if __name__ == "__main__":
    main()
