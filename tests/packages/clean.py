"""A gateway: a clean Debian root that mmdebstrap makes from this machine's own package sources, once, in the work folder; above
it an overlay in memory, into which our packages are installed, and which systemd-nspawn boots. The packages that ours depend on
are part of the root, so that apt-get, which sees no network in there, finds all it needs."""
import contextlib
import glob
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, SOURCE + "/tests/nspawn")
from machine import BUILD, Machine, Skip, TestNode, program, wait  # noqa: E402, F401

SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]
# What a gateway takes; the others are installed by the tests that are about them.
GATEWAY = ["kedged", "kedge-tools", "libnss-kedge"]
SERVICES = ["kedged", "kedge-fetch", "kedge-timed"]  # what runs after an installation; kedge-netd waits behind its socket
ALL = GATEWAY + ["libpam-kedge", "kedge-ssh", "kedge-netd", "kedge-timed", "libkedge1", "libkedge-wolfssl1"]


def deb(debs, name):
    found = glob.glob(f"{debs}/{name}_*.deb")
    assert len(found) == 1, f"{name}: {len(found)} packages in {debs}"
    return found[0]


def needs(debs):
    """The packages of others that ours depend on: of alternatives the first."""
    names = set()
    for file in glob.glob(f"{debs}/*.deb"):
        if "-dbgsym_" in file or os.path.basename(file).startswith("libkedge-dev_"):
            continue
        r = subprocess.run(["dpkg-deb", "-f", file, "Depends", "Pre-Depends"], capture_output=True, text=True, check=True)
        for line in r.stdout.splitlines():
            for word in line.split(":", 1)[1].split(","):
                names.add(re.match(r"[a-z0-9.+-]+", word.strip()).group())
    return sorted(n for n in names if not re.match(r"(lib)?kedge", n))


def listed():
    with open(HERE + "/root.txt") as f:
        return [line.strip() for line in f if line.strip() and not line.startswith("#")]


def make_root(work, debs, name="root", more=()):
    """The clean root; made anew when what belongs in it has changed. Another one, with more in it, has another name."""
    root, mark = f"{work}/{name}", f"{work}/{name}.holds"
    holds = "\n".join([*listed(), *needs(debs), *more])
    if os.path.exists(mark) and open(mark).read() == holds:
        return root
    sources = next((s for s in SOURCES if os.path.exists(s)), None)
    if not sources or not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap or this machine's package sources are missing")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(work, exist_ok=True)
    r = subprocess.run(["mmdebstrap", "-q", "--variant=minbase", "--include=" + ",".join(holds.split()), "bookworm", root, sources],
                       capture_output=True, text=True)
    if r.returncode:
        raise AssertionError("mmdebstrap: " + r.stderr[-400:])
    with open(mark, "w") as f:
        f.write(holds)
    return root


