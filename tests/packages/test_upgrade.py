"""Packages of one version in the place of another, in a system at work: what stays, what is started again, and what is not."""
import base64
import json
import os
import re

from clean import ALL, GATEWAY, Chain, Skip, gateway, net_conf, wait
from versions import another, drop, with_line

OLDER = "0.1.0-0"  # what our packages depend on among themselves allows it
PIN = bytes(range(1, 33))
NAME = "pump1.plant.fleet"
UNITS = ["kedged", "kedge-fetch", "kedge-netd", "kedge-netd.socket", "kedge-timed", "kedge-wireguard-go@kedge0", "ssh", "dbus", "systemd-logind"]
LOOP = f"while [ -e /run/asking ]; do b=$(date +%s%N); getent ahosts {NAME} | grep -q 10.1.2.3; echo $? $b; sleep 0.02; done >/run/asked"


def number(n):
    return n.to_bytes(32, "big")


def member(chain, host, key, address):
    chain.set(f"{host}.wg_key", key)
    chain.set(f"{host}.wg_ip", address)


def at_work(m, debs):
    """A gateway of the older version: a name, a tunnel with a peer, and a key that was taken back, which the head alone knows."""
    m.boot(more=["--bind=/dev/net/tun"])
    m.install(ALL, debs)
    m.must("systemctl", "enable", "--now", "ssh", "kedge-wireguard-go@kedge0")
    m.chain = chain = Chain(m)
    chain.set("pump1.server_ip", "10.1.2.3")
    chain.set("pump1.signature", PIN)
    for i, host in enumerate(["gw1", "gw2"]):
        chain.set(f"_member.{i}", host)
    chain.set("_members", number(2))
    member(chain, "gw2", bytes(range(64, 96)), "10.77.0.2")
    chain.mine(30)
    m.write("/etc/kedge/net.conf", net_conf("any"))
    m.append("/etc/kedge/kedged.conf", "# a word of the operator's\n")
    m.follows(chain)
    m.must_resolve(NAME, "10.1.2.3", 60)
    wait("the pin", lambda: PIN.hex() in m.run("kedgectl", "--json", "query", NAME).stdout, 60, 0.1)
    own = wait("our key", lambda: re.fullmatch("[A-Za-z0-9+/]{43}=", m.run("kedgectl", "net", "key", "plant").stdout.strip()), 60, 0.1)
    member(chain, "gw1", base64.b64decode(own.group()), "10.77.0.1")
    chain.mine(30)
    wait("the peer", lambda: "10.77.0.2/32" in m.run("wg", "show", "kedge0", "allowed-ips").stdout, 60, 0.1)
    chain.command("clear pump1.signature")
    wait("the revocation", lambda: chain.mine(1) and status(m)["revocations"] == 1, 60, 0.3)


def status(m):
    r = m.run("kedgectl", "--json", "status")
    return {"revocations": 0, **json.loads(r.stdout)["chains"][0]} if r.returncode == 0 else {"revocations": 0}


def standing(m):
    """What an upgrade may not change."""
    return {"device key": m.must("sha256sum", "/var/lib/kedge/device.key").split()[0],
            "private key": m.must("sha256sum", "/var/lib/kedge-netd/kedge0.key").split()[0],
            "link": m.must("ip", "-o", "link", "show", "kedge0").split(":")[0],
            "peer": m.must("wg", "show", "kedge0", "peers").strip(),
            "configuration": m.must("sha256sum", "/etc/kedge/kedged.conf", "/etc/kedge/net.conf", "/etc/kedge/kedged.conf.d/50-test.conf")}


def invocations(m):
    """Another one after each start."""
    shown = m.must("systemctl", "show", "-P", "InvocationID", *UNITS).split("\n")
    return dict(zip(UNITS, [line for line in shown if line]))


def starts(m, unit, since):
    """How often it was started, by what systemd says."""
    return sum(e.get("UNIT") == unit + ".service" for e in m.journal("--since", since, "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"))


