"""A machine of a test's own, for programs that log people in: its users, its PAM stacks, its syslog, its terminals. What
runs on it sees Debian's own files for PAM, sudo and sshd with our lines in them; the machine that the tests run on sees
nothing of it. It has no network but a loopback of its own, and all that runs there ends with it."""
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import edge
from harness import BUILD, Process, Skip, wait

PASSWORD = "right horse"
#        name: uid, groups beside his own
USERS = {"alice": (61001, []), "bob": (61002, []), "frank": (61003, ["fleet"]), "grace": (61004, []),
         "mallory": (61005, []), "local": (61006, []), "Other": (61007, ["fleet"]), "keeper": (61008, [])}
GROUPS = {"fleet": 61100, "dialout": 61101, "plugdev": 61102}
PROMPT = "Signature: "
OUT_OF_STACK = {"acct": "User account has expired", "auth": "User credentials expired"}

SETUP = r"""
set -e
mount -t tmpfs -o mode=755 none "$1/new"
mkdir "$1/new/etc" "$1/new/dev" "$1/new/log" "$1/new/run" "$1/new/home" "$1/new/cron" "$1/new/sudo"
cp -a /etc/. "$1/new/etc"
cp "$1"/etc/* "$1/new/etc"
rm -rf "$1/new/etc/cron.d" "$1/new/etc/sudoers.d" "$1/new/etc/crontab" "$1/new/etc/nologin"
mkdir "$1/new/etc/sudoers.d" "$1/new/etc/cron.d"
for d in null zero full random urandom tty; do touch "$1/new/dev/$d" && mount --bind "/dev/$d" "$1/new/dev/$d"; done
mkdir "$1/new/dev/pts" "$1/new/dev/shm"
mount --bind /dev/pts "$1/new/dev/pts"
ln -s pts/ptmx "$1/new/dev/ptmx"
ln -s /proc/self/fd "$1/new/dev/fd"
ln -s "$1/syslog" "$1/new/dev/log"
mkdir -p "$1/new/run/lock" "$1/new/run/sshd" "$1/new/run/kedge" "$1/new/cron/crontabs"
touch "$1/new/run/utmp" "$1/new/log/wtmp" "$1/new/log/lastlog" "$1/new/log/btmp"
chmod 660 "$1/new/log/btmp"
chmod 1777 "$1/new/dev/shm"
chmod 1730 "$1/new/cron/crontabs"
mount --bind "$1/new/etc" /etc
mount --bind "$1/new/log" /var/log
mount --bind "$1/new/home" /home
mount --bind "$1/new/cron" /var/spool/cron
[ ! -d /var/lib/sudo ] || mount --bind "$1/new/sudo" /var/lib/sudo
mount --rbind "$1/new/dev" /dev
mount --rbind "$1/new/run" /run
mount -t proc proc /proc
ip link set lo up
hostname gw1
echo "127.0.0.1 localhost gw1" > /etc/hosts
echo ready
exec sleep 100000
"""


