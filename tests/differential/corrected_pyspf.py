"""pyspf (Debian python3-spf) over a zone in memory, as it is and with corrections.

Where pyspf and RFC 7208 part, a correction makes it do what the section named says. A difference from Sluice is
explained when pyspf with as few corrections as needed gives Sluice's answer."""

import re
import sys
import urllib.parse

import spf

CORRECTIONS = {
    "grammar": "4.6, 7.1, 12: a term that the grammar does not allow makes the record one (pyspf reads macros, op= and "
               "default= loosely)",
    "modifier-case": "4.6.1, 12 with RFC 5234 2.3: names of modifiers in any case",
    "modifier-repeat": "6: unrecognised modifiers are ignored, no matter how often they appear",
    "include-self": "4.6, 5.2: an include of the current domain is an error when it is reached (by 4.6.4), not before",
    "redirect-count": "4.6.4, 6.1: redirect counts when it is followed, not when it is read",
    "mx-order": "4.6, 5.4: names under mx are looked up until one matches; what is behind the match has no effect",
    "ptr-fault": "5.5: a fault of the PTR lookup is no match, one of a name's addresses skips the name",
    "ptr-target": "4.3, 4.8, 5.5: a target that is no domain name does not match, so that no PTR is looked up (and none is void)",
    "initial-domain": "4.3: none for a domain that is malformed or not multi-label",
    "macro-join": "7.3: parts are joined with dots, whatever they were split at",
    "macro-case": "7.1 with RFC 5234 2.3: R reverses as r does",
    "long-name": "7.3: names over 253 octets lose labels from the left until they fit; 4.8: what still is not a domain name "
                 "does not match",
    "local-part": "RFC 5321 4.1.2: the domain stands behind the last @",
    "plain-text": "6.2, 11.5: an explanation that is not printable ASCII is not shown; it is cut at 450 octets (Sluice's own "
                  "limit)",
}

LETTERS = "slodiphv"
DELIMITERS = r"[.\-+,/_=]"
EXPAND = r"(?:%%|%_|%-|%\{[" + LETTERS + r"](?!0+[rR]?[^0-9])[0-9]*r?" + DELIMITERS + r"*\})"
LITERAL = r"[\x21-\x24\x26-\x7e]"
MACRO_STRING = "(?:" + EXPAND + "|" + LITERAL + ")*"
TOP = r"(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])"
DOMAIN = MACRO_STRING + r"(?:\." + TOP + r"\.?|" + EXPAND + ")"
V4_LENGTH = r"/(?:3[0-2]|[12]?[0-9])(?![0-9])"
V6_LENGTH = r"/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])(?![0-9])"
DUAL = "(?:" + V4_LENGTH + ")?(?:/" + V6_LENGTH + ")?"
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
ADDRESS = OCTET + r"(?:\." + OCTET + "){3}"
DIRECTIVE = re.compile(
    r"[-+?~]?(?:all|include:" + DOMAIN + "|exists:" + DOMAIN + "|ptr(?::" + DOMAIN + ")?"
    "|(?:a|mx)(?::" + DOMAIN + ")?" + DUAL + "|ip4:" + ADDRESS + "(?:" + V4_LENGTH + ")?"
    r"|ip6:(?P<v6>[0-9a-f:.]+)(?:" + V6_LENGTH + ")?)", re.IGNORECASE | re.ASCII)
MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)
DOMAIN_SPEC = re.compile(DOMAIN, re.IGNORECASE | re.ASCII)
MACRO_TEXT = re.compile(MACRO_STRING, re.IGNORECASE | re.ASCII)


def well_formed(term):
    """Section 12, written down anew."""
    modifier = MODIFIER.fullmatch(term)
    if modifier:
        known = modifier[1].lower() in ("redirect", "exp")
        return (DOMAIN_SPEC if known else MACRO_TEXT).fullmatch(modifier[2]) is not None
    directive = DIRECTIVE.fullmatch(term)
    if directive is None:
        return False
    return directive["v6"] is None or spf.RE_IP6.match(directive["v6"]) is not None


def is_name(text):
    return len(text) <= 253 and all(0 < len(label) < 64 for label in text.split("."))


class NeverEqual(str):
    def __eq__(self, other):
        return False

    __hash__ = str.__hash__


class ZoneDns:
    """What a recursive resolver says: CNAMEs followed; a loop of them is a fault."""

    def __init__(self, zone):
        self.names = {name.lower().rstrip("."): entries for name, entries in zone.items()}

    def one(self, name, kind):
        values, any_fault, texts = [], False, []
        entries = self.names.get(name, ())
        has_txt = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
        for entry in entries:
            if isinstance(entry, str):
                any_fault = True
                continue
            for word, value in entry.items():
                if word == "SPF" and kind == "TXT" and not has_txt:
                    word = "TXT"
                if word != kind or value == "NONE":
                    continue
                if value in ("TIMEOUT", "SERVFAIL"):
                    raise spf.TempError("DNS " + value)
                values.append(value)
        if not values and any_fault:
            raise spf.TempError("DNS fault")
        return values

    def lookup(self, name, kind, strict=True, timeout=20):
        asked = name
        name = name.lower().rstrip(".")
        for _ in range(11):
            values = self.one(name, kind)
            if values:
                return [((asked, kind), self.data(kind, value)) for value in values]
            aliases = self.one(name, "CNAME")
            if not aliases:
                return []
            name = aliases[0].lower()
        raise spf.TempError("DNS loop")

    @staticmethod
    def data(kind, value):
        if kind == "TXT":
            strings = value if isinstance(value, list) else [value]
            return [text.encode("latin-1") for text in strings]
        return tuple(value) if kind == "MX" else value


