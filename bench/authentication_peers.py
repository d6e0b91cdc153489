"""What most people would use for what the node does with authentication: Postfix with an SPF policy daemon, OpenDKIM and
OpenDMARC, and Postfix with rspamd. Configuration, queues and logs are in the given folder, all listen on loopback; the system's
own instances are neither read nor touched.

Both take a message before they answer, as the node does, and then pass it on from Postfix's queue, which is in memory here.
The checks answer by header fields, refuse nothing, and log as little as they can be told to.

Some of these programs ask only the servers of /etc/resolv.conf, at port 53. So they run in a network of their own that
has nothing but a loopback: in_own_network() starts the script again in there, with a resolver file of its own.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import measure
import postfix_proxy

DNS = "127.0.0.1"
SUFFIXES = "/usr/share/publicsuffix/public_suffix_list.dat"
HOST = "mx.bench.example"
INSIDE = "SLUICE_BENCH_OWN_NETWORK"

QUEUED = """relay_transport = relay:[127.0.0.1]:{sink}
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_milters = {milters}
smtpd_recipient_restrictions = {restrictions}
milter_default_action = tempfail
milter_connect_timeout = 10s
policyd-spf_time_limit = 3600
in_flow_delay = 0
relay_destination_concurrency_limit = 40
relay_initial_destination_concurrency = 20
smtp_tls_security_level = none
"""

POLICYD = """debugLevel = 0
TestOnly = 1
HELO_reject = False
Mail_From_reject = False
PermError_reject = False
TempError_Defer = False
Header_Type = AR
Authserv_Id = {host}
skip_addresses = 192.0.2.1/32
"""

OPENDKIM = """Mode v
Socket local:{folder}/sock
UMask 000
Syslog no
UserID opendkim
AuthservID {host}
Nameservers {dns}
AlwaysAddARHeader yes
On-Default accept
InternalHosts 192.0.2.1
"""

OPENDMARC = """Socket local:{folder}/sock
UMask 000
Syslog false
UserID opendmarc
AuthservID {host}
TrustedAuthservIDs {host}
RejectFailures false
RequiredHeaders false
IgnoreHosts {folder}/hosts
{suffixes}
"""

RSPAMD = """lua = "{folder}/init.lua";
options {{
  filters = "dkim"; pidfile = "{folder}/pid"; cache_file = "{folder}/symbols"; hs_cache_dir = "{folder}/";
  tempdir = "{folder}"; control_socket = "{folder}/control mode=0600"; url_tld = "${{SHAREDIR}}/effective_tld_names.dat";
  dns {{ nameserver = ["{dns}:53:1"]; timeout = 1s; sockets = 16; retransmits = 5; }}
  dns_max_requests = 64; check_all_filters = false; local_addrs = [192.168.0.0/16];
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "notice"; }}
actions {{ reject = 9999; add_header = 9000; }}
group "bench" {{ max_score = 1; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}"; count = 1; milter = yes; timeout = 120s; upstream "local" {{ default = yes; self_scan = yes; }}
}}
modules {{ path = "${{PLUGINSDIR}}/spf.lua"; path = "${{PLUGINSDIR}}/dmarc.lua"; path = "${{PLUGINSDIR}}/arc.lua"; }}
spf {{ spf_cache_size = 4k; spf_cache_expire = 1d; }}
dkim {{ dkim_cache_size = 4k; dkim_cache_expire = 1d; }}
dmarc {{ }}
arc {{ sign_inbound = false; sign_local = false; sign_authenticated = false; }}
"""


def _folder(parent, name, user):
    """A folder of `user`, that others may look into."""
    folder = pathlib.Path(parent) / name
    folder.mkdir()
    folder.chmod(0o755)
    os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    return folder


class Daemon(measure.Program):
    """Ready when its socket is there: a port, or a file."""

    cpu_of = staticmethod(measure.cpu_of_tree)

    def wait_for_port(self, port):
        if isinstance(port, int):
            super().wait_for_port(port)
            return
        end = time.monotonic() + 30
        while not os.path.exists(port):
            if self.process.poll() is not None or time.monotonic() > end:
                raise measure.MeasureError(f"{self.process.args[0]} made no socket")
            time.sleep(0.05)


class QueuedPostfix(Daemon):
    """Postfix that asks milters and perhaps the SPF policy daemon, and relays into a sink."""

    def __init__(self, folder, sink_port, milters, with_spf):
        folder = pathlib.Path(folder)
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir()
        os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        self.queue = folder / "queue"
        port = measure.free_port()
        main = postfix_proxy.MAIN + QUEUED
        restrictions = "check_policy_service unix:private/policyd-spf" if with_spf else ""
        main = main.format(folder=folder, daemons=postfix_proxy.DAEMONS, managed=measure.MANAGED, sink=sink_port,
                           milters=", ".join(milters), restrictions=restrictions)
        (folder / "etc" / "main.cf").write_text(main)
        master = postfix_proxy.MASTER.format(port=port, hop="").replace(" -o smtpd_proxy_filter=", "")
        if with_spf:
            (folder / "etc" / "policyd-spf.conf").write_text(POLICYD.format(host=HOST))
            master += f"policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf {folder}/etc/policyd-spf.conf\n"
        (folder / "etc" / "master.cf").write_text(master)
        checked = subprocess.run(["postfix", "-c", str(folder / "etc"), "check"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=60, check=False)
        if checked.returncode != 0:
            raise measure.MeasureError(f"postfix check: {checked.stdout}{checked.stderr}")
        super().__init__([f"{postfix_proxy.DAEMONS}/master", "-c", str(folder / "etc"), "-d"], port, -1)

    def _waiting(self, *queues):
        return sum(len(files) for queue in queues for _, _, files in os.walk(self.queue / queue))

    def drain(self, seconds=60):
        """Until everything has gone on to the sink."""
        end = time.monotonic() + seconds
        while self._waiting("incoming", "active"):
            if time.monotonic() > end:
                raise measure.MeasureError("Postfix did not relay everything in time")
            time.sleep(0.05)
        if self._waiting("deferred"):
            raise measure.MeasureError("the sink did not take everything from Postfix")


class System:
    """Postfix and its helpers, measured as one."""

    def __init__(self, postfix, helpers):
        self.postfix, self.helpers = postfix, helpers

    @property
    def port(self):
        return self.postfix.port

    def cpu(self):
        each = [program.cpu() for program in (self.postfix, *self.helpers)]
        return measure.Cpu(*(sum(getattr(one, key) for one in each) for key in ("user", "system", "total")))

    def drain(self):
        self.postfix.drain()


def start_chain(programs, folder, sink_port):
    """Postfix with policyd-spf, OpenDKIM and OpenDMARC."""
    folder = _folder(folder, "chain", "root")
    suffixes = f"PublicSuffixList {SUFFIXES}" if os.path.exists(SUFFIXES) else ""
    helpers = []
    for name, text, command in (("opendkim", OPENDKIM, ["opendkim", "-f", "-x"]),
                                ("opendmarc", OPENDMARC, ["opendmarc", "-f", "-c"])):
        own = _folder(folder, name, name)
        (own / "hosts").write_text("192.0.2.1\n")
        (own / "conf").write_text(text.format(folder=own, host=HOST, dns=DNS, suffixes=suffixes))
        helpers.append(programs.add(Daemon([*command, str(own / "conf")], str(own / "sock"))))
    milters = [f"unix:{folder}/{name}/sock" for name in ("opendkim", "opendmarc")]
    return System(programs.add(QueuedPostfix(folder, sink_port, milters, with_spf=True)), helpers)


def start_rspamd(programs, folder, sink_port):
    """Postfix with rspamd as a milter, which has only the modules for SPF, DKIM, ARC and DMARC."""
    folder = _folder(folder, "with_rspamd", "root")
    own = _folder(folder, "rspamd", "_rspamd")
    port = measure.free_port()
    (own / "init.lua").write_text('require "global_functions" ()\n')
    (own / "conf").write_text(RSPAMD.format(folder=own, dns=DNS, port=port))
    command = ["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", str(own / "conf")]
    helper = programs.add(Daemon(command, port))
    time.sleep(1)  # it listens before its workers are ready
    return System(programs.add(QueuedPostfix(folder, sink_port, [f"inet:127.0.0.1:{port}"], with_spf=False)), [helper])


STARTS = {"chain": start_chain, "rspamd": start_rspamd}
NEEDED = {"chain": ("opendkim", "opendmarc", "policyd-spf"), "rspamd": ("rspamd",)}


def missing(name):
    """Why there is no such row, or nothing."""
    if os.environ.get(INSIDE) != "1":
        return "needs root, unshare and ip"
    reason = postfix_proxy.available()
    if reason:
        return reason
    absent = [program for program in NEEDED[name] if not shutil.which(program)]
    return f"not installed: {' '.join(absent)}" if absent else ""


# --- a network of our own -------------------------------------------------------------------------------------------


def in_own_network():
    """Starts the script again where only a loopback is, and ends with it; returns in there, or where that cannot be had."""
    if os.environ.get(INSIDE) == "1":
        _prepare()
        return
    possible = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip")
    if not possible or subprocess.run(["unshare", "-mn", "true"], capture_output=True, check=False).returncode != 0:
        return
    inner = subprocess.Popen(["unshare", "-mn", "--propagation", "private", sys.executable, *sys.argv],
                             env=dict(os.environ, **{INSIDE: "1"}))
    try:
        code = inner.wait()
    except KeyboardInterrupt:
        inner.send_signal(signal.SIGINT)
        code = inner.wait()
    raise SystemExit(code)


def _prepare():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w", prefix="sluice_bench_resolver_") as file:
        file.write(f"nameserver {DNS}\noptions timeout:2 attempts:2\n")
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, os.path.realpath("/etc/resolv.conf")], check=True)
