"""The messages of the quick start, and what is expected to become of each.

The zone and the policy that decide are docs/examples/quickstart/zone.yml and policy.toml.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Message:
    title: str
    client: str  # given to the node by XCLIENT
    helo: str
    sender: str  # "" is the null sender
    recipient: str
    disposition: str  # expected
    result: str  # expected SPF result; "" where SPF is not looked at
    mechanism: str = ""  # expected, where one matched
    author: str = ""  # From:, where it is not the sender
    signed_by: str = ""  # a domain whose DKIM signature it has
    dmarc: str = ""  # expected, where DMARC is looked at


MESSAGES = [
    Message("its own address", "203.0.113.1", "mail.sender.example", "ann@sender.example", "joe@corp.example",
            "relayed", "Pass", "ip4:203.0.113.1"),
    Message("its own network", "198.51.100.77", "mail.sender.example", "bob@sender.example", "joe@corp.example",
            "relayed", "Pass", "ip4:198.51.100.0/24"),
    Message("a mail service it includes", "192.0.2.10", "out.vendor.example", "cat@sender.example", "joe@corp.example",
            "relayed", "Pass", "include:_spf.vendor.example"),
    Message("an include inside the include", "192.0.2.130", "out.vendor.example", "dan@sender.example",
            "joe@corp.example", "relayed", "Pass", "include:_spf.vendor.example"),
    Message("anybody else, softly", "203.0.113.99", "stranger.example", "eve@sender.example", "joe@corp.example",
            "relayed", "SoftFail", "all"),
    Message("a forgery, refused", "203.0.113.66", "stranger.example", "fay@strict.example", "joe@corp.example",
            "refused", "Fail", "all"),
    Message("a forgery, deleted", "203.0.113.66", "stranger.example", "gus@strict.example", "joe@archive.example",
            "deleted", "Fail", "all"),
    Message("forwarded, with its author's signature", "203.0.113.77", "forwarder.example", "lea@strict.example",
            "joe@corp.example", "relayed", "Fail", "all", signed_by="strict.example", dmarc="pass"),
    Message("a false author, marked", "203.0.113.1", "mail.sender.example", "max@sender.example", "joe@corp.example",
            "relayed", "Pass", "ip4:203.0.113.1", author="boss@strict.example", dmarc="fail"),
    Message("a bounce: HELO is checked", "203.0.113.5", "mail.strict.example", "", "joe@corp.example",
            "relayed", "Pass", "a"),
    Message("an excluded peer", "203.0.113.200", "relay.partner.example", "hal@strict.example", "joe@corp.example",
            "relayed", ""),
    Message("no SPF record", "198.51.100.25", "mail.plain.example", "ida@plain.example", "joe@corp.example",
            "relayed", "None"),
    Message("an eleventh lookup", "198.51.100.30", "mail.greedy.example", "jan@greedy.example", "joe@corp.example",
            "relayed", "PermError"),
    Message("a dead name server", "198.51.100.40", "mail.dead.example", "kim@dead.example", "joe@corp.example",
            "relayed", "TempError"),
    Message("a domain that is not ours", "203.0.113.1", "mail.sender.example", "ann@sender.example",
            "joe@elsewhere.example", "refused", ""),
]
