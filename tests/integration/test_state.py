#!/usr/bin/env python3
"""The state folder between versions: today's kedged goes on from what kedgeds of before have left, and takes nothing back that they
had seen revoked; what a later one has written it leaves alone, and says so."""
import glob
import hashlib
import os
import shutil
import signal
import struct
import sys

from types import SimpleNamespace

from harness import Agent, Devnode, EthAgent, run, wait

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors/data/state")
PIN = bytes(range(1, 33))
START = 1795368500  # see SOURCE there
FINAL, HEAD = 313, 317
FOREVER = "[%s]\nMaxAge=3650d\nStale=serve\nStaleMax=3650d\n"


class Left:
    """An agent on a copy of a folder that another one has left."""

    def __init__(self, folder, dn, left, **more):
        self.left = left
        super().__init__(folder, dn, **more)

    def write_config(self):
        for path in glob.glob(self.left + "/*"):
            if os.path.isfile(path):
                os.chmod(shutil.copy(path, self.state), 0o600)
        self.roles = FOREVER % "names" + FOREVER % "tls"
        super().write_config()


class Heir(Left, Agent):
    pass


class EthHeir(Left, EthAgent):
    pass


def the_same_chain(folder):
    """As it was when the fixtures were made: block 315 takes the pin away, and only the head knows."""
    dn = Devnode(folder, blocks=300, start_time=START)
    dn.set("server_ip", "10.1.2.3")
    dn.set("port", (8883).to_bytes(32, "big"))
    dn.set("signature", PIN)
    dn.set("pump1.server_ip", "10.9.9.9")
    dn.mine(14)
    dn.command("clear signature")
    dn.mine(HEAD - 314)
    return dn


def read(path):
    with open(path, "rb") as f:
        return f.read()


def holds(folder):
    """What a refused start may not touch: all but the list of what is ours, and the lock."""
    return {os.path.basename(p): read(p) for p in glob.glob(folder + "/*") if os.path.isfile(p) and not p.endswith("/lock")}


def newest(state, name):
    """The payload of the newer generation."""
    files = [read(p) for p in (f"{state}/{name}", f"{state}/{name}.1") if os.path.exists(p)]
    return max(files, key=lambda f: f[16:24])[36:-32]


def goes_on_from(folder, version, chain_format):
    left = FIXTURES + "/" + version
    assert newest(left, "chain-diode.state")[4:6] == bytes([0, chain_format])
    dn = the_same_chain(folder)
    dn.fault("all", "stale-head", "3")  # block 314: final lists the pin, and so does this head
    agent = Heir(folder, dn, left)
    s = agent.wait_status("a head", lambda s: s["up"] == 3 and s["head"] >= FINAL)
    assert (s["final"], s["revocations"]) == (FINAL, 1), s
    for _ in range(10):
        result = agent.wait_resolve("an answer", lambda r: r[0] == "ok")
        assert PIN not in result[4], result
    dn.fault("all", "none")
    dn.mine(20)
    s = agent.wait_following(dn.final()[0])
    assert s["final"] > HEAD and PIN not in agent.resolve()[4], s
    assert read(agent.state + "/device.key") == read(left + "/device.key")
    agent.kedged.stop()
    assert newest(agent.state, "chain-diode.state")[4:6] == b"\0\2"
    agent.kedged.start()
    agent.wait_following(s["final"])


def test_it_goes_on_from_the_first_that_followed_a_chain(folder):
    goes_on_from(folder, "2-diode", 1)


def test_it_goes_on_from_the_first_with_a_floor_and_kept_names(folder):
    goes_on_from(folder, "4-operations", 2)


def test_it_goes_on_from_the_first_that_knew_of_logins(folder):
    goes_on_from(folder, "5-logins", 2)


def test_it_goes_on_from_the_one_before_there_were_packages(folder):
    goes_on_from(folder, "6-networks", 2)


def test_it_stands_where_the_first_of_ethereum_stood(folder):
    """Without an upstream: what is final is what was saved, and nothing below is asked for."""
    left = FIXTURES + "/3-ethereum"
    assert newest(left, "chain-ethnode.state")[:6] == b"KETH\0\1"
    said = open(FIXTURES + "/SOURCE").read()
    dn = SimpleNamespace(networks=left + "/networks.d", nodes=[], info={"CONTRACT": said.split("contract ")[1][:42]})
    agent = EthHeir(folder, dn, left, checkpoint=said.split("checkpoint ")[1][:66])
    s = agent.wait_status("what was final", lambda s: s["final"] > 0)
    assert s["final"] == 408 and s["final_hash"].hex().startswith("a5319f723113"), s


