"""What a gateway lives through: daemons that are killed, hang, or are stopped; a reboot; a configuration that is not good; a full
disk. Names of ours are answered by proof or not at all: never by the name server that stands behind in nsswitch.conf."""
import os

from clean import ALL, SERVICES, Dns, LastingChain, gateway, wait

WATCHDOG = "[Service]\nWatchdogSec=5s\n"
DAEMONS = SERVICES + ["kedge-netd"]
PIN = bytes(range(32))
AGAIN = -3  # EAI_AGAIN


def furnish(m):
    for unit in ("kedged", "kedge-timed", "kedge-netd"):
        m.write(f"/etc/systemd/system/{unit}.service.d/short.conf", WATCHDOG)
    m.chain = LastingChain(m)
    m.boot()
    m.dns = Dns(m)
    m.install(ALL)
    m.chain.set("pump1.server_ip", "10.1.2.3")
    m.chain.set("pump2.signature", PIN)
    m.chain.publish("pump2.server_ip", "10.1.2.4")
    m.follows(m.chain)
    m.must("systemctl", "start", "kedge-netd")
    answered(m)


def answered(m):
    m.must_resolve("pump1.plant.fleet", "10.1.2.3")


def only_refused(m):
    """A name of ours: ask again later. Others go where they went before."""
    assert m.refusal("pump1.plant.fleet") == AGAIN
    assert m.addresses("www.example.org") == [Dns.ANSWER]
    assert m.dns.asked("www.example.org") and not m.dns.asked("plant.fleet")


def active(m, unit):
    return m.show(unit, "ActiveState") == "active"


def restarts(m, units):
    return {unit: int(m.show(unit, "NRestarts")) for unit in units}


def killed_ones_come_back(m):
    """All at once; of kedge-fetch's restarts those with kedged are not counted, since they are no restarts of its own."""
    before = {unit: m.show(unit, "MainPID") for unit in DAEMONS}
    for unit in DAEMONS:
        m.run("kill", "-KILL", before[unit])
    for unit in DAEMONS:
        wait(f"another {unit}", lambda: active(m, unit) and m.show(unit, "MainPID") not in ("0", before[unit]), timeout=60)
    answered(m)


def hung_ones_are_ended_and_come_back(m):
    units = ["kedged", "kedge-timed", "kedge-netd"]
    before = restarts(m, units)
    for unit in units:
        m.must("systemctl", "kill", "-s", "STOP", unit)
    for unit in units:
        m.back(unit, before[unit])
        assert m.journal("-u", unit, "-g", "Watchdog timeout"), unit
    answered(m)


def restarted_ones_answer(m):
    for unit in DAEMONS:
        m.must("systemctl", "restart", unit)
        answered(m)
    m.must("systemctl", "reload", "kedged")
    answered(m)


def a_stopped_agent_leaves_no_name_to_dns(m):
    m.must("systemctl", "stop", "kedged")
    assert m.show("kedge-fetch", "ActiveState") == "inactive"
    only_refused(m)
    assert m.run("kedgectl", "status").returncode == 6
    m.must("systemctl", "start", "kedged")
    wait("kedge-fetch", lambda: active(m, "kedge-fetch"))
    answered(m)


def a_reboot_follows_from_what_was_proven(m):
    """The checkpoint is gone from the configuration, and a revocation of before is not forgotten."""
    m.must("kedgectl", "query", "pump2.plant.fleet")
    m.chain.set("pump2.signature", bytes(32))
    m.chain.mine(3)
    wait("the revocation", lambda: "1 revoked" in m.run("kedgectl", "status").stdout)
    final = m.chain.final()[0]
    conf = "".join(line + "\n" for line in m.chain.conf().splitlines() if not line.startswith("Checkpoint="))
    m.write("/etc/kedge/kedged.conf.d/50-test.conf", conf)
    m.reboot()
    answered(m)
    status = m.must("kedgectl", "status")
    assert "1 revoked" in status and int(status.split("finalized")[1].split()[0]) >= final, status
    assert not m.dns.asked("plant.fleet") and m.must("systemctl", "--failed", "--plain", "--no-legend") == ""


def however_often_they_end(m):
    for unit in DAEMONS:
        m.must("systemctl", "reset-failed", unit)
        for _ in range(7):
            pid = m.show(unit, "MainPID")
            m.run("kill", "-KILL", pid)
            wait(f"another {unit}", lambda: active(m, unit) and m.show(unit, "MainPID") not in ("0", pid), timeout=60)
    answered(m)


def stands(m, unit):
    """As one answer: where systemd is about to start it again, ActiveState is activating, and SubState auto-restart."""
    said = m.must("systemctl", "show", "-p", "ActiveState,SubState,ExecMainStatus,NRestarts,InvocationID", unit)
    return dict(line.split("=", 1) for line in said.splitlines())


def a_bad_configuration_does_not_spin(m):
    for unit, file, text in (("kedged", "kedged.conf.d/60-bad.conf", "[tls]\nMaxAgee=1h\n"), ("kedge-timed", "timed.conf", "[Timed]\nNo=1\n"),
                             ("kedge-netd", "netd.conf", "[Netd]\nNo=1\n")):
        path = "/etc/kedge/" + file
        before = m.sh(f"cat {path}").stdout
        m.write(path, text)
        r = m.run("systemctl", "restart", unit)
        assert r.returncode != 0, m.sh(f"ls -la /etc/kedge /etc/kedge/kedged.conf.d; cat {path}; systemctl status {unit}").stdout
        end = stands(m, unit)
        assert (end["ActiveState"], end["SubState"], end["ExecMainStatus"], end["NRestarts"]) == ("failed", "failed", "78", "0"), end
        if unit == "kedged":
            only_refused(m)
        for other in SERVICES:  # nor does another one's start bring it back
            if other != unit:
                m.must("systemctl", "restart", other)
        assert stands(m, unit) == end, (end, stands(m, unit))
        os.unlink(m.inside(path))
        if before:
            m.write(path, before)
        m.must("systemctl", "restart", unit)
        wait(unit, lambda: active(m, unit))
    assert active(m, "kedge-netd.socket")
    answered(m)


def a_full_disk_is_waited_for(m):
    m.must("systemctl", "stop", "kedged")
    m.must("sh", "-ec", "cp -a /var/lib/kedge /opt/state; mount -t tmpfs -o size=256k,mode=755 tmpfs /var/lib/kedge; chown _kedge:_kedge /var/lib/kedge; "
           "cp -a /opt/state/. /var/lib/kedge/; head -c 1M /dev/zero >/var/lib/kedge/full || true")
    m.run("systemctl", "start", "kedged")
    code = m.refusal("pump1.plant.fleet")
    print(f"  with a full disk kedged is {m.show('kedged', 'ActiveState')}, and getaddrinfo() says {code}")
    assert code in (0, AGAIN) and not m.dns.asked("plant.fleet")
    m.must("rm", "/var/lib/kedge/full")
    m.chain.mine(30)
    answered(m)
    m.must("systemctl", "stop", "kedged")
    m.must("umount", "/var/lib/kedge")
    m.must("systemctl", "start", "kedged")
    answered(m)


def life(context):
    with gateway(context) as m:
        furnish(m)
        m.steps(killed_ones_come_back, restarted_ones_answer, a_stopped_agent_leaves_no_name_to_dns, a_reboot_follows_from_what_was_proven)
        if not context.short:
            m.must("systemctl", "start", "kedge-netd")
            m.steps(hung_ones_are_ended_and_come_back, however_often_they_end, a_bad_configuration_does_not_spin, a_full_disk_is_waited_for)


STORIES = [("life of a gateway", life, True)]