class Gateway(Machine):
    """boot(), then install(): as on a machine that runs. Or install() first: as an image is built."""

    def __init__(self, folder, context):
        super().__init__(folder, context.root, size="1g")
        self.context, self.at_end = context, []
        self.write("/etc/hostname", "gw1\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        os.makedirs(self.root + "/debs", exist_ok=True)
        for unit in ("ssh.service", "chrony.service"):
            if os.path.lexists(f"{self.root}/etc/systemd/system/multi-user.target.wants/{unit}"):
                os.unlink(f"{self.root}/etc/systemd/system/multi-user.target.wants/{unit}")

    def bring(self, names, debs=None):
        """The packages' files, where the gateway sees them."""
        files = []
        for name in names:
            file = deb(debs or self.context.debs, name)
            shutil.copy(file, self.root + "/debs/")
            files.append("/debs/" + os.path.basename(file))
        return files

    def apt(self, *argv):
        """apt-get, which nobody answers, in the running system or in the folder."""
        words = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", *argv]
        return self.run(*words, timeout=300) if self.init else subprocess.run(["chroot", self.root, *words], stdin=subprocess.DEVNULL,
                                                                              capture_output=True, text=True)

    def install(self, names=None, debs=None, options=()):
        """Packages by file; what apt-get printed."""
        r = self.apt("--no-install-recommends", "-o", "Acquire::http::Timeout=1", "--allow-downgrades", *options, "install",
                     *self.bring(names or GATEWAY, debs))
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout + r.stderr

    def remove(self, *names, purge=False):
        r = self.apt("purge" if purge else "remove", *names)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout + r.stderr

    def copy(self, built, path):
        """A program of the build, for the test's own use."""
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        shutil.copy(program(built), self.root + path)
        os.chmod(self.root + path, 0o755)

    def reboot(self):
        self.stop_only()
        self.boot()

    def show(self, unit, what):
        return self.must("systemctl", "show", "-P", what, unit).strip()

    def back(self, unit, restarts):
        """Waits for a service that was started again by systemd."""
        wait(f"another {unit}", lambda: int(self.show(unit, "NRestarts")) > restarts, timeout=60)
        wait(unit, lambda: self.show(unit, "ActiveState") == "active", timeout=60)

    def follows(self, chain, more=""):
        """Has kedged follow a test chain, as an operator would: a drop-in, and a restart."""
        self.write("/etc/kedge/kedged.conf.d/50-test.conf", chain.conf() + more)
        self.must("systemctl", "restart", "kedged")

    def addresses(self, name):
        """What a program on the gateway gets."""
        return [line.split()[0] for line in self.run("getent", "ahosts", name).stdout.splitlines() if "STREAM" in line]

    def must_resolve(self, name, address, timeout=30):
        wait(f"{address} for {name}", lambda: self.addresses(name) == [address], timeout)

    def refusal(self, name):
        """The code of getaddrinfo(): EAI_NONAME is -2, EAI_AGAIN -3; 0 if there is an address."""
        return int(self.must("python3", "-c", CODE, name))

    def complaints(self):
        """What stands in the journal, as a warning or worse, of ours or about ours."""
        return [line for line in (e.get("SYSLOG_IDENTIFIER", "?") + ": " + str(e["MESSAGE"]) for e in self.journal("-p", "warning"))
                if "kedge" in line and not line.startswith(EXPECTED)]

    def steps(self, *functions):
        in_steps(self.context, self, *functions)


# The bus looks at a policy when it is unpacked, before the user in it is made; kedged's unit has it look again. And a kedged that is
# stopped sees kedge-fetch stopped first.
EXPECTED = ('dbus-daemon: Unknown username "_kedge" in message bus configuration file', "kedged: kedge-fetch: has gone; waiting")
CODE = """import socket, sys
try:
    socket.getaddrinfo(sys.argv[1], 0)
    print(0)
except socket.gaierror as e:
    print(e.errno)
"""


def in_steps(context, thing, *functions):
    """A story told in steps, each named by its function, of a gateway or of several."""
    for function in functions:
        began = time.monotonic()
        function(thing)
        context.did(function.__name__.replace("_", " "), time.monotonic() - began)


@contextlib.contextmanager
def gateway(context, asked="true"):
    """A Gateway for one story: what its journal says is shown where a check fails, and what else is asked, and nothing of it stays."""
    m = Gateway(context.folder(), context)
    try:
        yield m
    except Exception:
        print(m.sh("journalctl -b --no-pager -o short-precise | tail -60; " + asked).stdout if m.init else m.console_text())
        raise
    finally:
        m.stop()
        for function in m.at_end:
            function()
        shutil.rmtree(m.at, ignore_errors=True)


@contextlib.contextmanager
def root_with_apt(context, size):
    """The clean root, not booted, with this machine's own settings of apt, for tools that fetch packages by themselves."""
    m = Machine(context.folder(), context.root, size=size)
    try:
        for file in glob.glob("/etc/apt/apt.conf.d/*"):
            shutil.copy(file, m.root + "/etc/apt/apt.conf.d/")
        yield m
    finally:
        m.stop()
        shutil.rmtree(m.at, ignore_errors=True)


def net_conf(allow):
    """A network of the zone of Chain.conf(), as gw1 has it."""
    return f"""[Network plant]
Zone=plant.fleet
Host=gw1
Interface=kedge0
Prefix=10.77.0.0/16
ListenPort=51820
Allow={allow}
"""


class Chain(TestNode):
    """The test node as a unit of the gateway, on its loopback: real headers, signatures and proofs."""

    UNIT = """[Unit]
Description=A test chain
[Service]
ExecStart=/opt/kedge-devnode --info=/run/devnode.info --control=/run/devnode.ctl --blocks=300 --accounts=300 --slots=100
"""

    def __init__(self, m):
        m.copy("tests/devnode/kedge-devnode", "/opt/kedge-devnode")
        m.write("/etc/systemd/system/devnode.service", self.UNIT)
        m.must("systemctl", "daemon-reload")
        m.must("systemctl", "start", "devnode")
        self.control_file = m.inside("/run/devnode.ctl")
        self.read(m.inside("/run/devnode.info"))

    def read(self, info):
        wait("the test node", lambda: os.path.exists(info))
        with open(info) as f:
            self.info = dict(line.strip().split("=", 1) for line in f)

    def publish(self, key, value):
        """A value of the contract, and blocks until it is final."""
        self.set(key, value)
        self.mine(30)

    def conf(self):
        """A drop-in of kedged.conf for this chain and a zone plant.fleet of its contract."""
        return """[Chain diode]
Backend=blockquick
ChainId={CHAIN_ID}
Checkpoint={CHECKPOINT}
Fleet={FLEET}
Upstream={NODE0}
Upstream={NODE1}
Upstream={NODE2}
Poll=100ms
RequestTimeout=1500ms
RestTime=300ms
DailyBytes=0
[Zone plant.fleet]
Chain=diode
Contract={CONTRACT}
Slot=0
""".format(**self.info)


class LastingChain(Chain):
    """The same chain, outside of the gateway, which is booted into the chain's network: it outlives a reboot. Made before boot()."""

    def __init__(self, m):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && exec sleep infinity"])
        m.at_end.append(self.close)
        m.network = f"/proc/{self.holder.pid}/ns/net"
        wait("a network", lambda: os.readlink(m.network) != os.readlink("/proc/self/ns/net"))
        wait("its loopback", lambda: "LOOPBACK,UP" in self.outside("ip", "-o", "link", capture_output=True, text=True).stdout)
        info, self.control_file = m.at + "/devnode.info", m.at + "/devnode.ctl"
        self.node = subprocess.Popen([*self.into(), program("tests/devnode/kedge-devnode"), "--info=" + info,
                                      "--control=" + self.control_file, "--blocks=300", "--accounts=300", "--slots=100"])
        self.read(info)

    def into(self):
        return ["nsenter", "-t", str(self.holder.pid), "-n"]

    def outside(self, *argv, **more):
        return subprocess.run([*self.into(), *argv], **more)

    def close(self):
        for p in (self.node, self.holder):
            p.kill()
            p.wait()


class Dns:
    """A name server that says 192.0.2.66 to whatever is asked, and writes down what that was: no name of ours may be among it."""

    UNIT = """[Unit]
Description=A name server for everything
Before=network.target
[Service]
ExecStart=/usr/bin/python3 /opt/dns.py
[Install]
WantedBy=multi-user.target
"""
    CODE = """import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
while True:
    q, who = s.recvfrom(512)
    end = q.index(0, 12) + 5
    with open("/var/log/asked", "ab") as f:
        f.write(q[12:end - 5].lower() + bytes([10]))
    a = q[end - 4:end - 2] == bytes([0, 1])
    s.sendto(q[:2] + struct.pack("!5H", 0x8180, 1, a, 0, 0) + q[12:end]
             + (struct.pack("!HHHIH4s", 0xc00c, 1, 1, 0, 4, bytes([192, 0, 2, 66])) if a else b""), who)
"""
    ANSWER = "192.0.2.66"

    def __init__(self, m):
        self.log = m.root + "/var/log/asked"
        m.write("/opt/dns.py", self.CODE)
        m.write("/etc/systemd/system/dns.service", self.UNIT)
        m.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        m.must("systemctl", "enable", "--now", "dns")

    def asked(self, name):
        wanted = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        return os.path.exists(self.log) and wanted in open(self.log, "rb").read()
