#!/usr/bin/env python3
"""The operator's word to the running agent, on both chains: one side of a conflict, an anchor that is too old, another
checkpoint, and one that came from another machine. It counts at once, and after kill -9."""
import glob
import os
import re
import signal
import sys

from bus_harness import Bus, BusAgent
from harness import Agent, Devnode, EthAgent, Ethnode, run, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))


class EthBusAgent(EthAgent):
    BUS = "yes"


def bus(folder):
    b = Bus(folder)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = b.address
    return b


def diode(folder):
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("signature", PIN)
    dn.mine(12)
    dn.command("interval 100")
    return dn


def on_the_bus(b, agent):
    agent.wait_following()
    wait("the agent's name on the bus", b.has_name)
    granted(agent)
    return agent


def granted(agent):
    return agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN], timeout=60)


def checkpoint(agent, *argv, code=0):
    got, out, err = agent.kedgectl("checkpoint", *argv)
    assert got == code, (argv, got, out, err)
    return " ".join((out + err).split())


def sides(agent):
    text = agent.wait_status("both sides", lambda s: s["conflict"] and "ours 0x" in s["text"], 60)["text"]
    return re.search(r"(\d+): ours (0x[0-9a-f]{64}) or (0x[0-9a-f]{64})", text).groups()


def conflict_on_diode(folder):
    b, dn = bus(folder), diode(folder)
    agent = on_the_bus(b, BusAgent(folder, dn))
    dn.fault(0, "fork-majority", "10")
    number, ours, theirs = sides(agent)
    agent.kedged.wait_log(f"kedgectl checkpoint accept diode {ours} (ours) or {theirs} (the other)")
    kept = wait("evidence", lambda: os.listdir(agent.state + "/evidence"))
    assert len(kept) == 1 and f"kept as evidence/{kept[0]}" in agent.kedged.text()
    assert agent.resolve()[4] == [PIN], "what stands is served until its deadline"
    assert agent.resolve("pump7." + NAME)[0] == "unproven", "nothing new is granted"
    return dn, agent, number, ours, theirs


def test_our_side_of_a_conflict_on_diode(folder):
    dn, agent, _, ours, _ = conflict_on_diode(folder)
    assert "is not what the chain waits for" in checkpoint(agent, "accept", "diode", "0x" + "12" * 32, code=1)
    assert agent.status()["conflict"]
    checkpoint(agent, "accept", "diode", ours)
    agent.restart(signal.SIGKILL)
    s = agent.wait_status("an answer", lambda s: True)
    assert not s["conflict"], s
    agent.wait_following(dn.final()[0], 60)
    agent.kedged.wait_log("of a branch that the operator has refused", 60)
    assert not agent.status()["conflict"] and len(os.listdir(agent.state + "/evidence")) == 1
    granted(agent)
    assert "waits for no word" in checkpoint(agent, "accept", "diode", ours, code=1)


def test_the_other_side_of_a_conflict_on_diode(folder):
    _, agent, number, _, theirs = conflict_on_diode(folder)
    checkpoint(agent, "accept", "diode", theirs)
    agent.kedged.wait_log(f"the operator has it begin anew from {number}:{theirs}")
    assert glob.glob(agent.state + "/chain-diode.state.before-1*"), os.listdir(agent.state)

    def there(s):
        return not s["conflict"] and s["final"] >= int(number)
    agent.wait_status("their branch", there, 60)
    agent.restart(signal.SIGKILL)
    agent.wait_status("their branch again", there)
    assert f"imported {number}:{theirs}" in checkpoint(agent, "show", "diode")


def test_our_side_of_a_conflict_on_ethereum(folder):
    b = bus(folder)
    en = Ethnode(folder, lag=300, nodes=2, slots_per_epoch=4)
    en.set("signature", PIN)
    en.mine(25)
    agent = on_the_bus(b, EthBusAgent(folder, en))
    en.fault(0, "conflict")
    en.mine(24)
    _, ours, _ = sides(agent)
    assert agent.resolve()[4] == [PIN] and agent.resolve("pump7." + NAME)[0] != "ok"
    checkpoint(agent, "accept", "ethnode", ours)
    agent.restart(signal.SIGKILL)
    assert not agent.wait_status("an answer", lambda s: True)["conflict"]
    en.fault(0, "none")
    agent.wait_following(0, 60)
    granted(agent)