class Syslog(threading.Thread):
    """Whatever the machine's programs log, as a list of lines."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.lines, self.s = [], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.bind(path)
        os.chmod(path, 0o666)
        self.start()

    def run(self):
        while True:
            try:
                self.lines.append(re.sub(rb"^<\d+>[A-Z][a-z]{2} [ \d]\d [\d:]{8} ", b"", self.s.recv(8192)).decode(
                    errors="replace"))
            except OSError:
                return

    def mark(self):
        return len(self.lines)

    def since(self, mark):
        return "\n".join(self.lines[mark:])


class Machine:
    def __init__(self, folder):
        for tool in ("pamtester", "sudo", "openssl", "unshare", "nsenter"):
            if not shutil.which(tool):
                raise Skip(tool + " is not installed")
        if os.geteuid():
            raise Skip("needs root, to have users of its own")
        self.folder, self.at = folder, folder.path + "/machine"
        os.chmod(folder.path, 0o755)
        os.makedirs(self.at + "/etc")
        os.mkdir(self.at + "/new")
        self.write_users()
        self.syslog = Syslog(self.at + "/syslog")
        self.holder = Process(folder, "machine", ["unshare", "-m", "-n", "-p", "-u", "--fork", "--kill-child",
                                                  "--propagation", "private", "sh", "-c", SETUP, "sh", self.at])
        wait("the machine", lambda: "ready" in self.holder.text() or not self.holder.alive())
        if not self.holder.alive():
            raise Skip("no namespaces here: " + self.holder.text())
        with open(f"/proc/{self.holder.p.pid}/task/{self.holder.p.pid}/children") as f:
            self.init = f.read().split()[0]
        self.root = f"/proc/{self.init}/root"
        for name, (uid, _) in USERS.items():
            os.mkdir(self.home(name), 0o755)
            os.chown(self.home(name), uid, uid)

    def write_users(self):
        hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True,
                                check=True).stdout.strip()
        with open("/etc/passwd") as f:
            passwd = f.read()
        with open("/etc/group") as f:
            group = [line for line in f.read().splitlines() if line.split(":")[0] not in GROUPS]
        shadow = ""
        for name, (uid, _) in USERS.items():
            passwd += f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n"
            shadow += f"{name}:{hashed}:19000:0:99999:7:::\n"
            group.append(f"{name}:x:{uid}:")
        for name, gid in GROUPS.items():
            group.append(f"{name}:x:{gid}:" + ",".join(u for u, (_, g) in USERS.items() if name in g))
        system = "".join(f"{line.split(':')[0]}:*:19000:0:99999:7:::\n" for line in passwd.splitlines()
                         if line.split(":")[0] not in USERS)
        for name, mode, text in (("passwd", 0o644, passwd), ("group", 0o644, "\n".join(group) + "\n"),
                                 ("shadow", 0o640, system + shadow)):
            path = f"{self.at}/etc/{name}"
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, mode)

    def home(self, user):
        return f"{self.root}/home/{user}"

    def inside(self, *argv):
        return ["nsenter", "-t", self.init, "-m", "-n", "-p", "-u", *argv]

    def call(self, *argv, **options):
        return subprocess.run(self.inside(*argv), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              cwd="/", env=clean_env(), **options)

    def write(self, path, text, mode=0o644):
        """A file of it, as root's, whole at once."""
        full = self.root + path
        with open(full + ".new", "w") as f:
            f.write(text)
        os.chmod(full + ".new", mode)
        os.rename(full + ".new", full)

    def read(self, path):
        with open(self.root + path) as f:
            return f.read()

    def terminal(self, *argv):
        return Terminal(self.inside(*argv))

    def terminal_of(self, user, *argv):
        """The same as that user, who has logged in."""
        return self.terminal("setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups", "--", *argv)

    def start(self, name, *argv):
        """It goes with nsenter, which is what can be killed from here."""
        return Process(self.folder, name, self.inside("setpriv", "--pdeathsig=KILL", *argv), clean_env())

    # ---- stacks

    def only_ours(self, service, options):
        """A service whose stack is our module and nothing else, and which shows PAM_IGNORE as a code of its own."""
        module = f"{BUILD}/pam/pam_kedge.so {options}"
        self.write("/etc/pam.d/" + service, f"""
account [success=1 ignore=ignore default=die] {module}
account requisite pam_debug.so acct=acct_expired
account required pam_permit.so
auth [success=1 ignore=ignore default=die] {module}
auth requisite pam_debug.so auth=cred_expired
auth required pam_permit.so
session required pam_permit.so
""")

    def prepend(self, service, *lines):
        """Our lines before whatever Debian has in that file."""
        old = self.read("/etc/pam.d/" + service)
        self.write("/etc/pam.d/" + service, "".join(line + "\n" for line in lines) + old)

    def pamtester(self, service, user, *words, options=()):
        """The code's name and what pamtester said."""
        r = self.call("pamtester", *options, service, user, *words)
        return code_of(r.returncode, r.stdout + r.stderr), r.stdout + r.stderr


