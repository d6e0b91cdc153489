"""A Postfix of our own: configuration, queue and data in the test's folder, listeners on loopback; mail for
corp.example is delivered to maildirs. The system's instance, if there is one, is neither read nor touched."""
import os
import pathlib
import pwd
import subprocess

from programs import LOOPBACK, Program, ProgramError, endpoint, free_port

DAEMONS = "/usr/lib/postfix/sbin"
MAILBOX_OWNER = "nobody"

MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = hop.corp.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks =
inet_interfaces = 127.0.0.1, [::1]
inet_protocols = all
maillog_file_prefixes = {folder}
maillog_file = {folder}/mail.log
virtual_mailbox_domains = corp.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_minimum_uid = 100
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
"""

MASTER = """{listeners}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, folder, mailboxes):
        """`mailboxes`: the local parts at corp.example that there are."""
        self.folder = pathlib.Path(folder) / "postfix"
        user = pwd.getpwnam(MAILBOX_OWNER)
        for name in ("", "etc", "queue", "data", "mail"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.folder / "mail", user.pw_uid, user.pw_gid)
        self.addresses = {version: endpoint(address, free_port(address)) for version, address in LOOPBACK.items()}
        listeners = "\n".join(f"{address} inet n - n - - smtpd" for address in self.addresses.values())
        table = ", ".join(f"{{ {name}@corp.example = {name}/ }}" for name in mailboxes)
        (self.folder / "etc" / "main.cf").write_text(
            MAIN.format(folder=self.folder, daemons=DAEMONS, mailboxes=table, user=user))
        (self.folder / "etc" / "master.cf").write_text(MASTER.format(listeners=listeners))
        # Makes the queue's folders, with their owners.
        checked = subprocess.run(["postfix", "-c", str(self.folder / "etc"), "check"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=60, check=False)
        if checked.returncode != 0:
            raise ProgramError(f"postfix check: {checked.stdout}{checked.stderr}")
        self.program = Program(self.folder, "master", [f"{DAEMONS}/master", "-c", str(self.folder / "etc"), "-d"])

    def wait_accepting(self):
        for version, address in LOOPBACK.items():
            self.program.wait_accepting(address, int(self.addresses[version].rsplit(":", 1)[1]))

    def delivered(self, mailbox):
        """The messages in a mailbox, as text."""
        new = self.folder / "mail" / mailbox / "new"
        return [path.read_text() for path in sorted(new.iterdir())] if new.is_dir() else []

    def log(self):
        file = self.folder / "mail.log"
        return file.read_text(errors="replace") if file.exists() else ""