class Query(spf.query):
    def __init__(self, zone_dns, case, corrections=()):
        self.corrections = frozenset(corrections)
        ip, sender, helo = case
        spf.DNSLookup = zone_dns.lookup
        super().__init__(ip, sender, helo, querytime=0)
        if self.has("local-part") and "@" in sender:
            self.l, self.o = sender.rpartition("@")[::2]
            self.l, self.d = self.l or "postmaster", self.o

    def has(self, name):
        return name in self.corrections

    def check(self, spf_text=None):
        if self.has("initial-domain"):
            domain = self.o[:-1] if self.o.endswith(".") else self.o
            labels = domain.split(".")
            plain = re.fullmatch(r"[A-Za-z0-9_.-]*", domain) and all(0 < len(label) < 64 for label in labels)
            if not plain or len(labels) < 2 or len(domain) > 253:
                self.mechanism = None
                return "none", 250, ""
            self.o = self.d = domain
        return super().check(spf_text)

    def check0(self, text, recursion):
        terms = text.split(" ") if text else []
        if terms and terms[0].lower() == "v=spf1":
            terms = self.corrected_terms([term for term in terms[1:] if term])
            text = " ".join(["v=spf1"] + terms)
        return super().check0(text, recursion)

    def corrected_terms(self, terms):
        seen, kept = set(), []
        for term in terms:
            if self.has("grammar") and not well_formed(term):
                raise spf.PermError("not in the grammar", term)
            modifier = MODIFIER.fullmatch(term)
            if modifier:
                name = modifier[1]
                known = name.lower() in ("redirect", "exp")
                if self.has("modifier-case") and known:
                    term = name.lower() + "=" + modifier[2]
                elif self.has("modifier-repeat") and not known:
                    if name in seen:
                        continue
                    seen.add(name)
            kept.append(term)
        return kept

    def validate_mechanism(self, mech):
        if not self.has("include-self"):
            return super().validate_mechanism(mech)
        current = self.d
        self.d = NeverEqual(current)
        try:
            return super().validate_mechanism(mech)
        finally:
            self.d = current

    def check_lookups(self):
        # While terms are read, only redirect comes here; "m" is then the modifier that was split.
        if self.has("redirect-count") and isinstance(sys._getframe(1).f_locals.get("m"), list):
            return
        super().check_lookups()

    def dns_spf(self, domain):
        caller = sys._getframe(1)
        follows = caller.f_code.co_name == "check0" and domain is caller.f_locals.get("redirect")
        if follows and self.has("redirect-count"):
            super().check_lookups()
        return super().dns_spf(domain)

    def dns_mx(self, domainname):
        if not self.has("mx-order"):
            return super().dns_mx(domainname)
        names = self.dns(domainname, "MX")
        if len(names) > spf.MAX_MX:
            raise spf.PermError("More than %d MX records returned" % spf.MAX_MX)
        length = sys._getframe(1).f_locals["cidrlength"]
        for _, name in names:
            addresses = self.dns_a(name, self.A)
            if self.cidrmatch(addresses, length):
                return addresses
        return []

    def validated_ptrs(self):
        caller = sys._getframe(1)
        if self.has("ptr-target") and caller.f_code.co_name == "check0" and not is_name(caller.f_locals["arg"]):
            return []
        if not self.has("ptr-fault"):
            return super().validated_ptrs()
        try:
            names = self.dns_ptr(self.i)[:spf.MAX_PTR]
        except spf.TempError:
            return []
        good = []
        for name in names:
            try:
                if self.cidrmatch(self.dns_a(name, self.A), self.cidrmax):
                    good.append(name)
            except spf.TempError:
                continue
        return good

    def expand(self, text, stripdot=True):
        join, case = self.has("macro-join"), self.has("macro-case")
        if not (join or case or self.has("long-name")):
            return super().expand(text, stripdot)
        plain = spf.expand_one
        spf.expand_one = lambda value, how, joiner: plain(value, how.lower() if case else how, "." if join else joiner)
        try:
            expanded = super().expand(text, stripdot)
        finally:
            spf.expand_one = plain
        while stripdot and self.has("long-name") and len(expanded) > 253 and "." in expanded:
            expanded = expanded[expanded.index(".") + 1:]
        return expanded

    def dns(self, name, qtype, cnames=None, ignore_void=False):
        if self.has("long-name") and len(str(name)) > 253:
            return []
        return super().dns(name, qtype, cnames, ignore_void)

    def get_explanation(self, spec):
        text = super().get_explanation(spec)
        if text and self.has("plain-text"):
            text = text[:450]
            if not all(" " <= char <= "~" for char in text):
                return None
        return text


def answer(zone_dns, case, corrections=()):
    """As far as two implementations can be compared: without an error all counts, the text only with fail."""
    try:
        query = Query(zone_dns, case, corrections)
        result, _, explanation = query.check()
    except (spf.TempError, spf.PermError):
        raise
    except Exception as error:  # its own fault
        return {"result": "crash: %s: %s" % (type(error).__name__, error)}
    found = {"result": result}
    if result in ("pass", "fail", "softfail", "neutral"):
        mechanism = query.mechanism
        found["mechanism"] = "default" if mechanism is None else mechanism.lstrip("+-~?")
        found["lookups"], found["void_lookups"] = query.lookups, query.void_lookups
    if result == "fail":
        found["explanation"] = None if explanation == spf.EXPLANATIONS["fail"] else explanation
    return found
