"""The order at boot: names of ours are answered as soon as the chain is, and no boot waits for it, be it there, gone, silent or
lying. The figures are printed; what is asserted is that the boot ends, and what a program got meanwhile."""
import os
import signal
import time

from clean import ALL, Dns, LastingChain, gateway, wait

NAME, ADDRESS = "pump1.plant.fleet", "10.1.2.3"
AGAIN = -3  # EAI_AGAIN
# A service that needs a name of ours, ordered as systemd.special(7) says; and a program that asks before names can be looked up.
SERVICE = """[Unit]
Description=Needs a name of ours
Wants=nss-lookup.target
After=nss-lookup.target
[Service]
ExecStart=/bin/sh -c 'until getent hosts {name} >/run/answered; do echo again >>/run/again; sleep 0.1; done'
[Install]
WantedBy=multi-user.target
""".format(name=NAME)
EARLY = """[Unit]
Description=Does not know better
DefaultDependencies=no
After=local-fs.target dns.service
Before=kedged.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'getent hosts {name}; echo $? >/run/early'
[Install]
WantedBy=multi-user.target
""".format(name=NAME)


def took(m):
    """Seconds until multi-user.target stood, and until everything did."""
    began, ended = (int(m.must("systemctl", "show", "-P", what)) for what in ("UserspaceTimestampMonotonic", "FinishTimestampMonotonic"))
    stood = int(m.show("multi-user.target", "ActiveEnterTimestampMonotonic"))
    return (stood - began) / 1e6, (ended - began) / 1e6


def booted(m, how, base):
    m.reboot()
    stood, ended = took(m)
    print(f"  {how}: multi-user.target after {stood:.1f} s, everything after {ended:.1f} s")
    assert m.must("systemctl", "list-jobs", "--no-legend").strip() in ("", "No jobs running."), m.must("systemctl", "list-jobs")
    assert m.must("systemctl", "--failed", "--plain", "--no-legend") == ""
    assert m.show("nss-lookup.target", "ActiveState") == "active" or base is None
    assert base is None or ended < base + 20, (base, ended)
    assert not m.dns.asked("plant.fleet")
    chain = m.must("systemd-analyze", "--no-pager", "critical-chain").splitlines()
    if base is not None:
        print("    critical chain: " + ", ".join(line.strip(" └─") for line in chain if "kedge" in line or "multi-user" in line))
    return ended


def only_refused(m):
    began = time.monotonic()
    code = m.refusal(NAME)
    print(f"  a program waits {time.monotonic() - began:.1f} s and is told to ask again")
    assert code == AGAIN and not os.path.getsize(m.inside("/run/answered")) and not m.dns.asked("plant.fleet")


def with_the_chain_names_are_there(m):
    booted(m, "with a chain", m.base)
    wait("the service's answer", lambda: open(m.inside("/run/answered")).read().split() == [ADDRESS, NAME], timeout=60)
    wait("the early one", lambda: os.path.exists(m.inside("/run/early")))
    assert open(m.inside("/run/early")).read() == "2\n"
    again = len(open(m.inside("/run/again")).readlines()) if os.path.exists(m.inside("/run/again")) else 0
    print(f"  a service after nss-lookup.target was told {again} times to ask again before it was answered")


def with_a_silent_chain_nobody_waits(m):
    os.kill(m.chain.node.pid, signal.SIGSTOP)
    booted(m, "with a chain that is silent", m.base)
    only_refused(m)
    os.kill(m.chain.node.pid, signal.SIGCONT)
    wait("the service's answer", lambda: open(m.inside("/run/answered")).read().split() == [ADDRESS, NAME], timeout=60)


def with_lying_upstreams_nobody_waits(m):
    for node, fault in enumerate(("forged-signature", "wrong-proof", "random")):
        m.chain.fault(node, fault)
    booted(m, "with upstreams that lie", m.base)
    only_refused(m)


def without_the_chain_nobody_waits(m):
    m.chain.node.kill()
    booted(m, "with a chain that is gone", m.base)
    only_refused(m)


def order(context):
    with gateway(context) as m:
        m.chain = LastingChain(m)
        m.chain.publish("pump1.server_ip", ADDRESS)
        m.boot()
        m.dns = Dns(m)
        m.base = booted(m, "without kedge", None)
        m.install(ALL)
        m.write("/etc/kedge/kedged.conf.d/50-test.conf", m.chain.conf())
        for name, unit in (("needs", SERVICE), ("early", EARLY)):
            m.write(f"/etc/systemd/system/{name}.service", unit)
            m.must("systemctl", "enable", name)
        m.must("systemctl", "restart", "kedged")
        m.must_resolve(NAME, ADDRESS)
        m.steps(with_the_chain_names_are_there, with_a_silent_chain_nobody_waits, with_lying_upstreams_nobody_waits,
                without_the_chain_nobody_waits)


def ends_at_each_start(context):
    """No boot waits for a kedged that ends again and again, whatever the reason; nor does whoever starts another of our daemons."""
    with gateway(context) as m:
        m.install(ALL)
        m.write("/usr/sbin/kedged", "#!/bin/sh\nexit 1\n", 0o755)
        m.boot()
        assert m.show("multi-user.target", "ActiveState") == "active" and m.show("kedged", "ActiveState") == "activating"
        m.must("systemctl", "restart", "kedge-timed", timeout=60)


STORIES = [("order at boot", order, False), ("kedged ends at each start", ends_at_each_start, False)]
