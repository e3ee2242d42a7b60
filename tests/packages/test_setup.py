"""kedgectl setup on a gateway with our packages: from apt-get to the first verified answer, what is wrong is told, a second
zone comes without a restart, and what setup wrote goes again."""
import json
import os
import re
import shutil
import subprocess
import time

from clean import Chain, gateway, program, wait

FILE = "/etc/kedge/kedged.conf.d/50-setup.conf"
NAME = "pump1.plant.fleet"
WRONG = "180:0x" + "11" * 32


def words(chain):
    """What an operator would type of this chain."""
    i = chain.info
    nodes = [w for n in range(int(i["NODES"])) for w in ("--upstream", i[f"NODE{n}"])]
    return ["--chain", "diode", "--chain-id", i["CHAIN_ID"], "--fleet", i["FLEET"], *nodes]


def zone(chain, name="plant.fleet"):
    return ["--zone", name, "--contract", chain.info["CONTRACT"]]


def setup(m, *argv, code=0):
    r = m.run("kedgectl", "--no-color", "setup", *argv, timeout=180)
    assert r.returncode == code, f"{argv}: {r.returncode}: {r.stdout}{r.stderr}"
    return r.stdout + r.stderr


def main_pid(m):
    return m.must("systemctl", "show", "-P", "MainPID", "kedged").strip()


def nothing_is_configured(m):
    r = m.run("kedgectl", "status")
    assert r.returncode == 1 and "no chain is configured" in r.stderr and "kedgectl setup" in r.stderr, r
    r = m.run("kedgectl", "status", "--wait")
    assert r.returncode == 1 and "no chain is configured" in r.stderr, r
    r = json.loads(m.run("kedgectl", "status", "--json").stdout)
    assert r["chains"] == [] and r["result"] == "failure" and r["reason"] == "no chain is configured" and r["version"], r
    out = m.run("kedgectl", "--no-color", "doctor").stdout
    assert "FAIL  chain       no chain is configured" in out and "cure: kedgectl setup" in out, out
    assert "kedgectl setup" in m.must("systemctl", "show", "-P", "StatusText", "kedged")


def by_one_command(m):
    chain = Chain(m)
    chain.publish("pump1.server_ip", "10.1.2.3")
    began = time.monotonic()
    m.install()
    installed = time.monotonic()
    nothing_is_configured(m)
    wrong_checkpoint(m, chain)
    typed = time.monotonic()
    out = setup(m, *words(chain), "--checkpoint", chain.info["CHECKPOINT"], *zone(chain), "--try", NAME)
    ended = time.monotonic()
    print(f"apt-get {installed - began:.1f} s; setup to the first verified answer {ended - typed:.1f} s; "
          f"both {installed - began + ended - typed:.1f} s")
    assert "- Checkpoint=" + WRONG in out and "+ Checkpoint=" + chain.info["CHECKPOINT"] in out, out
    for step in ("wrote ", "restarted for it", "connected ", "headers ", "following ", "proven "):
        assert step in out, (step, out)
    assert "10.1.2.3" in out and f"getent hosts {NAME}" in out, out
    assert m.must("getent", "hosts", NAME).split() == ["10.1.2.3", NAME]
    assert m.must("stat", "-c", "%a %U %G", FILE).split() == ["644", "root", "root"]
    second_zone(m, chain)
    refused_is_taken_back(m, chain)
    root_alone_writes(m, chain)
    undo(m)


def second_zone(m, chain):
    """Added while kedged runs: the file has both, and both answer."""
    pid = main_pid(m)
    out = setup(m, *zone(chain, "yard.internal"), "--try", "pump1.yard.internal")
    assert "it was not restarted" in out and main_pid(m) == pid, out
    assert m.must("getent", "hosts", "pump1.yard.internal").split()[0] == "10.1.2.3"
    assert m.must("getent", "hosts", NAME).split()[0] == "10.1.2.3"
    before = m.must("sha256sum", FILE)
    assert "unchanged" in setup(m, "--zone", "plant.fleet") and m.must("sha256sum", FILE) == before and main_pid(m) == pid
    setup(m, "--zone", "plant.fleet", "--try", "nobody.plant.fleet", code=5)
    out = setup(m, "--chain", "diode", code=2)
    assert "--zone is missing" in out, out


def refused_is_taken_back(m, chain):
    """A kedged that refuses what is new, and would not start with it either, is left alone; one that needs a restart and does not
    come up is started again with what it had. Either way the file is as it was, and what was proven is served on."""
    pid, before = main_pid(m), m.must("sha256sum", FILE)
    m.write("/var/lib/kedge/chain-c3.state", "damaged\n")
    m.must("chown", "_kedge:", "/var/lib/kedge/chain-c3.state")
    third = ["--chain", "c3", "--backend", "blockquick", *words(chain)[2:], "--checkpoint", chain.info["CHECKPOINT"]]
    out = setup(m, *third, *zone(chain, "c3.internal"), code=1)
    assert "refuses what is new: the new configuration cannot be put into effect" in out and "as it was before" in out, out
    assert "journalctl -u kedged" in out and main_pid(m) == pid and m.must("sha256sum", FILE) == before, out

    not_on_the_bus(m, chain, third)
    pid, before = main_pid(m), m.must("sha256sum", FILE)
    m.write("/etc/systemd/system/kedged.service.d/no.conf", f"[Service]\nExecStartPre=/bin/sh -c '! grep -q {WRONG} {FILE}'\n")
    m.must("systemctl", "daemon-reload")
    out = setup(m, *words(chain), "--checkpoint", WRONG, code=1)
    assert "does not start with what is new" in out and "was started again" in out, out
    assert main_pid(m) not in ("0", pid) and m.must("sha256sum", FILE) == before, out
    m.must("systemctl", "stop", "kedged")  # one that did not run has nothing to go back to
    out = setup(m, *words(chain), "--checkpoint", WRONG, code=1)
    assert "is written, but" in out and "it did not run, and does not start" in out and m.must("sha256sum", FILE) != before, out
    out = setup(m, *words(chain), "--checkpoint", chain.info["CHECKPOINT"])
    assert "restarted for it" in out and m.must("sha256sum", FILE) == before, out
    m.must("rm", "-r", "/etc/systemd/system/kedged.service.d")
    m.must("systemctl", "daemon-reload")
    assert m.must("kedgectl", "status", "--wait") and m.must("getent", "hosts", NAME).split() == ["10.1.2.3", NAME]


