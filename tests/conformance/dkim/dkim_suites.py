#!/usr/bin/env python3
"""The DKIM suites of two other implementations, run against our verifier through dkim_suite_peer.

  dkimpy      all its unit tests about verifying and canonical forms, with its verifier replaced by ours: what it
              signs, and the signed messages of its data, in every form that the tests go through
  go-msgauth  the messages, keys and tables of canonical forms of its tests, read from its sources

Each exception is listed with its reason; one that no longer deviates fails too, so that the list stays true.
"""
import argparse
import hashlib
import importlib
import re
import subprocess
import sys
import time
import unittest

# What we decide otherwise, by test, and why.
DKIMPY_EXCEPTIONS = {
    "test_tlsrpt_with_strict_tlsrptsvc": "keys with s=tlsrpt only are for TLS reports (RFC 8460); mail is s=email",
    "test_tlsrpt_with_tlsrptsvc": "the same",
    "test_tlsrpt_with_strict_no_tlsrptsvc": "the caller's wish that only keys with s=tlsrpt count: no mode of ours",
    "test_tlsrpt_ignore_l_verify": "l= is refused for TLS reports only; the RFC's reading of it is tested here",
}
GO_BODY_EXCEPTIONS = {
    "What about\nLF endings?\n\n": "a LF on its own is no line end in a message (RFC 5322 2.3)",
    "hey\n": "the same",
}


class Peer:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.verified = 0

    def send(self, head, *parts):
        self.process.stdin.write(head.encode())
        for part in parts:
            self.process.stdin.write(b"%d\n" % len(part) + part)
        self.process.stdin.flush()

    def line(self):
        line = self.process.stdout.readline().decode().split()
        if not line:
            raise RuntimeError("the peer ended")
        return line

    def verify(self, message, keys, minkey=1024):
        """keys: a name without the final dot -> a list of records, or None. Returns [(result, reason)]."""
        self.verified += 1
        self.send(f"verify {int(time.time())} {minkey} ", message)
        while True:
            word, rest = self.line()
            if word == "done":
                return [tuple(self.line()) for _ in range(int(rest))]
            records = keys(rest)
            if records is None:
                self.send("answer none 0\n")
            else:
                self.send(f"answer records {len(records)}\n", *records)

    def body(self, form, pieces):
        self.send(f"body {form} {len(pieces)}\n", *pieces)
        return self.line()[1]

    def field(self, form, raw):
        self.send(f"field {form} ", raw)
        return self.process.stdout.read(int(self.line()[1]))

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=10)


# --- dkimpy ---

def replace_verifier(peer):
    import dkim

    original = dkim.DKIM.verify

    def ours(self, idx=0, dnsfunc=None):
        try:
            original(self, idx, dnsfunc)  # for what it leaves in the object
        except dkim.DKIMException:
            pass
        message = b"".join(name + b":" + value for name, value in self.headers) + b"\r\n" + self.body

        def keys(name):
            try:
                text = dnsfunc(name.encode() + b".")
            except AssertionError:  # the test has no such name
                return None
            if text is None:
                return None
            return [(text if isinstance(text, bytes) else text.encode()).strip(b"\n")]

        outcomes = peer.verify(message, keys, self.minkey)
        return len(outcomes) > idx and outcomes[idx][0] == "pass"

    dkim.DKIM.verify = ours


def replace_canonical_forms(peer):
    module = importlib.import_module("dkim.tests.test_canonicalization")

    def check(self, expected, given):
        form = "relaxed" if "Relaxed" in type(self).__name__ else "simple"
        if "Body" in type(self).__name__:
            for text in (expected, given):
                self.assertEqual(hashlib.sha256(expected).hexdigest(), peer.body(form, [text]))
        else:
            for fields in (expected, given):
                raw = [peer.field(form, name + b":" + value) for name, value in fields]
                self.assertEqual([name + b":" + value for name, value in expected], raw)

    module.BaseCanonicalizationTest.assertCanonicalForm = check


def run_dkimpy(peer):
    replace_verifier(peer)
    replace_canonical_forms(peer)
    suite = unittest.TestSuite()
    for name in ("test_canonicalization", "test_dkim", "test_dkim_ed25519", "test_dkim_rsavariants", "test_dkim_tlsrpt"):
        suite.addTests(unittest.defaultTestLoader.loadTestsFromName(f"dkim.tests.{name}"))
    result = unittest.TestResult()
    suite.run(result)
    problems = []
    deviating = set()
    for test, trace in result.failures + result.errors:
        name = test.id().rsplit(".", 1)[-1]
        deviating.add(name)
        if name not in DKIMPY_EXCEPTIONS:
            problems.append(f"dkimpy: {test.id()}\n{trace}")
    problems += [f"dkimpy: {name} is listed as an exception and does not deviate"
                 for name in DKIMPY_EXCEPTIONS if name not in deviating]
    print(f"dkimpy: {result.testsRun} tests, {peer.verified} messages verified, "
          f"{len(deviating & set(DKIMPY_EXCEPTIONS))} exceptions, {len(problems)} problems")
    if result.testsRun < 70 or peer.verified < 100:
        problems.append("dkimpy: fewer tests than there were")
    return problems