def test_an_old_anchor_is_accepted_on_the_bus(folder):
    b = bus(folder)
    en = Ethnode(folder, slots=25000, seconds_per_slot=60, lag=3600 * 2)
    en.set("signature", PIN)
    en.mine(25)
    root = en.info["CHECKPOINT_OLD"]
    agent = EthBusAgent(folder, en, checkpoint=root)
    agent.wait_text("how old it is", "too old|days since our checkpoint")
    wait("the agent's name on the bus", b.has_name)
    checkpoint(agent, "export", "ethnode", code=4)
    checkpoint(agent, "accept", "ethnode", root)
    agent.restart(signal.SIGKILL)
    granted(agent)
    agent.wait_status("following", lambda s: s["state"] == "following", 60)


def import_of(folder, b, node, agent, older, newer, other):
    """older, newer: what the chain has below and above what is final; other: of no chain."""
    for bad, why in ((older, "an older checkpoint is not taken"), (other, "an older checkpoint is not taken")):
        assert why in checkpoint(agent, "import", agent.CHAIN, bad, code=1)
    assert not glob.glob(agent.state + "/*before*")
    checkpoint(agent, "import", agent.CHAIN, newer)
    assert glob.glob(agent.state + f"/chain-{agent.CHAIN}.state.before-1")
    granted(agent)
    agent.restart(signal.SIGKILL)
    granted(agent)
    said = checkpoint(agent, "show", agent.CHAIN)
    assert f"imported {newer}" in said, said
    agent.kedged.kill()
    for f in glob.glob(agent.state + f"/chain-{agent.CHAIN}.state") + glob.glob(agent.state + f"/chain-{agent.CHAIN}.state.1"):
        os.remove(f)
    agent.kedged.start()  # what was imported is where it begins, not what the file says
    granted(agent)
    assert f"imported {newer}" in checkpoint(agent, "show", agent.CHAIN)


def test_a_checkpoint_is_imported_on_diode(folder):
    b, dn = bus(folder), diode(folder)
    agent = on_the_bus(b, BusAgent(folder, dn))
    dn.command("interval 0")
    final = agent.wait_following(dn.final()[0])["final"]
    dn.mine(3)
    hash_of = lambda n: dn.block(dn.command(f"header {n}"))[1].hex()
    newer = dn.final()[0]  # the agent may be there already, and never further
    import_of(folder, b, dn, agent, f"{final - 9}:0x{hash_of(final - 9)}", f"{newer}:0x{hash_of(newer)}",
              f"{final - 1}:0x" + "12" * 32)
    agent.checkpoint = f"{final - 20}:0x{hash_of(final - 20)}"  # the file says something else now
    agent.write_config()
    agent.restart(signal.SIGTERM)
    granted(agent)
    assert f"configured {agent.checkpoint}" in checkpoint(agent, "show", "diode")
    assert "Checkpoint= has changed since another one was imported" in agent.kedged.text()


def test_a_mistyped_import_says_how_to_go_on(folder):
    b, dn = bus(folder), diode(folder)
    agent = on_the_bus(b, BusAgent(folder, dn))
    checkpoint(agent, "import", "diode", "999999:0x" + "ab" * 32)
    status = agent.kedgectl("status")[1]
    assert "[command] refused; kedgectl roles" in status, status
    refused = checkpoint(agent, "import", "diode", agent.checkpoint, code=1)
    least = int(re.search(r"block (\d+) was final here", refused)[1])
    assert "name a newer one, as kedgectl checkpoint export" in refused, refused
    wait("a newer one", lambda: dn.final()[0] > least)
    number, block = dn.final()
    checkpoint(agent, "import", "diode", f"{number}:0x{block.hex()}")
    granted(agent)