def generation(version, payload, serial=99, height=1 << 40):
    body = b"KEDGESTO" + struct.pack(">IIQQI", version, 0, serial, height, len(payload)) + payload
    return body + hashlib.sha256(body).digest()


def of_later_chain(state):
    """A chain's state has a number of its own inside."""
    inner = newest(state, "chain-diode.state")[:-32]
    inner = inner[:4] + b"\0\3" + inner[6:]
    return generation(1, inner + hashlib.sha256(inner).digest())


def of_later_book(state):
    """A book says it by the number of a field: record, host "pump1", one revocation."""
    entry = struct.pack(">Q20sQB5sB", 1, b"", 0, 5, b"pump1", 1) + bytes([250]) + bytes(72)
    return generation(1, struct.pack(">I", 1) + entry)


def net_conf(agent):
    with open(agent.home + "/net.conf", "w") as f:
        f.write(f"[Network plant]\nZone={agent.ZONE_NAME}\nInterface=kedge0\nHost=gw0\nPrefix=10.77.0.0/16\n")
    os.chmod(agent.home + "/net.conf", 0o644)


LATER = {
    "revocations": lambda state: generation(2, b"what only a later kedge can read"),
    "revocations.1": of_later_book,
    "floor.1": lambda state: generation(2, bytes(32)),
    "operator": lambda state: generation(2, b"\0"),
    "chain-diode.state": lambda state: generation(2, b"?"),
    "chain-diode.state.1": of_later_chain,
    "net-links": lambda state: generation(2, b"\0"),
    "net.plant": lambda state: generation(2, b"\2"),
    "net.plant.1": lambda state: generation(1, b"\2"),
}


def test_what_a_later_one_wrote_stops_the_start_and_stays(folder):
    dn = the_same_chain(folder)
    agent = Heir(folder, dn, FIXTURES + "/4-operations")
    net_conf(agent)
    agent.wait_following(FINAL)
    agent.kedged.stop()
    clean = holds(agent.state)
    for name, forge in LATER.items():
        with open(f"{agent.state}/{name}", "wb") as f:
            f.write(forge(agent.state))
        with open(agent.state + "/kept", "wb") as f:  # by itself it is dropped; of a start that is refused it is none of its business
            f.write(generation(2, b"?"))
        before, said = holds(agent.state), len(agent.kedged.text())
        agent.kedged.start()
        wait(name + " to be refused", lambda: not agent.kedged.alive())
        text = agent.kedged.text()[said:]
        assert agent.kedged.p.returncode == 78, name  # mend something first: no restart
        assert "was written by a later kedge" in text and "install that one again" in text, text
        assert name.removesuffix(".1") in text or name.startswith("chain-diode"), text
        after = holds(agent.state)
        assert after == before, (name, [k for k in set(after) | set(before) if after.get(k) != before.get(k)])
        for path in glob.glob(agent.state + "/*"):
            if os.path.isfile(path):
                os.unlink(path)
        for path, data in clean.items():
            with open(f"{agent.state}/{path}", "wb") as f:
                f.write(data)
            os.chmod(f"{agent.state}/{path}", 0o600)
    agent.kedged.start()
    agent.wait_following(FINAL)


def import_is_due(agent, chain):
    """As a power cut leaves it: the word is on disk, and the former state still in its place."""
    number, block = agent.checkpoint.split(":")
    ref = int(number).to_bytes(8, "big") + bytes.fromhex(block[2:])
    entry = bytes([len(chain)]) + chain.encode() + ref + ref + bytes(8) + b"\0"
    with open(agent.state + "/operator", "wb") as f:
        f.write(generation(1, b"\1" + entry, height=0))


def with_chains(agent, *names):
    conf = read(agent.conf).decode()
    chain = conf[conf.index("[Chain "):conf.index("[Zone ")]
    with open(agent.conf, "w") as f:
        f.write(conf + "".join("\n" + chain.replace("[Chain diode]", f"[Chain {name}]") for name in names))