def clean_env():
    """What a machine's own programs have, and no more: none of ours counts in them."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb", "LC_ALL": "C"}


CODES = {"Permission denied": "PERM_DENIED", "Authentication failure": "AUTH_ERR",
         "Authentication service cannot retrieve authentication info": "AUTHINFO_UNAVAIL",
         "User not known to the underlying authentication module": "USER_UNKNOWN",
         "Error in service module": "SERVICE_ERR", "Conversation error": "CONV_ERR", "System error": "SYSTEM_ERR",
         "Critical error - immediate abort": "ABORT", "Have exhausted maximum number of retries for service": "MAXTRIES",
         OUT_OF_STACK["acct"]: "IGNORE", OUT_OF_STACK["auth"]: "IGNORE"}


def code_of(status, said):
    if status == 0:
        return "SUCCESS"
    last = said.strip().splitlines()[-1] if said.strip() else ""
    return CODES.get(last.removeprefix("pamtester: ").strip(), last)


class Terminal:
    """A program on a terminal of its own; what it asks for is answered when it asks."""

    def __init__(self, argv):
        self.seen, self.status, self.at = "", None, 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir("/")
            os.execvpe(argv[0], argv, clean_env())
        os.set_inheritable(self.fd, False)  # else the next one's program would hold this terminal open

    def read(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                got = os.read(self.fd, 65536)
            except OSError:  # nobody is at the other end any more
                return self.seen
            if not got:
                return self.seen
            self.seen += got.decode(errors="replace").replace("\r\n", "\n")
        return self.seen

    def expect(self, pattern, timeout=20):
        """The match of pattern in what came since the last one."""
        def look():
            m = re.compile(pattern).search(self.read(), self.at)
            if not m and self.ended():
                m = re.compile(pattern).search(self.read(), self.at)
                assert m, f"it ended without /{pattern}/: {self.seen!r}"
            return m
        m = wait(lambda: f"/{pattern}/; there is {self.seen!r}", look, timeout)
        self.at = m.end()
        return m

    def type(self, line):
        os.write(self.fd, line.encode("latin-1") + b"\n")

    def text_to_sign(self):
        """What it asks to have signed."""
        return self.expect(r"Sign: (kedge login: [ -~]*)\n").group(1)

    def answer(self, sign):
        """sign(text) is what is typed at the prompt."""
        text = self.text_to_sign()
        self.expect(PROMPT)
        self.type(sign(text))
        return text

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def end(self, timeout=20):
        """Its exit status; all that it said is in seen."""
        wait(lambda: f"its end; there is {self.seen!r}", lambda: self.read() is not None and self.ended(), timeout)
        self.read()
        os.close(self.fd)
        return self.status

    def hang_up(self):
        """Whoever sat there goes away."""
        os.close(self.fd)
        end = time.monotonic() + 10
        while not self.ended():
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.01)


class Wallet:
    """Signs texts as any Ethereum wallet does (EIP-191, version 0x45), with code that shares no line with the product."""

    def __init__(self, seed):
        self.key = edge.sha256(b"wallet " + seed.encode())
        point = edge._mul(edge.G, int.from_bytes(self.key, "big") % edge.N)
        self.address = edge.address(point)
        self.record = bytes(12) + self.address

    def raw(self, text):
        """(r, s, v)"""
        text = text.encode()
        sig = edge.sign(self.key, edge.keccak256(b"\x19Ethereum Signed Message:\n%d" % len(text) + text))
        return sig[1:33], sig[33:], sig[0] + 27

    def sign(self, text):
        r, s, v = self.raw(text)
        return (r + s + bytes([v])).hex()

    def sign_high(self, text):
        """The same signature in its other spelling."""
        r, s, v = self.raw(text)
        s = (edge.N - int.from_bytes(s, "big")).to_bytes(32, "big")
        return (r + s + bytes([55 - v])).hex()