class Asking:
    """getent, again and again, while something is done."""

    def __init__(self, m):
        self.m = m

    def __enter__(self):
        self.m.must("touch", "/run/asking")
        self.process = self.m.start("bash", "-c", LOOP)
        return self

    def __exit__(self, *_):
        self.m.must("rm", "/run/asking")
        self.process.wait(30)

    def said(self):
        rows = [line.split() for line in self.m.must("cat", "/run/asked").splitlines()]
        failed = [int(at) for code, at in rows if code != "0"]
        gap, since = 0, None
        for code, at in rows:
            since = (since or int(at)) if code != "0" else None
            gap = max(gap, int(at) - since if since else 0)
        return f"{len(rows)} look-ups, {len(failed)} without an answer, the longest gap {gap / 1e9:.2f} s"


def stands(m, before, number):
    """All is as it was, nothing was forgotten, and the chain is followed on."""
    m.must_resolve(NAME, "10.1.2.3", 60)
    after = standing(m)
    assert after == before, {k: (before[k], after[k]) for k in before if before[k] != after[k]}
    now = wait("a head", lambda: status(m).get("head") and status(m), 60, 0.1)
    assert now["finalized"]["number"] >= number and now["revocations"] == 1, now
    assert PIN.hex() not in m.run("kedgectl", "--json", "query", NAME).stdout
    wait("kedge-netd", lambda: "10.77.0.2" in m.run("kedgectl", "net", "status").stdout, 60, 0.1)


def changed(m, folder, names, restarted):
    """Installs; exactly those services are started once, and no other is."""
    since, was, before, number = m.must("date", "+%F %T.%6N").strip(), invocations(m), standing(m), status(m)["finalized"]["number"]
    with Asking(m) as asking:
        m.install(names, folder)
        stands(m, before, number)
    print("  " + asking.said(), flush=True)
    now = invocations(m)
    assert {u for u in UNITS if now[u] != was[u]} == set(restarted), {u: (was[u], now[u]) for u in UNITS if was[u] != now[u]}
    counted = {u: starts(m, u, since) for u in UNITS if not u.endswith(".socket")}
    assert all(n == (u in restarted) for u, n in counted.items()), counted


DAEMONS = ["kedged", "kedge-fetch", "kedge-netd", "kedge-timed"]


def an_upgrade(m):
    """Every upstream shows an older head from now on, in which the key still stands: that it was taken back is in the state alone."""
    m.chain.command("fault all stale-head 3")
    changed(m, m.context.debs, ALL, DAEMONS)
    with open(m.root + "/etc/kedge/netd.conf") as f:
        assert "before 0.1" not in f.read(), "netd.conf, which nobody has changed, is not that of the new version"


def libraries_alone(m):
    """The doors of programs: no daemon is started again."""
    changed(m, m.older, ["libnss-kedge", "libkedge1", "libkedge-wolfssl1", "libpam-kedge"], [])


def a_downgrade(m):
    changed(m, m.older, ALL, DAEMONS)


def with_live_state(*steps):
    def story(context):
        if not os.path.exists("/dev/net/tun"):
            raise Skip("/dev/net/tun is missing")
        older = another(context, ALL, OLDER, {"kedge-netd": with_line("/etc/kedge/netd.conf", "# before 0.1")})
        try:
            with gateway(context) as m:
                m.older = older
                at_work(m, older)
                m.steps(*steps)
        finally:
            drop(older)
    return story