def test_a_checkpoint_is_imported_on_ethereum(folder):
    b = bus(folder)
    en = Ethnode(folder, lag=300)
    en.set("signature", PIN)
    en.mine(25)
    agent = on_the_bus(b, EthBusAgent(folder, en))
    final = int(checkpoint(agent, "export", "ethnode").split()[6])
    wanted = checkpoint(agent, "import", "ethnode", en.root(final), code=1)
    assert f"its slot is wanted too, SLOT:0xROOT: slot {final} is final here" in wanted, wanted
    en.mine(24)
    newer = en.final()[0]
    import_of(folder, b, en, agent, f"{final - 8}:{en.root(final - 8)}", f"{newer}:{en.root(newer)}",
              f"{final - 1}:0x" + "12" * 32)
    newer = agent.wait_following()["final"] and int(checkpoint(agent, "export", "ethnode").split()[6])
    checkpoint(agent, "import", "ethnode", f"{newer + 1}:{en.root(final)}")  # not of that slot: the root decides
    agent.wait_status("that it is of another slot", lambda s: s["state"] == "stuck" and f"is of slot {final}, not" in s["text"])
    assert agent.resolve()[0] != "ok"
    assert "an older checkpoint is not taken" in checkpoint(agent, "import", "ethnode", f"{final}:{en.root(final)}", code=1)
    checkpoint(agent, "import", "ethnode", f"{newer}:{en.root(newer)}")
    granted(agent)


def test_a_checkpoint_that_is_not_on_our_chain_names_the_command(folder):
    b, dn = bus(folder), diode(folder)
    agent = on_the_bus(b, BusAgent(folder, dn))
    dn.command("interval 0")
    final = agent.wait_following(dn.final()[0])["final"]
    agent.kedged.stop()
    wrong = f"{final - 5}:0x" + "12" * 32
    agent.checkpoint = wrong
    agent.write_config()
    agent.kedged.start()
    s = agent.wait_status("stuck", lambda s: s["state"] == "stuck")
    assert s["text"] == f"Checkpoint= contradicts our chain: kedgectl checkpoint import diode {wrong}", s
    assert agent.resolve()[0] == "unproven"
    wait("the agent's name on the bus", b.has_name)
    ours = f"{final - 5}:0x{dn.block(dn.command(f'header {final - 5}'))[1].hex()}"
    checkpoint(agent, "import", "diode", ours)  # further back than what was final: the chain is stuck
    granted(agent)
    agent.restart(signal.SIGKILL)
    granted(agent)
    assert agent.status()["state"] == "following"


def test_words_that_are_damaged_stop_the_start(folder):
    b, dn = bus(folder), diode(folder)
    agent = on_the_bus(b, BusAgent(folder, dn))
    dn.command("interval 0")
    final = agent.wait_following(dn.final()[0])["final"]
    checkpoint(agent, "import", "diode", f"{final}:0x{dn.block(dn.command(f'header {final}'))[1].hex()}")
    agent.kedged.kill()
    for path in glob.glob(agent.state + "/operator*"):
        os.truncate(path, 20)
    agent.kedged.start()
    wait("the agent to refuse", lambda: not agent.kedged.alive())
    last = agent.kedged.text().splitlines()[-1]
    assert agent.kedged.p.returncode == 78 and "It says which checkpoint was imported" in last and agent.state in last, last


def test_a_checkpoint_goes_to_another_machine(folder):
    b, dn = bus(folder), diode(folder)
    agent = on_the_bus(b, BusAgent(folder, dn))
    dn.command("interval 0")
    dn.mine(20)
    agent.wait_following(dn.final()[0])
    line = folder.path + "/line"
    with open(line, "w") as f:
        f.write(agent.kedgectl("checkpoint", "export", "diode")[1])
    words = open(line).read().split()
    agent.kedged.stop()
    wait("the bus to be free", lambda: not b.has_name())
    other = BusAgent(folder, dn, name="other")
    other.wait_following(0, 60)
    wait("the other agent's name on the bus", b.has_name)
    dn.mine(3)
    other.wait_following(int(words[6]), 60)
    before = other.status()["final"]  # it may go on meanwhile, and what is older then is not taken
    got, out, err = other.kedgectl("checkpoint", "import", line)
    said = " ".join((out + err).split())
    assert got == (1 if before > int(words[6]) else 0) or (got == 1 and other.status()["final"] > int(words[6])), (got, said)
    assert words[7] in said or "an older checkpoint is not taken" in said, said


if __name__ == "__main__":
    sys.exit(run([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
