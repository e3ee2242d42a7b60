"""The first start of what was installed: on a system that runs, in an image that boots later, and where there is no bus. Nothing
is configured, so nothing is trusted, nobody waits, and hardly anything is done. Then the first verified answer."""
import os
import re
import time

from clean import ALL, GATEWAY, SERVICES, Chain, gateway, wait

# The exposure that systemd-analyze reckons, at most. Of kedged 1.5 is promised; these are what stands.
EXPOSURE = {"kedged": 0.7, "kedge-timed": 1.0, "kedge-netd": 1.1, "kedge-fetch": 1.3, "kedge-wireguard-go@kedge0": 1.7}
HERTZ = os.sysconf("SC_CLK_TCK")


def says_nothing_of_trouble(out):
    bad = [line for line in out.splitlines() if re.search(r"error|warning|fail|denied|cannot", line, re.I)]
    assert not bad, bad


def everything_runs(m):
    wait("the system to run", lambda: m.run("systemctl", "is-system-running").stdout.strip() == "running")
    assert m.must("systemctl", "--failed", "--plain", "--no-legend") == ""
    for unit in SERVICES:
        assert (m.show(unit, "ActiveState"), m.show(unit, "NRestarts")) == ("active", "0"), m.run("systemctl", "status", unit).stdout
        assert m.show(unit, "UnitFileState") == "enabled", unit
    assert m.show("kedge-netd.socket", "ActiveState") == "active" and m.show("kedge-netd", "ActiveState") == "inactive"


def nothing_is_complained_of(m):
    assert m.complaints() == [], m.complaints()


def kedged_is_on_the_bus(m):
    wait("the name on the bus", lambda: "org.kedge.Agent1" in m.must("busctl", "list", "--acquired"))
    late = m.journal("-u", "kedged", "-g", "does not give us the name")
    assert not late, "the bus did not know the policy when kedged began"
    assert "\"org.kedge.Agent1\"" in m.must("busctl", "--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                            "org.freedesktop.DBus", "ListNames")


def nothing_is_trusted_and_nothing_routed(m):
    assert m.must("kedgectl", "list") == ""
    assert m.must("ip", "-o", "link", "show").count("\n") == 1 and m.must("nft", "list", "ruleset") == ""
    assert m.refusal("pump1.plant.fleet") in (-3, -2)  # nobody's: as DNS has it, which there is none of


def spent(m, unit):
    """Ticks of the processor's time."""
    with open(m.inside(f"/proc/{m.show(unit, 'MainPID')}/stat")) as f:
        return sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:13])


def idle(m, seconds):
    """What an unconfigured kedge does all day: nothing to speak of, and says nothing."""
    lines, before, began = len(m.journal("-u", "kedge*")), {u: spent(m, u) for u in SERVICES}, time.monotonic()
    time.sleep(seconds)
    share = {u: (spent(m, u) - before[u]) / HERTZ / (time.monotonic() - began) for u in SERVICES}
    print("  idle: " + ", ".join(f"{u} {s:.1%} of a processor" for u, s in share.items()))
    assert max(share.values()) < 0.1, share
    new = [e["MESSAGE"] for e in m.journal("-u", "kedge*")[lines:]]
    assert len(new) <= seconds / 10, new


def it_idles(m):
    idle(m, 3 if m.context.short else 30)


def units_are_shut_in(m):
    for unit, most in EXPOSURE.items():
        out = m.must("systemd-analyze", "security", "--no-pager", unit + ".service")
        level = float(out.splitlines()[-1].split(": ")[-1].split()[0])
        print(f"  systemd-analyze security {unit}: {level}")
        assert level <= most, out


def the_first_verified_answer(m):
    began = time.monotonic()
    m.follows(m.chain)
    m.must_resolve("pump1.plant.fleet", "10.1.2.3")
    print(f"  apt-get install {m.installed_s:.1f} s, from the configuration to the first verified answer {time.monotonic() - began:.1f} s")
    assert m.must("getent", "hosts", "pump1.plant.fleet").split() == ["10.1.2.3", "pump1.plant.fleet"]


def first_start(context):
    with gateway(context) as m:
        m.boot()
        began = time.monotonic()
        out = m.install(ALL)
        m.installed_s = time.monotonic() - began
        says_nothing_of_trouble(out)
        m.steps(everything_runs, kedged_is_on_the_bus, nothing_is_trusted_and_nothing_routed, it_idles, units_are_shut_in,
                nothing_is_complained_of)
        m.chain = Chain(m)
        m.chain.publish("pump1.server_ip", "10.1.2.3")
        m.steps(the_first_verified_answer, everything_runs, nothing_is_complained_of)


def an_image(context):
    """Installed where no system runs, as images are built; then its first boot."""
    with gateway(context) as m:
        says_nothing_of_trouble(m.install(ALL))
        assert not any(os.path.exists(m.root + at) for at in ("/run/kedge", "/run/kedge-netd")), "something was started"
        m.boot()
        m.steps(everything_runs, kedged_is_on_the_bus, nothing_is_trusted_and_nothing_routed, nothing_is_complained_of)


def names_are_answered(m):
    m.follows(m.chain)
    m.must_resolve("pump1.plant.fleet", "10.1.2.3")
    assert "following" in m.must("kedgectl", "status")
    for unit in ("kedged", "kedge-fetch"):
        assert m.show(unit, "NRestarts") == "0", unit


def without_a_bus(context):
    """Names need no bus; what a package of dbus's would have brought is missed by nobody."""
    with gateway(context) as m:
        m.remove("dbus", "dbus-daemon", purge=True)
        m.boot()
        failed = m.must("systemctl", "--failed", "--plain", "--no-legend")
        says_nothing_of_trouble(m.install(GATEWAY))
        m.chain = Chain(m)
        m.chain.publish("pump1.server_ip", "10.1.2.3")
        m.steps(names_are_answered)
        assert m.must("systemctl", "--failed", "--plain", "--no-legend") == failed
        m.steps(nothing_is_complained_of)


STORIES = [
    ("first start", first_start, True),
    ("an image", an_image, False),
    ("without a bus", without_a_bus, False),
]
