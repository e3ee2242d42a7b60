"""kedged on a real local Ethereum network: the fleet contract deployed, names, keys, rotation and revocation followed live.
Started by run.py, which has brought the packages."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402
from harness import Agent, wait  # noqa: E402
from network import CHAIN_ID, Network  # noqa: E402

NODE, PACKAGES, SOURCE = (os.environ.get(k, "") for k in ("KEDGE_NODE", "KEDGE_PACKAGES", "KEDGE_SOURCE"))
ZONE = "plant.fleet"
HOST = "pump1." + ZONE
PIN = [bytes([i]) * 32 for i in (0x11, 0x22)]


class Fleet:
    """The contract on a network, written through kedgectl's transactions."""

    def __init__(self, network, packages):
        with open(os.path.join(packages, "Fleet.json")) as f:
            code = json.load(f)["bytecode"]
        self.network = network
        self.address = network.send({"data": code})["contractAddress"]
        self.info = {"CONTRACT": self.address}
        self.nodes = ["beacon+" + network.beacon, "execution+" + network.rpc]
        self.networks = os.path.join(network.home, "networks.d")
        os.makedirs(self.networks)
        network.write_network(self.networks + "/devnet.conf")

    def record(self, *argv, run=None):
        """kedgectl record ARGV..., signed and sent; asking the agent of `run` for the contract, or told."""
        told = ["--zone", ZONE, "--contract", self.address, "--chain-id", str(CHAIN_ID)] if run is None else []
        r = subprocess.run([harness.program("agent/kedgectl/kedgectl"), "--json", *told, "record", *argv], capture_output=True, text=True,
                           env={**os.environ, "KEDGE_RUNTIME_DIR": run or "/nonexistent"}, timeout=30)
        assert r.returncode == 0, r.stderr
        made = json.loads(r.stdout)
        assert (made["to"].lower(), made["chain_id"]) == (self.address.lower(), CHAIN_ID), made
        self.network.send(made)
        for record in made["records"]:
            assert self.stored(record["slot"]) == int(record["value"], 16), record
        return made

    def stored(self, slot):
        """What an execution client proves of one slot."""
        proof = self.network.call("eth_getProof", self.address, [slot], "latest")
        return int(proof["storageProof"][0]["value"], 16)


class DevnetAgent(Agent):
    """Two lines of configuration, and a zone."""
    ZONE_NAME, CHAIN = ZONE, "devnet"

    def write_config(self):
        lines = ["[Agent]", "StateDirectory=" + self.state, "RuntimeDirectory=" + self.run, "Bus=no", "NetworksDirectory=" + self.dn.networks,
                 f"[Chain {self.CHAIN}]", "Checkpoint=" + self.checkpoint, *[f"{k}={v}" for k, v in self.chain.items()],
                 f"[Zone {ZONE}]", f"Chain={self.CHAIN}", "Contract=" + self.dn.address, "Slot=0"]
        with open(self.conf, "w") as f:
            f.write("\n".join(lines) + "\n")


def checkpoint(network):
    return network.http("/eth/v1/beacon/headers/finalized")["data"]["root"]


def start(folder, fork="fulu", **later):
    network = Network(folder, NODE, PACKAGES, fork, **later)
    network.slots(8)
    return network, Fleet(network, PACKAGES)


def agent_on(folder, fleet, **options):
    return DevnetAgent(folder, fleet, checkpoint=checkpoint(fleet.network), HeadEvery="0", **options)


def pins_are(agent, pins, name=HOST):
    return agent.wait_resolve(f"pins {[p[:1].hex() for p in pins]}", lambda r: r[0] == "ok" and sorted(r[4]) == sorted(pins), name, timeout=60)


def test_names_pins_rotation_revocation_restart(folder):
    network, fleet = start(folder)
    fleet.record("set", ZONE, "server_ip=10.1.2.3", "port=8883", "signature=0x" + PIN[0].hex())
    fleet.record("add", HOST, "server_ip=10.1.2.4", "signature=0x" + PIN[0].hex())
    network.finalize()
    agent = agent_on(folder, fleet)

    # Names and pins, proven at a final block and at the head.
    result, reason, addrs, port, pins = agent.wait_resolve("the zone itself", lambda r: r[0] == "ok", ZONE, timeout=60)
    assert (addrs, port, pins) == (["10.1.2.3"], 8883, [PIN[0]]), (result, reason, addrs, port, pins)
    assert pins_are(agent, [PIN[0]], HOST)[2] == ["10.1.2.4"]
    code, out, err = agent.kedgectl("lookup", fleet.address, "0", "_member.0")
    assert code == 0 and "pump1".encode().hex() in out, (code, out, err)
    code, out, err = agent.kedgectl("lookup", fleet.address, "0", "no_such_record")
    assert code == 5, (code, out, err)

    # A successor is published, used, and promoted; at no time is the host without a good key. The agent knows the contract.
    fleet.record("set", HOST, "signature_next=0x" + PIN[1].hex(), run=agent.run)
    network.finalize()
    pins_are(agent, PIN)
    fleet.record("promote", HOST, "signature", run=agent.run)
    network.finalize()
    pins_are(agent, [PIN[1]])

    # A revocation works at the head, long before it is final.
    final = network.slots(0)[1]
    fleet.record("revoke", HOST, run=agent.run)
    network.slots(2)
    agent.wait_resolve("the pin to go", lambda r: not r[4], HOST)
    assert network.slots(0)[1] - final <= 8, "the revocation waited for finality"

    # kill -9, and what was revoked stays so; it goes on from its own state.
    before = agent.status()["final"]
    agent.restart(signal.SIGKILL)
    agent.wait_status("the state of before", lambda s: s["final"] >= before)
    agent.wait_resolve("the pin to stay away", lambda r: not r[4], HOST)
    network.finalize()
    agent.wait_resolve("the zone itself", lambda r: r[0] == "ok" and r[2] == ["10.1.2.3"], ZONE)

    # In real time, from here on.
    network.live()
    there = agent.wait_status("following", lambda s: s["state"] == "following")["final"]
    agent.wait_status("blocks that become final by themselves", lambda s: s["final"] >= there + 16, timeout=150)


def test_forks_are_crossed(folder):
    network, fleet = start(folder, "deneb", electra=6, fulu=12)
    fleet.record("set", ZONE, "server_ip=10.1.2.3")
    network.finalize()
    agent = agent_on(folder, fleet)
    agent.wait_resolve("the address, before Electra", lambda r: r[2] == ["10.1.2.3"], ZONE, timeout=60)
    for slot, fork, address in ((6 * 8, "electra", "10.1.2.4"), (12 * 8, "fulu", "10.1.2.5")):
        while network.slots(0)[1] < slot:
            network.slots(8)
        version = network.http("/eth/v1/beacon/light_client/optimistic_update")["version"]
        assert version == fork, version
        fleet.record("set", ZONE, "server_ip=" + address)
        network.finalize()
        agent.wait_resolve(f"the address of {fork}", lambda r, a=address: r[2] == [a], ZONE, timeout=60)


if __name__ == "__main__":
    sys.exit(harness.run([test_names_pins_rotation_revocation_restart, test_forks_are_crossed]))