# --- go-msgauth ---

def go_text(expression):
    """The value of string literals joined by +."""
    value = ""
    for raw, quoted in re.findall(r'`([^`]*)`|"((?:[^"\\]|\\.)*)"', expression):
        value += raw if raw else quoted.encode().decode("unicode_escape")
    return value


def go_constants(source):
    literal = r'(?:`[^`]*`|"(?:[^"\\]|\\.)*")'
    return {name: go_text(text)
            for name, text in re.findall(rf"const (\w+) = ({literal}(?:\s*\+\s*{literal})*)", source)}


def go_verify(peer, folder):
    messages = go_constants((folder / "verify_test.go").read_text())
    keys = go_constants((folder / "query_test.go").read_text())
    records = {
        "brisbane._domainkey.example.com": "dnsPublicKey", "brisbane._domainkey.example.org": "dnsPublicKey",
        "test._domainkey.football.example.com": "dnsPublicKey", "newengland._domainkey.example.com": "dnsRawRSAPublicKey",
        "brisbane._domainkey.football.example.com": "dnsEd25519PublicKey",
    }
    expected = {
        "unsignedMailString": [],
        "verifiedMailString": ["pass"],
        "verifiedRawRSAMailString": ["pass"],
        # The test looks at the first only: its key for the second is that of RFC 6376, the signature RFC 8463's.
        "verifiedEd25519MailString": ["pass", "fail"],
        "tooManySignaturesMailString": ["pass", "pass", "pass"],
    }
    problems = []
    for name, wanted in expected.items():
        message = messages[name].replace("\n", "\r\n").encode()
        found = peer.verify(message, lambda asked: [keys[records[asked]].encode()] if asked in records else None)
        if [result for result, _ in found] != wanted:
            problems.append(f"go-msgauth: {name}: {found} instead of {wanted}")
    return len(expected), problems


def go_canonical(peer, folder):
    source = (folder / "canonical_test.go").read_text()
    literal = r'"(?:[^"\\]|\\.)*"'
    problems = []
    count = 0
    for table, form in (("simpleCanonicalizerBodyTests", "simple"), ("relaxedCanonicalizerBodyTests", "relaxed")):
        rows = source[source.index(f"var {table}"):]
        rows = rows[:rows.index("\n}\n")]
        for original, canonical in re.findall(
                rf"\{{\s*((?:\[\]string\{{)?{literal}(?:,\s*{literal})*\}}?),\s*({literal}),\s*\}}", rows):
            pieces = [go_text(piece) for piece in re.findall(literal, original)]
            same = peer.body(form, [piece.encode() for piece in pieces]) == \
                hashlib.sha256(go_text(canonical).encode()).hexdigest()
            exception = any(piece in GO_BODY_EXCEPTIONS for piece in pieces)
            count += 1
            if same == exception:
                problems.append(f"go-msgauth: {form} body of {pieces}, exception: {exception}")
    rows = source[source.index("var relaxedCanonicalizerHeaderTests"):]
    rows = rows[:rows.index("\n}\n")]
    for original, canonical in re.findall(rf"\{{\s*({literal}),\s*({literal}),\s*\}}", rows):
        count += 1
        if peer.field("relaxed", go_text(original).encode()) != go_text(canonical).encode():
            problems.append(f"go-msgauth: relaxed field {go_text(original)!r}")
    return count, problems


def run_go(peer, folder):
    messages, problems = go_verify(peer, folder)
    forms, more = go_canonical(peer, folder)
    problems += more
    print(f"go-msgauth: {messages} messages, {forms} canonical forms, {len(GO_BODY_EXCEPTIONS)} exceptions, "
          f"{len(problems)} problems")
    if forms < 24:
        problems.append("go-msgauth: fewer rows than there were")
    return problems


def main():
    import pathlib
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--go", required=True, type=pathlib.Path, help="folder of go-msgauth's dkim package")
    options = parser.parse_args()
    peer = Peer(options.peer)
    problems = run_dkimpy(peer) + run_go(peer, options.go)
    if peer.close() != 0:
        problems.append("the peer failed")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
