"""Reads what the node and the sink wrote down, and shows what became of each message."""
import json
import pathlib
import shutil
import textwrap

# The messages of a row, for people who read English. A message that is not here is shown by its id.
WORDS = {
    "spf.not_matched": "not matched (SPF rule)",
    "spf.deleted": "message deleted (SPF rule)",
    "spf.rejected": "message rejected (SPF rule)",
    "spf.deferred": "message deferred (SPF rule)",
    "spf.not_intercepted": "not intercepted (SPF rule)",
    "spf.ignored": "ignored (SPF rule)",
    "spf.excluded_peer": "matched excluded peer",
    "spf.authenticated_by_dmarc": "authenticated by DMARC, whose policy is",
    "dmarc.policy": "published policy",
    "dmarc.not_matched": "not matched (DMARC rule)",
    "dmarc.not_intercepted": "not intercepted (DMARC rule)",
    "dmarc.tagged": "subject tagged (DMARC rule)",
    "dmarc.ignored": "ignored (DMARC rule)",
    "dmarc.excluded_peer": "matched excluded peer",
}
# Said by the results themselves.
UNSAID = {"spf.result", "dkim.result", "dmarc.result"}


def read_json_lines(path):
    """Whole lines only: the last one may still be on its way."""
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    rows = []
    for line in text.split("\n")[:-1]:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def tracking_rows(journal):
    return [row for row in read_json_lines(journal) if row.get("kind", "tracking") == "tracking"]


def bare(address):
    return (address or "").strip("<>")


def row_of(message, rows):
    for row in rows:
        if (row.get("client_ip") == message.client and bare(row.get("sender")) == message.sender
                and bare(row.get("recipient")) == message.recipient):
            return row
    return None


def sink_entry_of(message, entries):
    for entry in entries:
        sender = entry.get("sender", entry.get("mail_from"))
        recipients = entry.get("recipients", entry.get("rcpt_to", []))
        if bare(sender) == message.sender and message.recipient in [bare(recipient) for recipient in recipients]:
            return entry
    return None


def decided(row):
    spf = row.get("spf")
    return spf["result"] if spf else "-"


def why(row):
    """In a person's words: what was found, and the rules' part in it."""
    parts = []
    spf = row.get("spf")
    if spf:
        identity = spf.get("identity", "mailfrom")
        text = f"{spf.get('mechanism') or 'no mechanism'} of {spf.get('domain')}"
        if spf.get("problem"):
            text = f"{spf['problem']} in {spf.get('problem_domain') or spf.get('domain')}"
            if spf.get("problem_term"):
                text += f" at {spf['problem_term']}"
        if identity != "mailfrom":
            text += f" (identity {identity})"
        text += f", lookups {spf.get('lookups', 0)}"
        parts.append(text)
    for signature in row.get("dkim", []):
        parts.append(f"DKIM {signature['result']} of {signature['domain']}")
    if row.get("dmarc"):
        parts.append(f"DMARC {row['dmarc']['result']}")
    for note in row.get("policies", []):
        arguments = " ".join(note.get("arguments", []))
        if note.get("id") not in UNSAID:
            parts.append(f"{WORDS.get(note.get('id'), note.get('id'))} {arguments}".strip())
    if row.get("rule"):
        parts.append(f"rule \"{row['rule']}\"")
    if row.get("reason"):
        parts.append(row["reason"])
    return "; ".join(parts) or "no rule was reached"


def where(row, entry):
    disposition = row.get("disposition")
    if disposition == "relayed":
        place = row.get("next_hop", "the next hop")
        return f"relayed to {place}" + ("" if entry is not None else " (the sink has no record of it)")
    reply = row.get("reply", "")
    return f"{disposition}: {reply}" if reply else disposition


def judge(message, row, entry):
    """What is not as expected, in words; empty if all is."""
    if row is None:
        return ["the journal has no row of it"]
    wrong = []
    if row.get("disposition") != message.disposition:
        wrong.append(f"expected to be {message.disposition}, was {row.get('disposition')}")
    spf = row.get("spf") or {}
    if message.result and spf.get("result") != message.result:
        wrong.append(f"expected SPF {message.result}, was {spf.get('result')}")
    if message.mechanism and spf.get("mechanism") != message.mechanism:
        wrong.append(f"expected mechanism {message.mechanism}, was {spf.get('mechanism')}")
    dmarc = row.get("dmarc") or {}
    if message.dmarc and dmarc.get("result") != message.dmarc:
        wrong.append(f"expected DMARC {message.dmarc}, was {dmarc.get('result')}")
    if (message.disposition == "relayed") != (entry is not None):
        wrong.append("the sink has it" if entry is not None else "the sink does not have it")
    return wrong


def show(lines, widths):
    """One row of the table; cells are wrapped to their columns."""
    cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(lines, widths)]
    for index in range(max(len(cell) for cell in cells)):
        parts = [(cell[index] if index < len(cell) else "").ljust(width) for cell, width in zip(cells, widths)]
        print(" ".join(parts).rstrip())


def report(messages, journal, record):
    """Prints the table; returns how many messages did not do as expected."""
    rows = tracking_rows(journal)
    entries = read_json_lines(record)
    width = max(min(shutil.get_terminal_size((120, 24)).columns, 160), 100)
    rest = width - 3 - 9
    widths = [2, int(rest * 0.34), 9, int(rest * 0.38), rest - int(rest * 0.34) - int(rest * 0.38) - 3]
    print()
    show(["#", "message", "SPF", "why", "where it went"], widths)
    print("-" * width)
    failures = 0
    for number, message in enumerate(messages, 1):
        row = row_of(message, rows)
        entry = sink_entry_of(message, entries)
        wrong = judge(message, row, entry)
        what = f"{message.title}: <{message.sender}> to {message.recipient} from {message.client}"
        if row is None:
            show([str(number), what, "?", "", "no row"], widths)
        else:
            show([str(number), what, decided(row), why(row), where(row, entry)], widths)
        for problem in wrong:
            print(f"   !! {problem}")
        failures += 1 if wrong else 0
    print("-" * width)
    print(f"{len(messages) - failures} of {len(messages)} messages did what they should")
    return failures
