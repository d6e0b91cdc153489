#!/usr/bin/env python3
"""The rules of style that a text search can hold: names of files, comments, includes, confinement, READMEs.

Long files are only reported: a long one says at its top why it is one idea.
"""
import argparse
import pathlib
import re

import sources

# Shared state lives in these files (path prefixes) and nowhere else.
SHARED_STATE_ALLOWED = [
    "io/runtime/mailbox", "io/runtime/post", "io/runtime/published", "io/runtime/worker", "io/runtime/log", "io/runtime/ring",
    "io/runtime/metric",
    "io/runtime/scheduler",  # counts who is inside ring() when it ends
    "io/reactor/shard_group",
    "io/reactor/epoll_files",  # its thread of blocking file operations, beside the shard
    "tools/", "bench/", "tests/",
]
SHARED_STATE = re.compile(
    r"\bstd\s*::\s*(?:mutex|shared_mutex|recursive_mutex|timed_mutex|shared_ptr|weak_ptr|make_shared|atomic\w*"
    r"|condition_variable\w*|enable_shared_from_this)\b|\bthread_local\b|\bpthread_mutex_\w+")

# libstdc++ 12 gives that size as the capacity that it has grown to, not as what was asked for.
GROWN_SIZE = re.compile(r"\bresize_and_overwrite\s*\([^;{]*\(\s*\w[\w\s]*\*\s*\w+\s*,\s*(?:const\s+)?[\w:]+\s+\w+\s*\)")

# Traces of the place where a file was written have no meaning to a reader.
FOREIGN = re.compile(r"(?<![\w.])/(?:home|work)/[a-z]|(?<![\w.])/root/\w|\bissue #?\d")

VAGUE_NAMES = re.compile(r"(?:^|_)(?:utils?|common|misc|helpers?|stuff)(?:_|\.|$)")
TODO = re.compile(r"\bTODO\b")
TODO_FORM = re.compile(r"\bTODO\([a-z]+\): \S")
HEADER_LINES = 400
SOURCE_LINES = 600
# These speak of the rules themselves.
EXEMPT = ("tests/checks/style.py", "tests/checks/checks_test.py", "LICENSE")


def check_words(name, text):
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\bFIXME\b", line):
            problems.append(f"{name}:{number}: FIXME may not be merged")
        if TODO.search(line) and not TODO_FORM.search(line):
            problems.append(f"{name}:{number}: a TODO has the form TODO(kind): condition")
        found = FOREIGN.search(line)
        if found:
            problems.append(f"{name}:{number}: {found.group(0)!r} means nothing to a reader elsewhere")
    return problems


def check_includes(root, name, text):
    problems = []
    found = list(sources.includes(text))
    for line, path in found:
        if not (pathlib.Path(root) / path).is_file():
            problems.append(f"{name}:{line}: {path} is not a path from the root")
    if name.endswith(".cc") and not name.startswith("tests/"):
        own = name[:-3] + ".h"
        if (pathlib.Path(root) / own).is_file():
            first = re.search(r'^[ \t]*#[ \t]*include[ \t]+(\S+)', sources.blank(text, keep_strings=True), re.MULTILINE)
            if not first or first.group(1) != f'"{own}"':
                problems.append(f"{name}:1: the first include is the file's own header, {own}")
    return problems


def check_header(name, text):
    problems = []
    pragma = text.find("#pragma once")
    if pragma < 0:
        problems.append(f"{name}:1: no #pragma once")
    elif not text.startswith("// "):
        problems.append(f"{name}:1: a header starts with its manual page, a comment before #pragma once")
    for match in re.finditer(r"^\s*using\s+namespace\b(?!\s+std::\w*literals)", sources.blank(text), re.MULTILINE):
        problems.append(f"{name}:{sources.line_of(text, match.start())}: using namespace in a header")
    return problems


def check_confinement(name, text):
    if name.startswith(tuple(SHARED_STATE_ALLOWED)):
        return []
    code = sources.blank(text)
    return [f"{name}:{sources.line_of(code, match.start())}: {match.group(0)} outside of the files that may share state"
            for match in SHARED_STATE.finditer(code)]


def check_grown_size(name, text):
    code = sources.blank(text)
    return [f"{name}:{sources.line_of(code, match.start())}: the size that resize_and_overwrite gives may be larger than what "
            "was asked for: leave it without a name"
            for match in GROWN_SIZE.finditer(code)]


def check_file_name(name):
    stem = name.rsplit("/", 1)[-1]
    problems = []
    if not re.fullmatch(r"[a-z0-9_]+\.(?:h|cc)", stem):
        problems.append(f"{name}:1: file names are snake_case")
    if VAGUE_NAMES.search(stem):
        problems.append(f"{name}:1: a file is named after the type or verb that it holds")
    return problems


def check_readmes(root, names):
    folders = sorted({sources.folder_of(name) for name in names} - {None})
    return [f"{folder}: no README.md" for folder in folders if not (pathlib.Path(root) / folder / "README.md").is_file()]


def report_lengths(root, names):
    for name in names:
        lines = sources.read(root, name).count("\n")
        if lines > (HEADER_LINES if name.endswith(".h") else SOURCE_LINES):
            print(f"note: {name} has {lines} lines")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root())
    root = parser.parse_args().root
    names = sources.cxx_files(root)
    problems = []
    for name in sources.all_files(root):
        if name not in EXEMPT and name.endswith((".h", ".cc", ".md", ".py", ".sh", ".txt", ".toml", ".cmake", ".json")):
            problems += check_words(name, sources.read(root, name))
    for name in names:
        text = sources.read(root, name)
        problems += check_file_name(name) + check_includes(root, name, text) + check_confinement(name, text)
        problems += check_grown_size(name, text)
        if name.endswith(".h"):
            problems += check_header(name, text)
    problems += check_readmes(root, names)
    report_lengths(root, names)
    sources.finish("style", problems, f"{len(names)} files")


if __name__ == "__main__":
    main()
