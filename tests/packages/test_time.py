"""The clock, from the package kedge-timed: a machine of 1970 that has a chain, and chronyd, which is told what is proven. The clock
of this machine is never set: the container may not, and kedge-timed has one of its own by a library that is loaded before the C
library (tests/integration/setclock.c). A real clock is set in test_qemu.py."""
import os
import re
import shutil
import struct
import time

from clean import GATEWAY, SOURCE, Chain, gateway, wait

FIELDS = ("wall", "boot", "sets", "last", "kept", "refuses")  # of setclock.c
CLOCK = "/var/lib/test-clock/clock"
OWN_CLOCK = f"""[Service]
Environment=LD_PRELOAD=/opt/libsetclock.so KEDGE_TEST_CLOCK_FILE={CLOCK}
ReadWritePaths=/var/lib/test-clock
"""
# In the container chronyd may not set the clock; it runs all the same, and says what it sees.
CHRONY = "[Unit]\nConditionCapability=\n"


def clock(m):
    with open(m.root + CLOCK, "rb") as f:
        return dict(zip(FIELDS, struct.unpack(f"={len(FIELDS)}q", f.read())))


def in_1970(m):
    """kedge-timed sees two minutes after the beginning of 1970."""
    m.copy("tests/integration/libsetclock.so", "/opt/libsetclock.so")
    os.makedirs(os.path.dirname(m.root + CLOCK))
    with open(m.root + CLOCK, "wb") as f:
        f.write(struct.pack(f"={len(FIELDS)}q", 120 - int(time.time()), *[0] * (len(FIELDS) - 1)))
    m.must("chown", "-R", "_kedge-timed:", os.path.dirname(CLOCK))
    m.write("/etc/systemd/system/kedge-timed.service.d/test.conf", OWN_CLOCK)
    m.must("systemctl", "daemon-reload")
    m.must("systemctl", "restart", "kedge-timed")


def said(m, text):
    return [e["MESSAGE"] for e in m.journal("-u", "kedge-timed") if text in str(e["MESSAGE"])]


def is_set(m):
    in_1970(m)
    line = wait("the clock to be set", lambda: said(m, "set the clock forward from 1970-01-01 00:0"), 60, 0.1)[0]
    wait("the clock to be good", lambda: m.must("systemctl", "show", "-P", "StatusText", "kedge-timed").strip(), 20)
    seen = clock(m)
    assert seen["sets"] >= 1 and time.time() - 3600 < seen["last"] <= time.time(), seen
    print("  " + line)


def page_of_chrony():
    """The commands that kedge-timed(8) gives."""
    with open(SOURCE + "/docs/man/kedge-timed.8.rst") as f:
        block = re.search(r"hands \*/run/chrony\.kedge\.sock\* over.*?::\n\n((?: {4}.*\n)+)", f.read()).group(1)
    return [line.strip() for line in block.splitlines()]


def tells_chrony(m):
    """As the page says; only that chronyd looks every four seconds, and not every half minute."""
    m.write("/etc/systemd/system/chrony.service.d/test.conf", CHRONY)
    m.write("/etc/default/chrony", 'DAEMON_OPTS="-F 1 -x"\n')
    m.must("systemctl", "daemon-reload")
    copied, configured, restarted, asked = page_of_chrony()
    m.must("sh", "-c", copied)
    m.must("sed", "-i", "s/ poll 5 / poll 2 /", "/etc/chrony/conf.d/kedge.conf")
    m.must("sh", "-c", configured)
    m.must("sh", "-c", restarted)
    assert m.must("stat", "-c", "%U %F", "/run/chrony.kedge.sock").strip() == "_kedge-timed socket"
    reached = wait("chronyd to have a sample", lambda: re.search(r"^#[*+?-] KDG +0 +2 +([1-7]\S*) .*$", m.must("sh", "-c", asked), re.M), 60, 0.2)
    print("  " + reached.group())
    # chronyd comes again, and with it another socket.
    m.must("systemctl", "restart", "chrony")
    assert m.must("stat", "-c", "%U", "/run/chrony.kedge.sock").strip() == "_kedge-timed"


def is_gone(m):
    """Removed, chronyd runs as before; purged, nothing is left of it but the operator's own file in /etc/chrony."""
    os.unlink(m.root + "/etc/systemd/system/kedge-timed.service.d/test.conf")
    m.remove("kedge-timed")
    assert m.run("id", "_kedge-timed").returncode == 0 and os.path.exists(m.root + "/etc/kedge/timed.conf")
    assert m.must("stat", "-c", "%U", "/run/chrony.kedge.sock").strip() == "root"
    m.must("systemctl", "restart", "chrony")
    assert m.must("stat", "-c", "%U", "/run/chrony.kedge.sock").strip() != "_kedge-timed"
    shutil.rmtree(m.root + os.path.dirname(CLOCK))
    m.remove("kedge-timed", purge=True)
    assert m.run("id", "_kedge-timed").returncode != 0
    left = m.must("find", "/etc", "/usr/lib", "/usr/libexec", "/usr/share", "/var/lib", "-xdev", "-name", "*kedge-timed*", "-not", "-path", "/var/lib/dpkg/*")
    assert not re.sub(r".*kedge-timed\.service\.d\n", "", left), left
    failed = m.must("systemctl", "list-units", "--failed", "--no-legend", "--plain", "kedge*", "chrony*")
    assert not failed, failed


def with_gateway(*steps):
    def story(context):
        with gateway(context, asked="kedgectl time; ls -l /run/*.sock") as m:
            m.boot()
            m.install(GATEWAY + ["kedge-timed"])
            chain = Chain(m)
            m.follows(chain)
            chain.mine(30)
            m.steps(*steps)
    return story


STORIES = [
    ("clock of 1970", with_gateway(is_set, tells_chrony), True),
    ("kedge-timed, removed", with_gateway(is_set, tells_chrony, is_gone), False),
]
