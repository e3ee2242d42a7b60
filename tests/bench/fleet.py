"""What a thousand watched records cost, in twenty contracts and in one: questions and bytes for a head, time from a
revoking head to the pin gone, memory. One line a figure: name, value, aim. A figure never fails the run."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402
from edge import keccak256  # noqa: E402
from agent import figure, kilo, memory  # noqa: E402

RECORDS = 1000
BLOCKS_A_DAY = 86400 // 15
PIN = bytes(range(1, 33))


class Fleet(harness.Agent):
    def __init__(self, folder, dn, contracts):
        self.zones = [f"z{i}.internal" for i in range(contracts)]
        super().__init__(folder, dn)

    def agent_lines(self):
        self.more = []
        for i, zone in enumerate(self.zones):
            contract = self.dn.info[f"CONTRACT{i}" if i else "CONTRACT"]
            self.more += [f"[Zone {zone}]", "Chain=diode", f"Contract={contract}", "Slot=0"]
        return []

    def names(self):
        return [f"h{i // len(self.zones)}.{self.zones[i % len(self.zones)]}" for i in range(RECORDS)]


def counts(dn):
    """All that the nodes were asked, and bytes both ways."""
    total = {}
    for i in range(len(dn.nodes)):
        for key, value in dn.stats(i).items():
            if value.isdigit():
                total[key] = total.get(key, 0) + int(value)
    return total


def since(dn, before):
    return {k: v - before.get(k, 0) for k, v in counts(dn).items() if v != before.get(k, 0)}


def quiet(dn):
    """Waits until nobody asks for anything but the peak."""
    seen, at = None, time.monotonic()
    while time.monotonic() - at < 1:
        now = sum(v for k, v in counts(dn).items() if k.startswith(("getaccount", "getblock")) and "peak" not in k)
        if now != seen:
            seen, at = now, time.monotonic()
        time.sleep(0.05)


def heads(dn, agent, n):
    for _ in range(n):
        number, _ = dn.mine()
        harness.wait("the block to be seen", lambda: any(agent.upstream(i)["peak"] >= number for i in range(3)))
    quiet(dn)


def idle(dn, agent, contracts):
    heads(dn, agent, 3)
    before, head = counts(dn), agent.status()["head"]
    heads(dn, agent, 10)
    d, moved = since(dn, before), agent.status()["head"] - head
    asked = sum(v for k, v in d.items() if k.startswith("getaccount"))
    total = d["bytes_in"] + d["bytes_out"]
    figure(f"{contracts} contracts unchanged: questions for 10 blocks", f"{asked}: {d}",
           f"{10 * contracts} at the heads, as many at finalized")
    figure("  bytes for a block, and a day at one block in 15 s",
           f"{kilo(total / 10)}, {total / 10 * BLOCKS_A_DAY / 1e6:.0f} MB; heads moved {moved}")


def revocation(dn, agent, zone, number):
    """From the head that no longer holds the pin to the answer without it."""
    name = f"h{number}.{agent.zones[zone]}"
    agent.wait_resolve("the pin", lambda r: r[4] == [PIN], name)
    quiet(dn)
    dn.command(f"clear h{number}.signature@{zone}")
    revoking = dn.mine()[0]
    before, mined, accepted = counts(dn), time.monotonic(), 0
    while True:
        now = time.monotonic()
        if not accepted and agent.status()["head"] >= revoking:
            accepted = now
        if accepted and not agent.resolve(name)[4]:
            break
        if not accepted and now - mined > 0.5:  # nobody stands on it yet
            dn.mine()
            mined = now
        assert now - mined < 60, agent.status()
    gone = time.monotonic()
    quiet(dn)
    return (gone - accepted) * 1000, since(dn, before)


def changed(dn, agent, contracts):
    for position in (0, 0.5, 1):
        i = int((RECORDS // contracts - 1) * position)
        dn.set(f"h{i}.signature@0", PIN)
        heads(dn, agent, 30)
        ms, d = revocation(dn, agent, 0, i)
        figure(f"1 of {contracts} contracts changed: revoking head to pin gone", f"{ms:.0f} ms, record {i}", "100 ms")
    figure("  asked for that", str(d))


def part(folder, contracts):
    dn = harness.Devnode(folder, contracts=contracts, slots=RECORDS // contracts, accounts=5000, blocks=400)
    dn.mine(12)
    agent = Fleet(folder, dn, contracts)
    agent.wait_following()
    begun = time.monotonic()
    for name in agent.names():
        agent.wait_resolve("the address", lambda r: r[0] == "ok", name)
    figure(f"{RECORDS} names in {contracts} contracts, asked one by one", f"{time.monotonic() - begun:.1f} s")
    idle(dn, agent, contracts)
    changed(dn, agent, contracts)
    memory(agent.kedged, f"kedged, {RECORDS} names")
    memory(agent.fetch, "kedge-fetch")


class EthFleet(harness.EthAgent):
    def __init__(self, folder, en, contracts, **more):
        self.contracts = [bytes([0xc0 + i] * 20) for i in range(contracts)]
        super().__init__(folder, en, **more)

    def agent_lines(self):
        self.more = []
        for i, contract in enumerate(self.contracts):
            self.more += [f"[Zone z{i}.internal]", "Chain=ethnode", "Contract=0x" + contract.hex()]
        return super().agent_lines()


def slot_of(key):
    return keccak256(key.encode().ljust(32, b"\0") + bytes(32))


def eth_bytes(agent):
    """What kedged counts, by the kind of server."""
    total = {"beacon": 0, "execution": 0}
    for u in json.loads(agent.kedgectl("--json", "upstreams")[1])["upstreams"]:
        total[u["url"].split("+")[0]] += u["bytes_in"] + u["bytes_out"]
    return total


def ethereum(folder, contracts=20, names=5):
    """A real committee's size; storage tries are small, so that a proof here is shorter than on a public network."""
    en = harness.Ethnode(folder, lag=600, committee=512, nodes=2)
    for i in range(contracts):
        address = bytes([0xc0 + i] * 20).hex()
        en.command(f"code 0x{address} 0x{'c0de' * 16}")
        for k in range(names):
            for key, value in ((f"h{k}.server_ip", b"10.0.0.1".ljust(32, b"\0")), (f"h{k}.signature", PIN)):
                en.command(f"poke 0x{address} 0x{slot_of(key).hex()} 0x{value.hex()}")
    en.mine(25)
    agent = EthFleet(folder, en, contracts, checkpoint=en.root(en.final()[0]), Poll="1s")
    for i in range(contracts):
        for k in range(names):
            agent.wait_resolve("the pin", lambda r: r[4] == [PIN], f"h{k}.z{i}.internal")

    def heads(n):
        for _ in range(n):
            number = en.mine()[0]
            agent.wait_status("the head", lambda s: s["head"] >= number)
        time.sleep(2)
    heads(2)
    before = eth_bytes(agent)
    heads(16)
    d = {k: (v - before[k]) / 16 for k, v in eth_bytes(agent).items()}
    figure(f"ethereum, {contracts} contracts unchanged: bytes for a head", f"following {kilo(d['beacon'])}, "
           f"proofs {kilo(d['execution'])}")
    figure("  a day of following, at a poll in a minute", f"{d['beacon'] * 1440 / 1e6:.1f} MB")
    en.command(f"poke 0x{agent.contracts[3].hex()} 0x{slot_of('h2.signature').hex()} 0x{bytes(32).hex()}")
    number, accepted = en.mine()[0], 0
    end = time.monotonic() + 60
    while agent.resolve("h2.z3.internal")[4]:
        if not accepted and agent.status()["head"] >= number:
            accepted = time.monotonic()
        assert time.monotonic() < end, agent.status()
    gone = time.monotonic()
    figure(f"  1 of {contracts} contracts changed: revoking head to pin gone", f"{(gone - accepted) * 1000:.0f} ms", "100 ms")


def in_a_folder(do):
    folder = harness.Folder()
    failed = True
    try:
        do(folder)
        failed = False
    finally:
        folder.close(failed)


def main():
    print(f"kedge with {RECORDS} watched records, against the test node", flush=True)
    for contracts in (20, 1):
        in_a_folder(lambda folder: part(folder, contracts))
    in_a_folder(ethereum)
    return 0


if __name__ == "__main__":
    sys.exit(main())
