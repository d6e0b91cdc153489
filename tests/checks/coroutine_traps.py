#!/usr/bin/env python3
"""Coroutine shapes that g++ 12.2 miscompiles, or whose captures die before the coroutine does.

Not allowed in the operand of co_await: a lambda with captures, braces (an aggregate or a list), a conditional
expression. Not allowed anywhere: a coroutine lambda with captures; co_return inside a statement expression.
tests/toolchain has the shapes to use instead. Lexical: it errs on the side of complaining.
"""
import argparse
import re

import sources

TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|::|->\*?|&&|\|\||==|!=|<=|>=|<<|\"[^\"]*\"|\[\[|\]\]|\S")
OPEN = {"(": ")", "[": "]", "{": "}", "[[": "]]"}
CLOSE = set(OPEN.values())
COROUTINE = ("co_await", "co_return", "co_yield")


class Tokens:
    def __init__(self, text):
        code = sources.blank(text)
        # Preprocessor continuation: a macro's body is code too.
        code = code.replace("\\\n", " \n")
        self.code = code
        self.items = [(match.group(0), match.start()) for match in TOKEN.finditer(code)]
        self._split_brackets()

    def _split_brackets(self):
        """`]]` closes an attribute only if `[[` opened one; `a[b[1]]` closes twice."""
        items = []
        attributes = 0
        for token, position in self.items:
            if token == "[[":
                attributes += 1
                items.append((token, position))
            elif token == "]]" and attributes == 0:
                items += [("]", position), ("]", position + 1)]
            else:
                if token == "]]":
                    attributes -= 1
                items.append((token, position))
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index][0] if 0 <= index < len(self.items) else ""

    def line(self, index):
        return sources.line_of(self.code, self.items[index][1])

    def matching(self, index):
        """The index of what closes the bracket at index, or the last token."""
        depth = 0
        for at in range(index, len(self.items)):
            if self[at] in OPEN:
                depth += 1
            elif self[at] in CLOSE:
                depth -= 1
                if depth == 0:
                    return at
        return len(self.items) - 1

    def is_lambda(self, index):
        before = self[index - 1]
        if self[index] != "[" or before in (")", "]", "\"", "auto"):
            return False
        return not re.fullmatch(r"[A-Za-z_]\w*|\".*\"", before) or before in ("return", "co_return", "co_await",
                                                                              "co_yield", "case")

    def has_captures(self, index):
        return self.matching(index) > index + 1

    def lambda_body(self, index):
        """The index of the `{` of the lambda whose `[` is at index, or None."""
        at = self.matching(index) + 1
        while at < len(self):
            token = self[at]
            if token == "{":
                return at
            if token in ("(", "[["):
                at = self.matching(at) + 1
            elif token in (";", ",", ")", "]", "}", "="):
                return None
            else:
                at += 1
        return None


def check_operand(tokens, start):
    """Complaints about the operand of the co_await at start."""
    problems = []
    depth = 0
    at = start + 1
    while at < len(tokens):
        token = tokens[at]
        if token in (";", ",") and depth == 0:
            break
        if depth == 0 and token in ("?", "&&", "||", "==", "!=", "<=", ">=", "=", "+"):
            break
        if token in CLOSE:
            depth -= 1
            if depth < 0:
                break
        elif tokens.is_lambda(at):
            if tokens.has_captures(at):
                problems.append((at, "a lambda with captures in the operand of co_await"))
            body = tokens.lambda_body(at)
            at = tokens.matching(body) if body is not None else tokens.matching(at)
        elif token == "{":
            problems.append((at, "braces in the operand of co_await"))
            at = tokens.matching(at)
        elif token == "?":
            problems.append((at, "a conditional expression in the operand of co_await"))
        elif token in OPEN:
            depth += 1
        at += 1
    return problems


def own_coroutine_word(tokens, body):
    """The first co_... of a lambda's body that is not in a lambda inside it, or None."""
    at = body + 1
    end = tokens.matching(body)
    while at < end:
        if tokens.is_lambda(at):
            inner = tokens.lambda_body(at)
            if inner is not None:
                at = tokens.matching(inner) + 1
                continue
        if tokens[at] in COROUTINE:
            return at
        at += 1
    return None


def check_text(name, text):
    if not any(word in text for word in COROUTINE):
        return []
    tokens = Tokens(text)
    found = []
    for at in range(len(tokens)):
        if tokens[at] == "co_await":
            found += check_operand(tokens, at)
        elif tokens.is_lambda(at) and tokens.has_captures(at):
            body = tokens.lambda_body(at)
            if body is not None and own_coroutine_word(tokens, body) is not None:
                found.append((at, "a coroutine lambda with captures"))
        elif tokens[at] == "(" and tokens[at + 1] == "{" and re.search(
                r"\bco_(?:return|await|yield)\b",
                tokens.code[tokens.items[at][1]:tokens.items[tokens.matching(at)][1]]):
            # `f({co_await x})` is caught above as well; either way it is a trap.
            found.append((at, "a co_... word inside a statement expression"))
    return [f"{name}:{tokens.line(at)}: {what}" for at, what in sorted(set(found))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root())
    root = parser.parse_args().root
    names = sources.cxx_files(root)
    problems = []
    for name in names:
        problems += check_text(name, sources.read(root, name))
    sources.finish("coroutine traps", problems, f"{len(names)} files")


if __name__ == "__main__":
    main()
