"""Large messages, several at a time, through a node with little memory: written out and read back as they came, the
process small, no file left behind; and who comes when the node's memory is used up comes again."""
import functools
import os
import pathlib
import re
import socket
import threading
import time

import cases
from programs import Sink, wait_until
from smtp_talk import SmtpTalk

MESSAGES = 4
OCTETS = 40 * 1000 * 1000  # of each
BUDGET = 4 * 1024 * 1024  # of the node for messages
GROWTH = 48 * 1024 * 1024  # of the process over what it was: budget, receive buffers, what is read back, the allocator's

MEMORY = """
[memory]
bodies = "4 MiB"
shard_bodies = "4 MiB"
message = "256 KiB"
spill_directory = "{folder}"
"""


@functools.cache
def body(number):
    """Lines that are all different, some with dots to stuff, so that octets that changed places are found."""
    lines, size, i = [f"Subject: large {number}\r\n\r\n".encode()], 0, 0
    filler = [bytes([97 + j % 26]) * (50 + j * 7 % 900) for j in range(997)]
    while size < OCTETS:
        line = b"%s%d %d %s\r\n" % (b"." if i % 50 == 0 else b"", number, i, filler[i % len(filler)])
        lines.append(line)
        size += len(line)
        i += 1
    return b"".join(lines)


def stuffed(octets):
    return octets.replace(b"\r\n.", b"\r\n..")


def memory_of(pid, field):
    """Octets, from the kernel: VmRSS as it is now, VmHWM at its highest."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"(?m)^{field}:\s+(\d+) kB", text)[1]) * 1024


def files_under(pid, folder):
    """The open files of a process under a folder, as the kernel names them."""
    names = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = os.readlink(entry)
        except FileNotFoundError:
            continue
        if name.startswith(str(folder)):
            names.append(name)
    return names


class SpillTests:
    """Run once for each back end below."""
    flavour = ""

    def small_node(self, memory):
        self.spill = self.folder / "spill"
        self.spill.mkdir()
        self.sink = self.start(Sink(self.folder))
        return self.node(self.sink.address, self.flavour, extra=memory.format(folder=self.spill))

    def send(self, node, octets, answers):
        with SmtpTalk(node.addresses[0]) as talk:
            talk.socket.settimeout(120)
            said = talk.envelope()
            if said.startswith("250"):
                said = talk.ask("DATA")
            if said.startswith("354"):
                talk.send(octets)
                said = talk.ask(".")
            answers.append(said)

    def test_large_messages_at_once_arrive_as_they_came_through_little_memory(self):
        node = self.small_node(MEMORY)
        pid = node.process.pid
        before = memory_of(pid, "VmRSS")
        bodies = [body(number) for number in range(MESSAGES)]
        answers, seen = [], set()
        clients = [threading.Thread(target=self.send, args=(node, stuffed(octets), answers)) for octets in bodies]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            seen.update(files_under(pid, self.spill))
            self.assertEqual(list(self.spill.iterdir()), [], "a spill file has a name")
            time.sleep(0.05)
        self.assertEqual([answer[:4] for answer in answers], ["250 "] * MESSAGES, answers)
        wait_until(lambda: not files_under(pid, self.spill), "the spill files are closed")
        self.assertGreaterEqual(len(seen), 2, "messages were written out at the same time")
        grown = memory_of(pid, "VmHWM") - before
        # Else the allocator is a sanitizer's, which keeps what is freed.
        if cases.metric(node, "sluice_allocator_allocated_bytes") is not None:
            self.assertLess(grown, GROWTH)
        self.assertEqual(cases.metric(node, "sluice_spilled_messages_total"), MESSAGES)
        self.assertGreater(cases.metric(node, "sluice_spilled_bytes_total"), MESSAGES * OCTETS * 0.9)
        self.assertEqual(cases.metric(node, "sluice_spill_bytes"), 0)
        self.assertEqual(cases.metric(node, "sluice_body_memory_bytes"), 0)
        self.assert_balance(node.stopped(), [node.journal], relayed=MESSAGES)
        arrived = [path.read_bytes().replace(b"\n", b"\r\n") for path in self.sink.folder.iterdir()]
        self.assertEqual(len(arrived), MESSAGES)
        for octets in bodies:
            self.assertTrue(any(message.rstrip(b"\r\n").endswith(octets.rstrip(b"\r\n")) for message in arrived),
                            "a message is not as it came")

    def hold(self, holder):
        """A message without an end; the node may stop to read it."""
        try:
            holder.send(b"Subject: held\r\n\r\n" + b"line\r\n" * 100000)
        except OSError:
            pass

    def mail_is_answered(self, node, code):
        def ask():
            with SmtpTalk(node.addresses[0]) as talk:
                talk.ask("EHLO client.example")
                said = talk.ask("MAIL FROM:<a@sender.example>")
            return said if said.startswith(code) else None
        return wait_until(ask, f"MAIL is answered {code}")

    def test_when_the_nodes_memory_is_used_up_mail_is_deferred_and_taken_again_later(self):
        node = self.small_node('[memory]\nbodies = "1 MiB"\nshard_bodies = "1 MiB"\nmessage = "1 MiB"\nspill_size = 0\n')
        holders = [SmtpTalk(node.addresses[0]) for _ in range(3)]
        for holder in holders:
            self.addCleanup(holder.socket.close)
            self.assertRegex(holder.envelope(), "^250 ")
            self.assertRegex(holder.ask("DATA"), "^354 ")
        for holder in holders:
            threading.Thread(target=self.hold, args=(holder,), daemon=True).start()
        refused = self.mail_is_answered(node, "452")
        self.assertRegex(refused, r"^452 4\.3\.1 ")
        for holder in holders:  # one that is paused is noticed to be gone when its time is over
            holder.socket.shutdown(socket.SHUT_RDWR)
        self.mail_is_answered(node, "250")
        self.assertGreaterEqual(cases.metric(node, "sluice_mail_refused_for_memory_total"), 1)
        self.assert_takes_mail(node.addresses[0], "after all")


class UringSpill(SpillTests, cases.EndToEnd):
    flavour = "uring"


class EpollSpill(SpillTests, cases.EndToEnd):
    flavour = "epoll"


if __name__ == "__main__":
    cases.main()
