"""A booted system of its own: systemd-nspawn on an overlay, whose upper half is memory, of this machine's own root or of another
folder (tests/packages). Nothing is downloaded, nothing of this machine is changed. What this machine keeps outside /usr and /etc
is not to be seen there."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, SOURCE + "/tests/integration")
from harness import BUILD, SKIP, Skip, TestNode, program, wait  # noqa: E402, F401

PROGRAMS = ["systemd-nspawn", "nsenter", "unshare", "mount", "sshd", "ssh", "ssh-keygen", "sudo", "login", "busctl", "dbus-daemon"]
KEPT = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "var"}
# Folders that the system in the container finds empty: units, state and users' files of this machine are none of its business.
EMPTY = ["etc/systemd/system", "etc/kedge", "etc/ssh/sshd_config.d", "etc/sudoers.d", "etc/polkit-1/rules.d", "etc/cron.d",
         "var/lib/systemd", "var/lib/kedge", "var/log", "var/tmp", "var/cache", "var/spool"]
CGROUPS = "/sys/fs/cgroup"


def own_namespace():
    """Begins again in a mount namespace, so that whatever becomes of us, no mount stays."""
    if os.environ.get("KEDGE_NSPAWN") == "inside":
        return
    if os.geteuid() != 0:
        raise Skip("needs root")
    for program in PROGRAMS:
        if not shutil.which(program):
            raise Skip(program + " is not installed")
    if not os.path.exists("/usr/lib/polkit-1/polkitd"):
        raise Skip("polkitd is not installed")
    if not os.path.exists(f"/usr/lib/{os.uname().machine}-linux-gnu/security/pam_systemd.so"):
        raise Skip("libpam-systemd is not installed")
    os.environ["KEDGE_NSPAWN"] = "inside"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])


def hierarchies():
    """(where it is mounted, our own path in it), of those in which nspawn makes groups."""
    own = {}
    with open("/proc/self/cgroup") as f:
        for line in f:
            _, names, path = line.strip().split(":", 2)
            own[names] = path
    with open("/proc/self/mounts") as f:
        for line in f:
            _, at, kind, options = line.split()[:4]
            if kind == "cgroup2" and "" in own:
                yield at, own[""]
            elif kind == "cgroup" and "name=systemd" in options.split(",") and "name=systemd" in own:
                yield at, own["name=systemd"]


def first_of_its_own(pid):
    """The first process of a namespace; nspawn's helper, which makes it and goes, is not."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return any(line.startswith("NSpid:") and len(line.split()) > 2 and line.split()[-1] == "1" for line in f)
    except OSError:
        return False


