"""All packages on a kernel of their own (emulated.py): each daemon in its AppArmor profile, which lets it do its work and nothing else;
WireGuard in the kernel; the limits of the units' control groups."""
import base64
import hashlib
import json
import re
import shutil
import time

from clean import ALL, SOURCE, deb, in_steps, net_conf, wait
from emulated import PATIENCE, Emulated, EmulatedChain

OURS = "pump1.plant.fleet"
SERVICES = {"kedged": "kedged", "kedge-fetch": "kedge-fetch", "kedge-timed": "kedge-timed", "kedge-netd": "kedge-netd"}
# A machine of the fleet, in a network namespace of its own.
PEER = """ip netns add b
ip link add to-b type veth peer name out netns b
ip addr add 192.0.2.1/24 dev to-b; ip link set to-b up
ip -n b addr add 192.0.2.2/24 dev out; ip -n b link set out up; ip -n b link set lo up
ip -n b link add wg0 type wireguard
(umask 077; wg genkey >/run/b.key)
ip netns exec b wg set wg0 private-key /run/b.key listen-port 7 peer "$1" endpoint 192.0.2.1:51820 allowed-ips 10.77.0.0/16
ip -n b addr add 10.77.0.2/16 dev wg0; ip -n b link set wg0 up
wg pubkey </run/b.key
"""
# Goes into a profile as root, and tries: what is refused there is refused by the profile alone.
PROBE = """import errno, os, socket, sys
wanted = sys.argv[2:]
with open("/proc/self/attr/current", "w") as f:
    f.write("changeprofile " + sys.argv[1])
def attempt(how, what):
    if how == "socket":
        family, kind = what.split(":")
        socket.socket(getattr(socket, "AF_" + family), getattr(socket, "SOCK_" + kind)).close()
    elif how == "run":
        os.execv(what, [what])
    else:
        os.close(os.open(what, {"read": os.O_RDONLY, "write": os.O_WRONLY, "make": os.O_WRONLY | os.O_CREAT}[how]))
for word in wanted:
    try:
        attempt(*word.split("=", 1))
        print(word, "allowed")
    except OSError as e:
        print(word, "refused" if e.errno in (errno.EACCES, errno.EPERM) else e.strerror)
"""
LETTER = "/home" + "/alice/letter"
REFUSED = ["read=/etc/shadow", "read=" + LETTER, "make=/run/new", "run=/usr/bin/id", "read=/proc/1/environ"]
CONFINED = {  # profile: what is refused beside that, what is allowed
    "kedged": (["socket=INET:STREAM", "socket=INET6:DGRAM", "socket=NETLINK:RAW", "write=/etc/kedge/kedged.conf", "make=/var/lib/new"],
               ["socket=UNIX:STREAM", "read=/etc/kedge/kedged.conf", "read=/etc/passwd"]),
    "kedge-fetch": (["socket=NETLINK:RAW", "read=/etc/kedge/kedged.conf", "read=/var/lib/kedge/public/suffixes", "read=/etc/passwd"],
                    ["socket=INET:STREAM", "socket=INET6:DGRAM", "read=/etc/nsswitch.conf"]),
    "kedge-timed": (["socket=INET:DGRAM", "read=/etc/kedge/kedged.conf", "read=/var/lib/kedge/public/suffixes"],
                    ["socket=UNIX:DGRAM", "read=/etc/kedge/timed.conf"]),
    "kedge-netd": (["socket=INET:DGRAM", "read=/etc/kedge/kedged.conf", "read=/var/lib/kedge/public/suffixes"],
                   ["socket=NETLINK:RAW", "read=/etc/kedge/netd.conf"]),
    "kedge-wireguard-go": (["socket=INET:STREAM", "read=/etc/kedge/netd.conf", "read=/var/lib/kedge-netd/kedge0.key"],
                           ["socket=INET:DGRAM", "write=/dev/net/tun"]),
    "kedge-authorized-keys": (["socket=PACKET:RAW", "read=/etc/kedge/kedged.conf"], ["socket=UNIX:STREAM", "read=/etc/passwd"]),
}
# A program of others, confined by whoever wrote it: what it may do about names is what the abstraction says.
OTHER = """abi <abi/3.0>,
include <tunables/global>
profile other /opt/other {
  include <abstractions/base>
  include <abstractions/nameservice>
  network unix,
  /opt/other mr,
}
"""
SNIPPET = "/etc/apparmor.d/abstractions/nameservice.d/kedge"