def not_on_the_bus(m, chain, third):
    """It is sent its signal, and cannot say what it makes of it: what it has afterwards does."""
    m.write("/etc/kedge/kedged.conf.d/10-bus.conf", "[Agent]\nBus=no\n")
    m.must("systemctl", "restart", "kedged")
    m.must("kedgectl", "status", "--wait")
    pid, before = main_pid(m), m.must("sha256sum", FILE)
    out = setup(m, *third, *zone(chain, "c3.internal"), code=1)
    assert "it is not on the bus to say why" in out and main_pid(m) == pid and m.must("sha256sum", FILE) == before, out
    m.must("rm", "/var/lib/kedge/chain-c3.state")
    out = setup(m, *zone(chain, "hall.internal"), "--try", "pump1.hall.internal")
    assert "it was not restarted" in out and main_pid(m) == pid, out
    m.must("rm", "/etc/kedge/kedged.conf.d/10-bus.conf")
    m.must("systemctl", "restart", "kedged")
    m.must("kedgectl", "status", "--wait")


def wrong_checkpoint(m, chain):
    """Said in plain words; the right one takes its place."""
    out = setup(m, *words(chain), "--checkpoint", WRONG, code=4)
    assert "another block there than the checkpoint says" in out and "it was not restarted" in out, out


def root_alone_writes(m, chain):
    r = m.run("runuser", "-u", "nobody", "--", "kedgectl", "setup", *zone(chain, "other.internal"))
    assert r.returncode == 1 and "sudo" in r.stderr, r
    r = m.run("runuser", "-u", "nobody", "--", "kedgectl", "setup", *zone(chain, "other.internal"), "--print")
    assert r.returncode == 0 and "[Zone other.internal]" in r.stdout, r


def undo(m):
    assert "removed" in setup(m, "--undo")
    assert m.run("test", "-e", FILE).returncode == 1 and "no chain is configured" in m.run("kedgectl", "status").stderr
    assert m.run("getent", "hosts", NAME).returncode != 0
    setup(m, "--undo", code=1)
    assert m.must("ls", "-A", "/etc/kedge/kedged.conf.d").strip() in ("", "README"), m.must("ls", "-A", "/etc/kedge/kedged.conf.d")


def copy_with_libraries(m, built, path):
    """The node is no part of what is installed: what it needs comes along, where none of ours finds it."""
    m.copy(built, path)
    os.makedirs(m.root + "/opt/lib", exist_ok=True)
    r = subprocess.run(["ldd", program(built)], capture_output=True, text=True, check=True)
    for name, file in re.findall(r"(\S+) => (/\S+)", r.stdout):
        if not name.startswith(("libc.", "libm.", "ld-")):
            shutil.copy(file, m.root + "/opt/lib/" + name)


def on_ethereum(m):
    """Two words of a network of its own: its servers name the checkpoint, and --yes takes what they agree on."""
    m.install()
    copy_with_libraries(m, "tests/ethnode/kedge-ethnode", "/opt/kedge-ethnode")
    os.makedirs(m.inside("/etc/kedge/networks.d"), exist_ok=True)
    m.write("/etc/systemd/system/ethnode.service", "[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/lib\nExecStart=/opt/kedge-ethnode --info=/run/ethnode.info "
            "--control=/run/ethnode.ctl --network=/etc/kedge/networks.d/ethnode.conf\n")
    m.must("systemctl", "daemon-reload")
    m.must("systemctl", "start", "ethnode")
    wait("the node", lambda: os.path.exists(m.inside("/run/ethnode.info")))
    with open(m.inside("/run/ethnode.info")) as f:
        info = dict(line.strip().split("=", 1) for line in f)
    node = Chain.__new__(Chain)
    node.control_file, node.info = m.inside("/run/ethnode.ctl"), info
    node.set("pump1.server_ip", "10.1.2.4")
    node.mine(25)
    contract = ["--zone", "plant.internal", "--contract", info["CONTRACT"], "--try", "pump1.plant.internal"]
    assert "--yes" in setup(m, "--chain", "ethnode", *contract, code=2)
    out = setup(m, "--chain", "ethnode", *contract, "--yes")
    assert "agree " in out and "10.1.2.4" in out, out
    assert m.must("getent", "hosts", "pump1.plant.internal").split()[0] == "10.1.2.4"
    out = setup(m, "--live", "--chain", "ethnode", "--checkpoint", info["CHECKPOINT"], *contract)
    assert "10.1.2.4" in out and "Nothing on this machine was changed" in out, out
    assert m.sh("ls -d /tmp/kedge-*").returncode != 0


def with_node(node, what):
    def story(context):
        program(node)
        with gateway(context) as m:
            m.boot()
            what(m)
    return story


STORIES = [
    ("setup", with_node("tests/devnode/kedge-devnode", by_one_command), True),
    ("setup on Ethereum", with_node("tests/ethnode/kedge-ethnode", on_ethereum), False),
]