def states(m):
    out = m.must("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *ALL)
    return dict(line.split() for line in out.splitlines())


def killed_between(m):
    """kill -9 of dpkg when the new files are there and are not configured: names go on, and dpkg ends what was begun."""
    before, number, was = standing(m), status(m)["finalized"]["number"], invocations(m)
    m.must("dpkg", "--unpack", *m.bring(ALL), timeout=300)
    assert set(states(m).values()) == {"unpacked"}, states(m)
    stands(m, before, number)
    assert {u for u in UNITS if invocations(m)[u] != was[u]} == set(), "a daemon was started before its package was configured"
    process = m.start("bash", "-c", "exec dpkg --configure -a")
    wait("the first to be configured", lambda: "installed" in states(m).values() or "half-configured" in states(m).values(), 60, 0.01)
    process.kill()
    process.wait(30)
    m.sh("pkill -9 -x dpkg")  # in the container: what nsenter has started is not it
    wait("dpkg to be gone", lambda: m.run("pgrep", "-x", "dpkg").returncode == 1)
    m.must("dpkg", "--configure", "-a", timeout=300)
    assert set(states(m).values()) == {"installed"}, states(m)
    stands(m, before, number)


def broken(root):
    with open(root + "/usr/sbin/kedged", "w") as f:
        f.write("#!/bin/sh\necho it does not start >&2\nexit 1\n")


def one_that_does_not_start(m):
    """Of a new version whose daemon ends at once apt tells, and goes on; the others run, a name is nobody's else, and the one before is
    put in its place with all that it knew."""
    before, number = standing(m), status(m)["finalized"]["number"]
    bad = another(m.context, ["kedged", "kedge-netd", "kedge-timed"], "9.9-1", {"kedged": broken})
    try:
        said = m.install(["kedged", "kedge-netd", "kedge-timed"], bad)
        assert "Job for kedged.service failed" in said or "Could not execute systemctl" in said, said
        assert m.show("kedged", "ActiveState") in ("activating", "failed") and m.show("kedge-netd.socket", "ActiveState") == "active"
        assert m.show("kedge-wireguard-go@kedge0", "ActiveState") == "active" and m.must("wg", "show", "kedge0", "peers").strip() == before["peer"]
        assert m.refusal(NAME) == -3, "a name of ours goes to DNS"
    finally:
        drop(bad)
    m.install(ALL)
    stands(m, before, number)


def a_later_state(m):
    """A file of a version to come: kedged says which one and is not started again and again; nothing is taken from it."""
    m.must("systemctl", "stop", "kedged")
    m.must("cp", "-a", "/var/lib/kedge", "/var/lib/kept")
    m.must("python3", "-c", LATER)
    assert m.run("systemctl", "start", "kedged").returncode != 0
    wait("kedged to be given up", lambda: m.show("kedged", "ActiveState") == "failed")
    assert any("/var/lib/kedge/revocations was written by a later kedge" in str(e["MESSAGE"]) for e in m.journal("-u", "kedged"))
    m.must("sh", "-c", "rm -rf /var/lib/kedge && mv /var/lib/kept /var/lib/kedge && systemctl reset-failed kedged && systemctl start kedged")
    m.must_resolve(NAME, "10.1.2.3", 60)


LATER = """import hashlib, struct
body = b"KEDGESTO" + struct.pack(">IIQQI", 2, 0, 1 << 40, 0, 1) + b"?"
with open("/var/lib/kedge/revocations", "wb") as f:
    f.write(body + hashlib.sha256(body).digest())
"""


CONFFILES = {"kedged": "/etc/kedge/kedged.conf", "kedge-netd": "/etc/kedge/netd.conf", "kedge-timed": "/etc/kedge/timed.conf"}


def put(m, version, *options):
    """Packages of a later version, whose conffiles are others: what apt-get said."""
    folder = another(m.context, CONFFILES, version, {name: with_line(path, "# of " + version) for name, path in CONFFILES.items()})
    try:
        return m.apt("--no-install-recommends", *options, "install", *m.bring(CONFFILES, folder))
    finally:
        drop(folder)


def read(m, path):
    with open(m.root + path) as f:
        return f.read()


def an_operator_has_written(m):
    m.chain = Chain(m)
    m.chain.publish("pump1.server_ip", "10.1.2.3")
    for name, path in CONFFILES.items():
        m.append(path, "# a word of the operator's\n" + (m.chain.conf() if name == "kedged" else ""))
    m.must("systemctl", "restart", *CONFFILES)
    m.must_resolve(NAME, "10.1.2.3", 60)
    m.his = {path: read(m, path) for path in CONFFILES.values()}


def goes_on_with_his(m):
    assert {path: read(m, path) for path in m.his} == m.his
    m.must_resolve(NAME, "10.1.2.3", 60)
    assert all(m.show(unit, "ActiveState") == "active" for unit in CONFFILES), m.sh("systemctl --failed").stdout


def nobody_is_asked_in_vain(m):
    """Without a word about it dpkg asks, hears nothing and stops: the daemons that ran run on, with his files."""
    r = put(m, "9.7-1")
    assert r.returncode != 0 and "end of file on stdin at conffile prompt" in r.stdout + r.stderr, r.stdout + r.stderr
    goes_on_with_his(m)


def confold_leaves_his(m):
    r = put(m, "9.8-1", "-o", "Dpkg::Options::=--force-confold")
    assert r.returncode == 0, r.stdout + r.stderr
    goes_on_with_his(m)
    for path in m.his:
        assert read(m, path + ".dpkg-dist").endswith("# of 9.8-1\n") and not os.path.exists(m.root + path + ".dpkg-old"), path


def confnew_keeps_his_beside(m):
    """Nothing is configured then: kedged says so, is well, and has forgotten nothing: his file put back is all that it takes."""
    r = put(m, "9.9-1", "-o", "Dpkg::Options::=--force-confnew")
    assert r.returncode == 0, r.stdout + r.stderr
    for path, text in m.his.items():
        assert read(m, path).endswith("# of 9.9-1\n") and read(m, path + ".dpkg-old") == text, path
    wait("kedged", lambda: "no chain is configured" in m.run("kedgectl", "status").stderr)
    key = m.must("sha256sum", "/var/lib/kedge/device.key")
    for path in m.his:
        m.must("mv", path + ".dpkg-old", path)
    m.must("systemctl", "restart", *CONFFILES)
    goes_on_with_his(m)
    assert m.must("sha256sum", "/var/lib/kedge/device.key") == key


def purge_takes_them_all(m):
    m.remove(*GATEWAY, *CONFFILES, purge=True)
    assert not os.path.exists(m.root + "/etc/kedge"), os.listdir(m.root + "/etc/kedge")


def words_of_an_operator(context):
    with gateway(context) as m:
        m.boot()
        m.install(GATEWAY + ["kedge-netd", "kedge-timed"])
        m.steps(an_operator_has_written, nobody_is_asked_in_vain, confold_leaves_his, confnew_keeps_his_beside, purge_takes_them_all)


def nothing_is_started(context):
    """Where policy-rc.d forbids it, as while an image is made: all is installed and switched on, and nothing runs."""
    with gateway(context) as m:
        m.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        m.boot()
        m.install(ALL)
        for unit in ("kedged", "kedge-fetch", "kedge-netd", "kedge-netd.socket", "kedge-timed"):
            assert m.show(unit, "ActiveState") == "inactive", unit
        assert m.run("systemctl", "is-enabled", "kedged", "kedge-netd.socket", "kedge-timed").stdout.split() == ["enabled"] * 3
        os.unlink(m.root + "/usr/sbin/policy-rc.d")
        m.reboot()
        wait("kedged", lambda: m.show("kedged", "ActiveState") == "active")


STORIES = [
    ("upgrade", with_live_state(an_upgrade), True),
    ("libraries, and a downgrade", with_live_state(an_upgrade, libraries_alone, a_downgrade), False),
    ("an upgrade that ends in the middle", with_live_state(killed_between, one_that_does_not_start, a_later_state), False),
    ("configuration of an operator's", words_of_an_operator, False),
    ("nothing is started", nothing_is_started, False),
]