class Contained:
    """What the stories share: a machine with everything installed, a chain, and a name of ours that is served."""

    def __init__(self, context):
        self.m = Emulated(context)
        try:
            self.m.install(ALL)
            self.m.write("/opt/probe.py", PROBE)
            self.m.write(LETTER, "dear\n")
            self.chain = EmulatedChain(self.m)
        except BaseException:
            self.close(False)
            raise

    def start(self, **more):
        self.m.boot(**more)
        self.chain.begin()
        self.chain.publish("pump1.server_ip", "10.1.2.3")
        self.m.write("/etc/kedge/kedged.conf.d/50-test.conf", self.chain.conf())
        self.m.must("systemctl", "restart", "kedged")

    def close(self, failed):
        try:
            if failed and self.m.line:
                print(self.m.sh("journalctl -b --no-pager -u 'kedge*' | tail -60; dmesg | grep apparmor | tail -20; kedgectl status; "
                                "kedgectl net status").stdout)
        except (OSError, AssertionError) as e:
            print(e)
        finally:
            self.m.stop()

    def denials(self):
        return [line for line in self.m.must("dmesg").splitlines() if 'apparmor="DENIED"' in line and 'profile="kedge' in line]

    def resolves(self, address="10.1.2.3"):
        wait("the verified answer", lambda: self.m.run("getent", "hosts", OURS).stdout.split()[:1] == [address], PATIENCE)


def is_enforced(c):
    c.m.must("systemctl", "start", "kedge-netd")
    for unit, profile in SERVICES.items():
        said = c.m.sh(f"cat /proc/$(systemctl show -P MainPID {unit})/attr/current").stdout.strip()
        assert said == profile + " (enforce)", (unit, said)


def does_its_work(c):
    c.resolves()
    c.m.must("kedgectl", "explain", OURS)
    c.m.must("kedgectl", "time")
    said = c.m.must("busctl", "call", "org.kedge.Agent1", "/org/kedge/Agent1", "org.kedge.Agent1", "Resolve", "s", OURS)
    assert "10.1.2.3" in said or "10 1 2 3" in said, said
    c.m.must("systemctl", "reload", "kedged")
    c.m.must("systemctl", "restart", "kedged")
    c.resolves()


def makes_a_tunnel(c):
    """kedge-netd with the kernel's WireGuard; a key that is revoked on the chain takes the peer with it."""
    m = c.m
    assert "wireguard" not in m.must("lsmod")  # the kernel asks for it when the link is made
    m.write("/etc/kedge/net.conf", net_conf("icmp"))
    m.must("systemctl", "reload", "kedged")
    key = wait("our key", lambda: re.fullmatch(r"[A-Za-z0-9+/]{43}=", m.run("kedgectl", "net", "key", "plant").stdout.strip()), PATIENCE).group()
    r = m.sh(f"set -e; set -- {key}\n" + PEER)
    assert r.returncode == 0, r.stderr
    theirs = r.stdout.strip()
    for host, its, n in (("gw1", key, 1), ("gw2", theirs, 2)):
        c.chain.command(f"set _member.{n - 1} text \"{host}\"")
        said = m.must("kedgectl", "--json", "record", "wg", f"{host}.plant.fleet", "key=" + its,
                      f"endpoint=192.0.2.{n}:{7 if n == 2 else 51820}", f"ip=10.77.0.{n}")
        for record in json.loads(said)["records"]:
            if int(record["value"], 16):
                c.chain.command(f"set {record['key_text']} {record['value']}")
    c.chain.command("set _members 0x" + "2".rjust(64, "0"))
    c.chain.mine(30)
    wait("the peer", lambda: m.run("wg", "show", "kedge0", "peers").stdout.strip() == theirs, PATIENCE)
    wait("an answer through the tunnel", lambda: m.run("ping", "-c1", "-W2", "10.77.0.2").returncode == 0, PATIENCE)
    assert "10.77.0.2" in m.must("nft", "list", "set", "inet", "kedge", "kedge0_4")
    assert "wireguard" in m.must("ip", "-d", "link", "show", "kedge0")
    c.chain.command("clear gw2.wg_key")
    c.chain.mine(6)  # of two miners with a quarter of the weight: a head, far from final
    wait("the revoked peer to be gone", lambda: m.run("wg", "show", "kedge0", "peers").stdout.strip() == "", PATIENCE)
    assert "10.77.0.2" not in m.must("nft", "list", "set", "inet", "kedge", "kedge0_4")


def is_denied_nothing(c):
    assert not c.denials(), "\n".join(c.denials())


def is_confined(c):
    for profile, (refused, allowed) in CONFINED.items():
        said = c.m.must("python3", "/opt/probe.py", profile, *REFUSED, *refused, *allowed).splitlines()
        want = [w + " refused" for w in REFUSED + refused] + [w + " allowed" for w in allowed]
        assert said == want, (profile, [line for line in said if line not in want])
    # And the kernel tells: is_denied_nothing() looks where there is something to be seen.
    assert any('profile="kedged"' in line and 'name="/etc/shadow"' in line for line in c.denials())


