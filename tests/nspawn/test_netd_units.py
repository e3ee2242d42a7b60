#!/usr/bin/env python3
"""kedge-netd and wireguard-go as their units run them, on a booted system: the user, the one capability, the socket that
systemd hands over, the sandbox. What is said to it are messages of this test. See machine.py."""
import os
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import SKIP, SOURCE, Machine, Skip, own_namespace, wait  # noqa: E402

SAY = """import sys
sys.path.insert(0, "/opt")
from test_netd import Kedged, PEERS, must_stand
class Netd:
    socket = "/run/kedge-netd/netd.sock"
kedged = Kedged(Netd)
state = kedged.settle(PEERS)
must_stand(PEERS)
kedged.settle(PEERS[:1])
must_stand(PEERS[:1])
print("stands", state.key.hex())
"""
AS_FETCH = """import os, socket
os.setgid(int(os.environ["GID"])); os.setuid(int(os.environ["WHO"]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect("/run/kedge-netd/netd.sock")
print("got", len(s.recv(999)))
"""


def furnish(m):
    m.install()
    os.makedirs(m.root + "/opt", exist_ok=True)
    for name in ("test_netd.py", "harness.py"):
        shutil.copy(f"{SOURCE}/tests/integration/{name}", m.root + "/opt/")
    m.write("/opt/say.py", SAY)
    m.write("/opt/as_fetch.py", AS_FETCH)
    for name in ("kedge-netd.socket", "kedge-netd.service", "kedge-wireguard-go@.service"):
        at = m.find(name)
        if not at.startswith("/usr/lib/systemd"):
            os.symlink(at, f"{m.root}/etc/systemd/system/{name}")
    for name in ("kedged.conf", "kedge-netd.conf"):
        shutil.copy(f"{SOURCE}/packaging/sysusers.d/{name}", m.root + "/usr/lib/sysusers.d/")


def users(m):
    m.must("systemd-sysusers", "/usr/lib/sysusers.d/kedged.conf", "/usr/lib/sysusers.d/kedge-netd.conf")
    m.must("install", "-d", "-o", "_kedge", "-g", "_kedge", "-m", "0755", "/var/lib/kedge")


def runs_as_it_should(m):
    m.must("systemctl", "start", "kedge-netd.socket", "kedge-wireguard-go@kedge0.service")
    wait("wireguard-go", lambda: m.sh("test -S /run/wireguard/kedge0.sock").returncode == 0)
    r = m.run("python3", "/opt/say.py")
    assert "stands" in r.stdout, r.stdout + r.stderr
    pid = m.must("systemctl", "show", "-P", "MainPID", "kedge-netd.service").strip()
    status = dict(line.split(":\t", 1) for line in m.must("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    user = m.must("id", "-u", "_kedge-netd").strip()
    assert status["Uid"].split() == [user] * 4, status["Uid"]
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 1 << 12, (name, status[name])  # CAP_NET_ADMIN
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert m.must("stat", "-c", "%U %a", "/var/lib/kedge-netd").split() == ["_kedge-netd", "700"]
    assert m.must("stat", "-c", "%U %a", "/var/lib/kedge-netd/kedge0.key").split() == ["_kedge-netd", "600"]
    assert m.must("stat", "-c", "%U %G %a", "/run/kedge-netd/netd.sock").split() == ["root", "_kedge", "660"]


def outlives_a_restart(m):
    before = m.run("python3", "/opt/say.py").stdout
    m.must("systemctl", "kill", "-s", "KILL", "kedge-netd.service")
    wait("kedge-netd to be back", lambda: m.run("python3", "/opt/say.py").stdout == before)
    m.must("systemctl", "kill", "-s", "KILL", "kedge-wireguard-go@kedge0.service")
    wait("wireguard-go to be back", lambda: m.run("python3", "/opt/say.py").stdout == before, timeout=40)
    m.must("systemctl", "stop", "kedge-netd.service")
    assert "10.9.0.1/16" in m.must("ip", "addr", "show", "dev", "kedge0")


def refuses_the_one_that_has_the_network(m):
    who = {"WHO": m.must("id", "-u", "_kedge-fetch").strip(), "GID": m.must("id", "-g", "_kedge").strip()}
    r = m.run("env", *[f"{k}={v}" for k, v in who.items()], "python3", "/opt/as_fetch.py")
    assert r.stdout.strip() == "got 0", r.stdout + r.stderr
    who["WHO"] = m.must("id", "-u", "_kedge").strip()
    r = m.run("env", *[f"{k}={v}" for k, v in who.items()], "python3", "/opt/as_fetch.py")
    assert r.stdout.strip() == "got 288", r.stdout + r.stderr


def main():
    folder = tempfile.mkdtemp(prefix="kedge-nspawn.", dir=os.environ.get("TMPDIR"))
    m, ok, begun = None, False, time.monotonic()
    try:
        m = Machine(folder)
        furnish(m)
        m.boot(more=["--bind=/dev/net/tun"])
        print(f"booted ({time.monotonic() - begun:.1f} s)")
        for step in (users, runs_as_it_should, outlives_a_restart, refuses_the_one_that_has_the_network):
            step(m)
            print(f"ok {step.__name__}", flush=True)
        ok = True
    finally:
        if m and m.init and not ok and m.nspawn.poll() is None:
            traceback.print_exc()
            print(m.sh("journalctl -b --no-pager | tail -60; ip addr; ls -la /dev/net /run/wireguard").stdout, file=sys.stderr)
        if m:
            m.stop()
        os.rmdir(folder)
    print(f"passed, {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    try:
        for needed in ("wireguard-go", "wg", "nft", "meson"):
            if not shutil.which(needed):
                raise Skip(needed + " is not installed")
        if not os.path.exists("/dev/net/tun"):
            raise Skip("there is no /dev/net/tun")
        own_namespace()
        main()
    except Skip as e:
        print("skipped:", e)
        sys.exit(SKIP)