class Machine:
    made = 0

    def __init__(self, folder, lower="/", size="512m"):
        Machine.made += 1
        self.name = f"kedge-{os.getpid()}-{Machine.made}"
        self.at, self.root = folder, folder + "/root"
        self.console = folder + "/console"
        self.nspawn = self.init = self.network = None  # network: a namespace that outlives a boot
        self.groups = []
        os.makedirs(self.at, exist_ok=True)
        self.mount("-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", self.at)
        self.mount("-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", "/run")  # nspawn's own files
        upper = self.at + "/upper"
        for name in ("upper", "work", "root"):
            os.mkdir(self.at + "/" + name)
        if lower == "/":
            self.hide(upper)
        self.mount("-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={self.at}/work", "overlay", self.root)
        os.makedirs(self.root + "/var/log", exist_ok=True)
        os.chmod(self.root + "/tmp", 0o1777)

    def hide(self, upper):
        """What this machine has of its own is not to be seen."""
        for name in os.listdir("/"):
            if name not in KEPT:
                self.empty(upper + "/" + name)
        for name in EMPTY:
            if os.path.isdir("/" + name):
                self.empty(upper + "/" + name)

    def mount(self, *argv):
        r = subprocess.run(["mount", *argv], capture_output=True, text=True)
        if r.returncode:
            raise Skip("mount is refused here: " + r.stderr.strip().splitlines()[-1])

    def empty(self, path):
        """An empty folder in the upper half, with the lower one's owner and mode, that hides what lies below."""
        os.makedirs(path)
        lower = os.stat(path.replace(self.at + "/upper", "", 1))
        os.chown(path, lower.st_uid, lower.st_gid)
        os.chmod(path, lower.st_mode & 0o7777)
        try:
            os.setxattr(path, "trusted.overlay.opaque", b"y")
        except OSError as e:
            raise Skip(f"an overlay's attributes cannot be set here: {e}")

    def write(self, path, text, mode=0o644):
        path = self.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def append(self, path, text):
        with open(self.root + path, "a") as f:
            f.write(text)

    def install(self):
        """What meson install leaves; the bus's daemon and polkit do not look below /usr/local."""
        env = {**os.environ, "DESTDIR": ""}
        r = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.root], capture_output=True,
                           text=True, env=env)
        assert r.returncode == 0, r.stdout + r.stderr
        r = subprocess.run(["meson", "introspect", BUILD, "--buildoptions"], capture_output=True, text=True, check=True)
        self.prefix = next(o["value"] for o in json.loads(r.stdout) if o["name"] == "prefix")
        for name in ("dbus-1/system.d", "polkit-1/actions"):
            for file in os.listdir(f"{self.root}{self.prefix}/share/{name}"):
                if self.prefix != "/usr":
                    os.symlink(f"{self.prefix}/share/{name}/{file}", f"{self.root}/usr/share/{name}/{file}")

    def find(self, name):
        """Where it was installed, as the container sees it."""
        for at, _, files in os.walk(self.root + self.prefix + "/lib"):
            if name in files:
                return os.path.join(at, name)[len(self.root):]
        raise Skip(name + " is not built")

    def user(self, name, uid, shell="/bin/bash"):
        self.append("/etc/passwd", f"{name}:x:{uid}:{uid}::/home/{name}:{shell}\n")
        self.append("/etc/group", f"{name}:x:{uid}:\n")
        self.append("/etc/shadow", f"{name}:*:19000:0:99999:7:::\n")
        home = f"{self.root}/home/{name}"
        os.makedirs(home)
        os.chown(home, uid, uid)

    def join_own_group(self):
        """Two such machines at a time must not meet: nspawn makes its groups below the one that it was started in."""
        for at, path in list(hierarchies()):
            group = f"{at}{path.rstrip('/')}/{self.name}"
            try:
                os.makedirs(group, exist_ok=True)
                self.groups.append(group)
            except OSError as e:
                raise Skip(f"no control group can be made: {e}")

    def boot(self, target="multi-user.target", more=()):
        self.join_own_group()

        def enter():
            for group in self.groups:
                with open(group + "/cgroup.procs", "w") as f:
                    f.write("0")
            os.setsid()
        log = open(self.console, "w")
        network = ["--private-network"]
        if self.network:
            network = ["--network-namespace-path=" + self.network, "--capability=CAP_NET_ADMIN", "--resolv-conf=off"]
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", self.root, "--register=no", "--keep-unit", *network, "--boot", "--console=read-only",
             "--machine=" + self.name, *more, "--", "--unit=" + target],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=enter)
        log.close()

        def child():
            if self.nspawn.poll() is not None:
                raise Skip("systemd-nspawn does not run here: " + self.console_text().strip()[-200:])
            r = subprocess.run(["pgrep", "-P", str(self.nspawn.pid)], capture_output=True, text=True)
            return next((int(pid) for pid in r.stdout.split() if first_of_its_own(pid)), None)
        self.init = wait("the container's first process", child)
        wait("the container to be up", lambda: self.run("systemctl", "is-system-running").stdout.strip() in
             ("running", "degraded"), timeout=60, every=0.05)

    def console_text(self):
        if not os.path.exists(self.console):
            return ""
        with open(self.console, errors="replace") as f:
            return f.read()

    def enter(self, *argv):
        return ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", *argv]

    def run(self, *argv, timeout=60, stdin=None):
        return subprocess.run(self.enter(*argv), capture_output=True, text=True, timeout=timeout,
                              **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))

    def sh(self, text, **more):
        return self.run("bash", "-c", text, **more)

    def must(self, *argv, **more):
        r = self.run(*argv, **more)
        assert r.returncode == 0, f"{argv}: {r.returncode}: {r.stdout}{r.stderr}"
        return r.stdout

    def start(self, *argv):
        """A program in the container, with pipes."""
        return subprocess.Popen(self.enter(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    def inside(self, path):
        """The same file or socket, seen from here."""
        return f"/proc/{self.init}/root{path}"

    def journal(self, *match):
        """Entries, as dictionaries."""
        r = self.run("journalctl", "-b", "-o", "json", "--no-pager", *match)
        return [json.loads(line) for line in r.stdout.splitlines() if line.startswith("{")]

    def stop(self):
        self.stop_only()
        for at in (self.root, self.at):
            subprocess.run(["umount", "-l", at], capture_output=True)

    def stop_only(self):
        """Off, but what was written stays: boot() again."""
        if self.nspawn and self.nspawn.poll() is None:
            if self.init:
                os.kill(self.init, signal.SIGRTMIN + 4)
            try:
                self.nspawn.wait(15)
            except subprocess.TimeoutExpired:
                if self.init:
                    os.kill(self.init, signal.SIGKILL)
                self.nspawn.kill()
                self.nspawn.wait(10)
        for group in self.groups:
            for at, _, _ in os.walk(group, topdown=False):
                for _ in range(50):
                    try:
                        os.rmdir(at)
                        break
                    except OSError:
                        time.sleep(0.02)
        self.groups = []
        self.init = None