def others_resolve_with_the_snippet(c):
    m = c.m
    m.write("/etc/apparmor.d/other", OTHER)
    m.must("sh", "-c", "cp /usr/bin/getent /opt/other && apparmor_parser -r /etc/apparmor.d/other")
    assert m.must("/opt/other", "hosts", OURS).split()[0] == "10.1.2.3"
    m.must("sh", "-c", f"mv {SNIPPET} /run/snippet && apparmor_parser -r -T /etc/apparmor.d/other")
    r = m.run("/opt/other", "hosts", OURS)
    assert r.returncode == 2 and not r.stdout, r
    m.must("sh", "-c", f"mv /run/snippet {SNIPPET} && apparmor_parser -r -T /etc/apparmor.d/other")
    assert m.must("/opt/other", "hosts", OURS).split()[0] == "10.1.2.3"


# In the group of kedged's processes, though not in its namespaces: what is refused is refused by the group.
IN_GROUP = "echo $$ >/sys/fs/cgroup$(systemctl show -P ControlGroup kedged)/cgroup.procs || exit 99; "
SEND = """import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.sendto(b"x", ("127.0.0.1", 9))
    print("sent")
except PermissionError:
    print("refused")
"""
FORK = """import os, time
n = 0
try:
    while n < 10:
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        n += 1
except BlockingIOError:
    pass
print(n)
"""


def is_limited(c):
    """IPAddressDeny=, TasksMax= and MemoryMax= of kedged; who is killed for memory comes back."""
    m = c.m
    m.write("/opt/send.py", SEND)
    m.write("/opt/fork.py", FORK)
    assert m.must("python3", "/opt/send.py").strip() == "sent"
    assert m.must("bash", "-c", IN_GROUP + "exec python3 /opt/send.py").strip() == "refused"
    forks = int(m.must("bash", "-c", IN_GROUP + "exec python3 /opt/fork.py"))
    assert 0 < forks < 4, forks
    before = m.must("systemctl", "show", "-P", "NRestarts", "kedged").strip()
    r = m.run("bash", "-c", IN_GROUP + "exec python3 -c 'b = bytearray(300 << 20)'")
    assert r.returncode == 137, r
    wait("systemd to notice", lambda: m.must("systemctl", "show", "-P", "NRestarts", "kedged").strip() != before, PATIENCE)
    assert "oom-kill" in m.must("journalctl", "-b", "--no-pager", "-u", "kedged")
    c.resolves()


LOGIN = """[Login]
Zone=plant.fleet
Host=gw1
ManagedUsers=alice
[Role 0]
Services=sshd
"""
SERVER = """import socket
s = socket.create_server(("127.0.0.1", 8080))
while True:
    c, _ = s.accept()
    open("/run/asked", "ab").write(c.recv(4096))
    c.sendall(b"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    c.close()
"""


def asks_for_sshd(c):
    """kedge-authorized-keys is confined by its path, whoever runs it. Its output is a pipe, as it is sshd's."""
    m = c.m
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
    m.must("useradd", "alice")
    m.write("/etc/kedge/login.conf", LOGIN)
    c.chain.set("_user.alice.ssh", hashlib.sha256(blob).digest())
    c.chain.set("_user.alice.role", (1).to_bytes(32, "big"))
    c.chain.mine(30)
    m.must("systemctl", "reload", "kedged")
    ask = f"runuser -u _kedge-ssh -- /usr/libexec/kedge/kedge-authorized-keys alice {base64.b64encode(blob).decode()} ssh-ed25519 2>&1 | cat"
    wait("the key to be let in", lambda: "ssh-ed25519 AAAA" in m.sh(ask).stdout, PATIENCE)


def asks_by_http(c):
    """libcurl, c-ares and the certificates, as an Ethereum chain wants them, in kedge-fetch's profile."""
    m = c.m
    m.write("/opt/server.py", SERVER)
    m.write("/etc/hosts", "127.0.0.1 localhost node.plant\n")
    m.write("/etc/ssl/certs/ca-certificates.crt", "none\n")
    m.must("systemd-run", "--unit=server", "python3", "/opt/server.py")
    ask = "aa-exec -p kedge-fetch -- /usr/libexec/kedge/kedge-fetch --checkpoint={}://node.plant:8080 {} 2>&1 | cat"
    said = wait("the server", lambda: m.sh(ask.format("http", "")).stdout if m.run("test", "-e", "/run/asked").returncode else "asked", PATIENCE)
    assert "GET /eth/v1/" in m.must("cat", "/run/asked"), said
    assert m.sh(ask.format("https", "--verify")).stdout, "a certificate that cannot be checked is not complained about"