def test_an_import_is_not_finished_by_a_start_that_is_refused(folder):
    dn = the_same_chain(folder)
    agent = Heir(folder, dn, FIXTURES + "/4-operations")
    agent.wait_following(FINAL)
    agent.kedged.stop()
    import_is_due(agent, "diode")
    with_chains(agent, "second")
    with open(agent.state + "/chain-second.state", "wb") as f:
        f.write(LATER["chain-diode.state"](agent.state))
    before = holds(agent.state)
    assert "kept" in before or "kept.1" in before
    agent.kedged.start()
    wait("the start to be refused", lambda: not agent.kedged.alive())
    assert agent.kedged.p.returncode == 78, agent.kedged.text()
    assert "chain-second.state was written by a later kedge" in agent.kedged.text()
    assert holds(agent.state) == before
    os.unlink(agent.state + "/chain-second.state")
    agent.kedged.start()
    agent.kedged.wait_log("chain diode: its former state is kept as chain-diode.state.before-1")


def test_an_import_is_not_finished_by_a_reload_that_is_refused(folder):
    dn = the_same_chain(folder)
    agent = Heir(folder, dn, FIXTURES + "/4-operations")
    agent.kedged.stop()
    import_is_due(agent, "second")
    agent.kedged.start()
    agent.wait_following(FINAL)
    with_chains(agent, "second", "third")
    later = LATER["chain-diode.state"](agent.state)
    for name in "second", "third":
        with open(agent.state + f"/chain-{name}.state", "wb") as f:
            f.write(later if name == "third" else b"what was known before the import")
    agent.kedged.p.send_signal(signal.SIGHUP)
    agent.kedged.wait_log("the running configuration stays")
    assert read(agent.state + "/chain-second.state") == b"what was known before the import"
    assert "chain-third.state was written by a later kedge" in agent.kedged.text()
    os.unlink(agent.state + "/chain-third.state")
    agent.kedged.p.send_signal(signal.SIGHUP)
    agent.kedged.wait_log("chain second: its former state is kept as chain-second.state.before-1")
    agent.kedged.wait_log("reloaded: 3 chains")


def test_a_reload_takes_nothing_where_a_network_is_of_a_later_one(folder):
    dn = the_same_chain(folder)
    agent = Heir(folder, dn, FIXTURES + "/4-operations")
    agent.wait_following(FINAL)
    plant, conf, suffixes = agent.state + "/net.plant", read(agent.conf), read(agent.state + "/public/suffixes")
    with open(plant, "wb") as f:
        f.write(LATER["net.plant"](agent.state))
    left = read(plant)
    net_conf(agent)
    with open(agent.conf, "ab") as f:
        f.write(conf[conf.index(b"[Zone "):conf.index(b"Slot=")].replace(b"[Zone ", b"[Zone second.") + b"Slot=1\n")
    agent.kedged.p.send_signal(signal.SIGHUP)
    agent.kedged.wait_log("the running configuration stays")
    assert plant + " was written by a later kedge" in agent.kedged.text()
    agent.kedged.wait_log("a file of it in the state folder was written by a later kedge; the journal says which; the running")
    agent.wait_following(FINAL)
    assert "reloaded:" not in agent.kedged.text()
    assert (read(plant), read(agent.state + "/public/suffixes")) == (left, suffixes)
    os.unlink(plant)
    agent.kedged.p.send_signal(signal.SIGHUP)
    agent.kedged.wait_log("reloaded: 1 chains, 2 zones, 1 networks")


def test_a_copy_of_names_that_a_later_one_kept_is_dropped(folder):
    dn = the_same_chain(folder)
    agent = Heir(folder, dn, FIXTURES + "/4-operations")
    agent.wait_following(FINAL)
    agent.kedged.stop()
    for name in ("kept", "kept.1"):
        with open(f"{agent.state}/{name}", "wb") as f:
            f.write(generation(2, b"?"))
    agent.kedged.start()
    agent.kedged.wait_log("names kept for Stale=serve cannot be read: written by a later kedge")
    agent.wait_following(FINAL)
    assert PIN not in agent.wait_resolve("an answer", lambda r: r[0] == "ok")[4]


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
