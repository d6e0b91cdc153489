"""A Postfix of our own with smtpd_proxy_filter: what most people would use for what the node does. Configuration, queue and
log are in the given folder, its listener is on loopback; the system's instance is neither read nor touched."""
import os
import pathlib
import pwd
import subprocess

import measure

DAEMONS = "/usr/lib/postfix/sbin"

# No lookups, no limits of rate, no check of recipients: only the session, the proxied one, and the log.
MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.bench.example
mydestination =
mynetworks =
local_recipient_maps =
alias_maps =
alias_database =
relay_domains = {managed}
relay_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file_prefixes = {folder}
maillog_file = {folder}/mail.log
message_size_limit = 50000000
smtpd_relay_restrictions = permit_auth_destination, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtputf8_enable = no
max_use = 1000000
"""

MASTER = """127.0.0.1:{port} inet n - n - 100 smtpd -o smtpd_proxy_filter={hop}
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
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixProxy(measure.Program):
    """All its processes count."""

    cpu_of = staticmethod(measure.cpu_of_tree)

    def __init__(self, folder, next_hop, processor=-1):
        folder = pathlib.Path(folder) / "postfix"
        for name in ("", "etc", "queue", "data"):
            (folder / name).mkdir()
        folder.parent.chmod(0o755)  # its processes give up root and look into it
        os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        port = measure.free_port()
        (folder / "etc" / "main.cf").write_text(MAIN.format(folder=folder, daemons=DAEMONS, managed=measure.MANAGED))
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=port, hop=next_hop))
        checked = subprocess.run(["postfix", "-c", str(folder / "etc"), "check"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=60, check=False)
        if checked.returncode != 0:
            raise measure.MeasureError(f"postfix check: {checked.stdout}{checked.stderr}")
        super().__init__([f"{DAEMONS}/master", "-c", str(folder / "etc"), "-d"], port, processor)


def available():
    """Why there can be none, or nothing."""
    if os.geteuid() != 0:
        return "Postfix needs root"
    return "" if os.path.exists(f"{DAEMONS}/master") else "Postfix is not installed"