def in_user_space(c):
    """The unit of wireguard-go, where the kernel's WireGuard is not wanted."""
    m = c.m
    m.write("/etc/kedge/netd.conf", "[Netd]\nLinks=kedge*\nBackend=userspace\n")
    m.write("/etc/kedge/net.conf", net_conf("icmp"))
    m.must("sh", "-c", "modprobe tun && chmod 666 /dev/net/tun")  # as udev's rules have it; there is no udev here
    m.must("systemctl", "start", "kedge-wireguard-go@kedge0")
    m.must("systemctl", "restart", "kedge-netd")
    m.must("systemctl", "reload", "kedged")
    wait("our key", lambda: len(m.run("kedgectl", "net", "key", "plant").stdout.strip()) == 44, PATIENCE)
    wait("the link", lambda: "UP" in m.run("ip", "link", "show", "kedge0").stdout, PATIENCE)
    said = m.sh("cat /proc/$(systemctl show -P MainPID kedge-wireguard-go@kedge0)/attr/current").stdout.strip()
    assert said == "kedge-wireguard-go (enforce)", said


def boots(c):
    c.start()


def steps(*functions):
    def story(context):
        c, failed = Contained(context), True
        try:
            in_steps(context, c, boots, *functions)
            failed = False
        finally:
            c.close(failed)
    return story


CONFINING = "find /etc/apparmor.d -path '*kedge*' -o -name '*.d' | sort"


def comes_and_goes(context):
    """Installed into a system that runs: confined from the first start on, as are the programs of others, and purged without a trace."""
    m = Emulated(context)
    try:
        for name in ALL:
            shutil.copy(deb(context.debs, name), m.root + "/opt/")
        m.boot()
        m.must("systemctl", "start", "chrony")
        before = m.must("sh", "-c", CONFINING)
        said = m.must("env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", "apt-get -y --no-install-recommends install /opt/*.deb 2>&1", timeout=PATIENCE * 2)
        assert "apparmor" not in said.lower().replace("apparmor.d", ""), said
        for unit in ("kedged", "kedge-fetch", "kedge-timed"):
            said = m.sh(f"cat /proc/$(systemctl show -P MainPID {unit})/attr/current").stdout.strip()
            assert said == unit + " (enforce)", (unit, said)
        # chronyd was there before us. It may read what tells it that a name is none of ours.
        m.write("/opt/probe.py", PROBE)
        said = m.must("python3", "/opt/probe.py", "/usr/sbin/chronyd", "read=/var/lib/kedge/public/suffixes")
        assert said.split() == ["read=/var/lib/kedge/public/suffixes", "allowed"], said
        m.must("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "purge", *ALL, timeout=PATIENCE * 2)
        after = m.must("sh", "-c", CONFINING)
        assert after == before, (before, after)
    finally:
        m.stop()


def of_1970(context):
    """A clock that begins in 1970 is set forward by kedge-timed, and the clock of chronyd, which is confined too, is fed."""
    c, failed = Contained(context), True
    m = c.m
    try:
        shutil.copy(context.build + "/tests/qemu/libtruetime.so", m.root + "/opt/")
        m.write("/etc/systemd/system/devnode.service.d/true.conf",
                f"[Service]\nEnvironment=LD_PRELOAD=/opt/libtruetime.so KEDGE_TEST_BOOT_TIME={int(time.time())}\n")
        m.write("/etc/kedge/timed.conf", "[Timed]\nChronySocket=/run/chrony.kedge.sock\n")
        shutil.copy(SOURCE + "/packaging/examples/chrony-kedge.conf", m.root + "/etc/chrony/conf.d/kedge.conf")
        c.start(rtc="1970-01-01T00:00:00")
        wait("the clock to be set", lambda: abs(int(m.must("date", "+%s")) - time.time()) < 3600, PATIENCE)
        said = m.must("journalctl", "-b", "--no-pager", "-o", "cat", "-u", "kedge-timed")
        print("  " + next(line for line in said.splitlines() if "set the clock" in line))
        m.must("systemctl", "start", "chrony")
        m.must("systemctl", "restart", "kedge-timed")
        wait("chronyd to be fed", lambda: re.search(r"^#[*+?-] KDG .* 0 +\d+ +[1-9]", m.run("chronyc", "-n", "sources").stdout, re.M), PATIENCE)
        is_denied_nothing(c)
        failed = False
    finally:
        c.close(failed)


STORIES = [
    ("qemu", steps(is_enforced, does_its_work, makes_a_tunnel, is_denied_nothing), False),
    ("qemu contained", steps(in_user_space, asks_for_sshd, asks_by_http, is_denied_nothing, is_confined, others_resolve_with_the_snippet, is_limited), False),
    ("qemu comes and goes", comes_and_goes, False),
    ("qemu clock of 1970", of_1970, False),
]
