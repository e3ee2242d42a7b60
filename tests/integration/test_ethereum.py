#!/usr/bin/env python3
"""The agent on a chain of Ethereum, end to end: the real kedged and kedge-fetch, and servers of a small network that
has real signatures and real proofs.

usage: test_ethereum.py main|faults-before|faults-later [TEST...]"""
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

from edge import keccak256
from harness import EthAgent, Ethnode, Devnode, run, program, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))


def chain(folder, **options):
    """A chain with values in it that are final; the clock is some minutes ahead, so that slots can be mined at once."""
    en = Ethnode(folder, **{"lag": 300, **options})
    en.set("server_ip", "10.1.2.3")
    en.set("port", (8883).to_bytes(32, "big"))
    en.set("signature", PIN)
    en.set("pump1.server_ip", "10.9.9.9")
    en.mine(25)
    return en


def start(folder, upstreams=None, before=None, options=None, **keys):
    """before: a fault of node 0 from the start."""
    en = chain(folder, **(options or {}))
    if before:
        en.fault(0, *before)
    return en, EthAgent(folder, en, upstreams, **keys)


def granted(agent, pin=PIN):
    return agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [pin])


def test_a_name_is_proven_with_two_lines(folder):
    en, agent = start(folder)
    result, _, addrs, port, pins = granted(agent)
    assert (result, addrs, port, pins) == ("ok", ["10.1.2.3"], 8883, [PIN])
    assert agent.resolve("pump1." + NAME)[2] == ["10.9.9.9"]
    assert agent.resolve("nobody." + NAME)[0] == "absent"
    s = agent.wait_following(en.final()[0])
    assert s["final_hash"] == en.block(en.command(f"header {s['final']}"))[1], s
    assert s["upstreams"] == 6 and all(u["lies"] == 0 for u in agent.shown().values())



def moved(en, agent, slots=1):
    """Mines, and waits until the agent's head is there."""
    n, _ = en.mine(slots)
    return agent.wait_status(f"head {n}", lambda s: s["head"] >= n)


def getent(agent, name, table="ahostsv4"):
    """What a program gets that knows nothing of us: in a mount namespace where the agent's folders stand in their
    places. (exit status, output)"""
    build = os.path.dirname(program("nss/libnss_kedge.so.2"))
    script = f"""mount -t tmpfs none /run && mkdir /run/kedge && mount --bind {agent.run} /run/kedge &&
                 mount -t tmpfs none /var/lib && mkdir /var/lib/kedge && mount --bind {agent.state} /var/lib/kedge &&
                 echo 'hosts: kedge [!UNAVAIL=return]' >/run/nsswitch && mount --bind /run/nsswitch /etc/nsswitch.conf &&
                 exec getent {table} {name}"""
    r = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script], capture_output=True, text=True,
                       timeout=30, env={**os.environ, "LD_LIBRARY_PATH": build})
    return r.returncode, r.stdout


def test_programs_get_it_by_their_ordinary_door(folder):
    en, agent = start(folder)
    granted(agent)
    with open(program("nss/libnss_kedge.so.2"), "rb") as f:
        if os.geteuid() != 0 or b"__asan_init" in f.read():
            return  # no namespaces; or getent cannot load it
    code, out = getent(agent, NAME)
    assert code == 0 and "10.1.2.3" in out, (code, out)
    assert getent(agent, "nobody." + NAME)[0] == 2


def test_kedgectl_says_it_by_its_exit_code(folder):
    en, agent = start(folder)
    granted(agent)
    code, out, err = agent.kedgectl("query", NAME)
    assert code == 0 and "10.1.2.3" in out, (code, out, err)
    assert agent.kedgectl("query", "nobody." + NAME)[0] == 5
    code, out, _ = agent.kedgectl("lookup", en.info["CONTRACT"], "0", "server_ip")
    assert code == 0 and b"10.1.2.3".hex() in out, out
    code, out, _ = agent.kedgectl("status")
    assert code == 0 and "fulu" in out and "32 of 32" in out, out
    assert agent.kedgectl("--json", "status")[0] == 0
    code, out, _ = agent.kedgectl("checkpoint", "show", "ethnode")
    assert code == 0, out


def test_a_new_address_is_served_when_it_is_final(folder):
    en, agent = start(folder)
    granted(agent)
    en.set("server_ip", "10.7.7.7")
    moved(en, agent)
    assert agent.resolve()[2] == ["10.1.2.3"]
    moved(en, agent, 25)
    agent.wait_resolve("the new address", lambda r: r[2] == ["10.7.7.7"])


def test_a_key_goes_over_to_the_next_one_without_a_gap(folder):
    other = bytes(range(101, 133))
    en, agent = start(folder)
    granted(agent)
    en.set("signature_next", other)
    moved(en, agent, 25)
    agent.wait_resolve("both pins", lambda r: sorted(r[4]) == sorted([PIN, other]))
    en.set("signature", other)
    en.command("clear signature_next")
    for _ in range(8):
        moved(en, agent, 3)
        assert other in agent.resolve()[4], agent.resolve()
    granted(agent, other)
    assert agent.status()["revocations"] <= 1


def revoke(en, agent):
    granted(agent)
    en.command("clear signature")
    n = moved(en, agent, 2)["head"]
    agent.wait_resolve("no pin", lambda r: PIN not in r[4])
    s = agent.wait_status("a revocation", lambda s: s["revocations"] == 1)
    assert s["final"] < n - 1 <= s["head"], s


def test_a_pin_is_revoked_at_the_head(folder):
    other = bytes(range(101, 133))
    en, agent = start(folder)
    revoke(en, agent)
    assert agent.resolve()[2] == ["10.1.2.3"], "a location is served until a newer one is final"
    en.set("signature", other)
    moved(en, agent, 25)
    granted(agent, other)


def test_a_revocation_survives_kill_9_and_an_older_head(folder):
    en, agent = start(folder)
    before = en.peak()[0]
    revoke(en, agent)
    agent.kedged.kill(signal.SIGKILL)
    en.fault("all", "lag", en.peak()[0] - before)
    agent.kedged.start()
    agent.wait_status("a head again", lambda s: s["state"] == "following" and s["head"] >= before)
    for _ in range(10):
        assert PIN not in agent.resolve()[4], agent.resolve()
    en.fault("all", "none")
    moved(en, agent, 25)
    assert PIN not in agent.resolve()[4]
    en.set("signature", PIN)
    moved(en, agent, 25)
    granted(agent)


def test_kill_9_again_and_again_loses_nothing(folder):
    en, agent = start(folder)
    granted(agent)
    final = agent.status()["final"]
    asked = sum(int(en.stats(i).get("bootstrap", 0)) for i in range(3))
    for _ in range(5):
        agent.restart(signal.SIGKILL)
        en.mine(9)
        s = agent.wait_following(final)
        assert s["final"] >= final
        final = s["final"]
        granted(agent)
    assert sum(int(en.stats(i).get("bootstrap", 0)) for i in range(3)) == asked, "state is what it starts from"


def test_it_follows_through_periods_and_over_forks(folder):
    """Capella to Gloas, each fork in its first epoch: the checkpoint is of the first one."""
    en = chain(folder, slots=150, capella=0, deneb=24, electra=28, fulu=32, gloas=36)
    agent = EthAgent(folder, en)
    granted(agent)
    for slot in range(200, 420, 20):
        n = en.peak()[0]
        if slot > n:
            en.mine(slot - n)
        s = agent.wait_status(f"head by {slot}", lambda s: s["head"] >= slot - 1, 15)
        assert s["state"] == "following", s
    en.set("server_ip", "10.7.7.7")
    en.mine(25)
    agent.wait_resolve("the new address", lambda r: r[2] == ["10.7.7.7"])
    assert all(u["lies"] == 0 for u in agent.shown().values()), agent.shown()


def test_a_committee_of_512_is_followed(folder):
    en, agent = start(folder, options={"committee": 512, "nodes": 2})
    granted(agent)
    moved(en, agent, 70)
    granted(agent)


# ---- what an operator meets

def urls(en, *which):
    """beacon0 is node 0's beacon API, execution2 node 2's JSON-RPC."""
    return [w[:-1] + "+" + en.nodes[int(w[-1])] for w in which]


def test_servers_of_different_abilities_make_one_whole(folder):
    en = chain(folder, nodes=4)
    for node, fault in enumerate(("no-bootstrap", "no-updates", "pruned 4", "by-number")):
        en.fault(node, *fault.split())
    agent = EthAgent(folder, en, urls(en, "beacon0", "beacon1", "execution2", "execution3"))
    granted(agent)
    assert "no bootstrap" in agent.kedgectl("upstreams")[1]
    for _ in range(5):  # from period to period
        moved(en, agent, 30)
        granted(agent)
    out = agent.kedgectl("upstreams")[1]
    assert all(u["lies"] == 0 for u in agent.shown().values()), agent.shown()
    assert "no updates" in out and "by number" in out, out


def test_one_beacon_and_one_execution_server_are_enough(folder):
    en = chain(folder, nodes=2)
    agent = EthAgent(folder, en, urls(en, "beacon0", "execution1"))
    granted(agent)
    en.fault("all", "status", "503")
    wait("both rest", lambda: sum(u["state"] == 4 for u in agent.shown().values()) >= 1)
    en.fault("all", "none")
    moved(en, agent, 10)
    granted(agent)


def test_a_fork_that_we_do_not_know_is_alarmed_when_announced(folder):
    en, agent = start(folder)
    granted(agent)
    assert "alarm" not in agent.status_text()[1]
    en.fault(0, "fork-ahead", "200")
    agent.restart(signal.SIGTERM)  # the schedule is asked for at each start, and once a day
    code, out = agent.wait_text("the alarm", "0x08000045.*update kedge before")
    assert code == 0, (code, out)
    assert "0x08000045" in agent.kedged.text()
    granted(agent)


def test_past_a_fork_that_we_do_not_know_the_chain_stops(folder):
    """The network's file names it, with a date; this program does not know what it is."""
    en = chain(folder)
    file = en.networks + "/ethnode.conf"
    with open(file) as f:
        lines = f.read()
    epoch = en.peak()[0] // 8 + 4
    with open(file, "w") as f:
        f.write(lines.replace("Fork=gloas 0x07000045 never", f"Fork=gloas 0x07000045 never\nFork=heze 0x08000045 {epoch}"))
    agent = EthAgent(folder, en)
    granted(agent)
    code, out = agent.wait_text("the alarm", "update kedge before")
    assert code == 0, (code, out)
    while en.peak()[0] < epoch * 8 - 1:
        moved(en, agent)
    en.mine(10)
    code, out = agent.wait_text("the end", "needs an update")
    assert code == 4 and agent.status()["state"] == "stuck", (code, out)


def old_chain(folder):
    """25000 slots of a minute each: 17 days."""
    en = chain(folder, slots=25000, seconds_per_slot=60, lag=3600 * 2)
    return en, en.info["CHECKPOINT_OLD"]


def test_a_checkpoint_too_old_is_refused_until_it_is_accepted(folder):
    en, root = old_chain(folder)
    agent = EthAgent(folder, en, checkpoint=root)
    code, out = agent.wait_text("how old it is", "too old|days since our checkpoint")
    assert code == 3 and f"kedgectl checkpoint accept ethnode {root}" in " ".join(out.split()), (code, out)
    assert agent.status()["state"] == "stuck"
    assert agent.resolve()[0] != "ok"
    assert agent.kedgectl("checkpoint", "show", "ethnode")[0] == 3
    code, out, err = agent.kedgectl("--config", agent.conf, "checkpoint", "accept", "ethnode", root)
    assert code == 0, (code, out, err)
    agent.restart(signal.SIGTERM)
    granted(agent)
    agent.wait_status("following", lambda s: s["state"] == "following", 60)


def test_an_old_checkpoint_is_accepted_without_a_restart(folder):
    """What kedgectl says to type next reloads the agent: its machine is made anew over the same state."""
    en, root = old_chain(folder)
    agent = EthAgent(folder, en, checkpoint=root)
    agent.wait_text("how old it is", "too old|days since our checkpoint")
    pid = agent.kedged.p.pid
    code, out, err = agent.kedgectl("--config", agent.conf, "checkpoint", "accept", "ethnode", root)
    assert code == 0 and "reload" in out, (code, out, err)
    agent.kedged.p.send_signal(signal.SIGHUP)
    granted(agent)
    assert agent.kedged.p.pid == pid
    code, out, _ = agent.kedgectl("checkpoint", "show", "ethnode")
    assert code == 0 and "accepted" in out, (code, out)


class HomeAgent(EthAgent):
    """A chain that is not called like its network."""

    CHAIN = "home"


def test_what_there_is_to_type_names_the_chain_and_not_its_network(folder):
    en, root = old_chain(folder)
    agent = HomeAgent(folder, en, checkpoint=root)
    _, out = agent.wait_text("how old it is", "days since our checkpoint")
    told = re.search(r"kedgectl (checkpoint accept \S+ 0x[0-9a-f]{64})", " ".join(out.split()))
    code, out, err = agent.kedgectl("--config", agent.conf, *told[1].split())
    assert code == 0, (told, code, out, err)
    agent.restart(signal.SIGTERM)
    granted(agent)


def test_a_chain_that_is_misspelt_keeps_nobody_from_starting(folder):
    en = chain(folder)
    agent = HomeAgent(folder, en)
    root = en.info["CHECKPOINT"]
    for verb, name, value in (("import", "hom", root), ("import", "ethnode", root), ("accept", "hom", root),
                              ("import", "home", "500:" + root)):
        code, out, err = agent.kedgectl("--config", agent.conf, "checkpoint", verb, name, value)
        assert code == 1 and "kedged would not start" in err and "[Chain " in err, (code, out, err)
    agent.restart()
    granted(agent)


def test_without_its_carrier_the_agent_says_so_first(folder):
    en = chain(folder)
    agent = EthAgent(folder, en)
    agent.fetch.stop()
    agent.restart()
    agent.wait_text("what to start", "kedge-fetch is not connected")


def test_a_newer_checkpoint_is_imported_in_its_place(folder):
    en, root = old_chain(folder)
    agent = EthAgent(folder, en, checkpoint=root)
    agent.wait_text("how old it is", "too old|days since our checkpoint")
    sources = [x for u in en.nodes for x in ("--url", u)]
    code, out, err = agent.kedgectl("checkpoint", "fetch", "ethnode", *sources)
    newest = en.root(en.final()[0])
    assert code == 0 and newest in out, (code, out, err)
    code, out, err = agent.kedgectl("--config", agent.conf, "checkpoint", "import", "ethnode", newest)
    assert code == 0, (code, out, err)
    agent.restart(signal.SIGTERM)
    granted(agent)


def test_sources_of_a_checkpoint_that_disagree_are_told_apart(folder):
    en = chain(folder)
    agent = EthAgent(folder, en)
    sources = [x for u in en.nodes for x in ("--url", u)]
    en.fault(0, "conflict")
    en.mine(24)
    code, out, err = agent.kedgectl("checkpoint", "fetch", "ethnode", *sources)
    assert code == 4, (code, out, err)
    en.fault("all", "silent")
    en.fault("all", "status", "503")
    assert agent.kedgectl("checkpoint", "fetch", "ethnode", *sources)[0] == 6


def test_ten_days_away_is_followed_after(folder):
    en = chain(folder, slots=15000, seconds_per_slot=60, lag=3600 * 2)
    agent = EthAgent(folder, en, checkpoint=en.info["CHECKPOINT_OLD"])
    granted(agent)
    assert agent.wait_following()["state"] == "following"


def test_a_checkpoint_that_no_server_has(folder):
    en = chain(folder)
    agent = EthAgent(folder, en, checkpoint="0x" + "12" * 32)
    code, out = agent.wait_text("what to do", "no server has this checkpoint.*kedgectl checkpoint fetch ethnode")
    assert code != 0 and agent.resolve()[0] == "unproven", (code, out)


def test_a_checkpoint_that_nobody_has_is_no_matter_to_who_has_state(folder):
    en, agent = start(folder)
    granted(agent)
    agent.checkpoint = "0x" + "34" * 32
    agent.write_config()
    agent.restart(signal.SIGTERM)
    granted(agent)
    assert agent.status()["state"] == "following"


def test_a_checkpoint_that_contradicts_us_stops_us(folder):
    """Its block stands at the slot that is final for us, and is another one; who has it shows that block as its final
    one, too, and either is seen first."""
    en = chain(folder)
    agent = EthAgent(folder, en, urls(en, "beacon1", "execution1", "beacon2", "beacon0"))
    granted(agent)
    en.fault(0, "conflict")
    en.fault(0, "status", "503")  # seen by nobody yet
    en.mine(30)
    final = en.final()[0]
    agent.wait_following(final)
    agent.kedged.stop()
    en.fault(0, "conflict-again")
    with urllib.request.urlopen(en.nodes[0] + "/eth/v1/beacon/headers/finalized", timeout=5) as a:
        got = json.load(a)["data"]
    assert int(got["header"]["message"]["slot"]) == final and got["root"] != en.root(final)
    agent.checkpoint = got["root"]
    agent.write_config()
    agent.kedged.start()
    code, out = agent.wait_text("what contradicts what", r"contradicts our chain|slot \d+: ours 0x")
    assert code == 4 and agent.status()["state"] == "stuck", (code, out)
    assert agent.resolve()[0] != "ok"
    agent.checkpoint = en.root(final)
    agent.write_config()
    assert agent.kedgectl("--config", agent.conf, "checkpoint", "accept", "ethnode", agent.checkpoint)[0] == 0
    en.fault(0, "none")
    agent.restart(signal.SIGTERM)
    granted(agent)


def test_one_server_that_goes_on_is_found_among_those_that_stand_still(folder):
    en, agent = start(folder)
    granted(agent)
    en.fault(0, "stale")
    en.fault(1, "stale")
    for _ in range(5):
        moved(en, agent, 5)
    granted(agent)
    head = agent.status()["head"]
    en.fault("all", "stale")
    en.mine(30)
    assert agent.status()["head"] == head and agent.resolve()[0] == "ok"
    en.fault("all", "none")
    moved(en, agent)


def test_two_finalized_headers_stop_new_grants(folder):
    """Two thirds of the committee have signed both. Slots of a second, four to an epoch: the finalized block is
    asked for every few seconds, of one server after the other."""
    en = chain(folder, nodes=2, slots_per_epoch=4)
    agent = EthAgent(folder, en)
    granted(agent)
    s = agent.wait_following()
    other = bytes(range(101, 133))
    en.fault(0, "conflict")
    en.set("pump2.signature", other)
    en.mine(24)
    s = agent.wait_status("the conflict", lambda s: s["conflict"], 40)
    assert os.listdir(agent.state + "/evidence"), "both are kept"
    code, out = agent.status_text()
    assert code == 4 and "kedgectl checkpoint accept ethnode ROOT" in " ".join(out.split()), (code, out)
    ours, theirs = re.search(r"slot \d+: ours (0x[0-9a-f]{64}) or (0x[0-9a-f]{64})", " ".join(out.split())).groups()
    assert agent.resolve("pump2." + NAME)[0] != "ok"
    en.fault(0, "none")
    roots = [en.root(slot) for slot in range(en.final()[0] - 40, en.final()[0] + 1)]
    root = ours if ours in roots else theirs
    assert root in roots, (ours, theirs)
    assert agent.kedgectl("--config", agent.conf, "checkpoint", "accept", "ethnode", root)[0] == 0
    agent.restart(signal.SIGTERM)
    granted(agent)
    assert not agent.status()["conflict"]


def test_servers_of_another_network_are_named_so(folder):
    en = chain(folder)
    other = Ethnode(folder, "stranger", seed=9, chain_id=99, lag=300)
    agent = EthAgent(folder, en, [f"{k}+{u}" for u in other.nodes for k in ("beacon", "execution")])
    wait("both said", lambda: "serves another network" in agent.kedged.text())
    assert agent.resolve()[0] == "unproven"


REGISTRY = "0x00000000000c2e074ec69a0dfb2997ba6c7d2e1e"
RESOLVER = "0x231b0ee14048e9dccd1d247744d114a4eb5e8e63"  # the public one of 2023, known by its code
RESOLVER_CODE = "0x19257636fde18e27704b400659de2cbaab55488586c18cd5b6d67f6417c8c19a"


def word(n):
    return n.to_bytes(32, "big")


def ens_node(name):
    node = bytes(32)
    for label in reversed(name.split(".")):
        node = keccak256(node + keccak256(label.encode()))
    return node


def ens_resolver(en, name, resolver):
    entry = int.from_bytes(keccak256(ens_node(name) + word(0)), "big")
    en.command(f"poke {REGISTRY} 0x{word(entry).hex()} 0x{word(1).hex()}")
    en.command(f"poke {REGISTRY} 0x{word(entry + 1).hex()} 0x{bytes(12).hex()}{resolver[2:]}")


def ens_text(en, name, key, text):
    """texts, at slot 10: version => node => key => string"""
    at = keccak256(key.encode() + keccak256(ens_node(name) + keccak256(word(0) + word(10))))
    raw = text.encode()
    if len(raw) < 32:
        words = {at: raw.ljust(31, b"\0") + bytes([2 * len(raw)])}
    else:
        first = int.from_bytes(keccak256(at), "big")
        words = {at: word(2 * len(raw) + 1)}
        for i in range(0, len(raw), 32):
            words[word(first + i // 32)] = raw[i:i + 32].ljust(32, b"\0")
    for slot, value in words.items():
        en.command(f"poke {RESOLVER} 0x{slot.hex()} 0x{value.hex()}")


def test_ens_names_as_far_as_storage_shows_them(folder):
    en = chain(folder)
    en.command(f"code {REGISTRY} 0x{'11' * 32}")
    en.command(f"code {RESOLVER} {RESOLVER_CODE}")
    ens_resolver(en, "pump1.alice.eth", RESOLVER)
    ens_text(en, "pump1.alice.eth", "server_ip", "10.5.5.5")
    ens_text(en, "pump1.alice.eth", "signature", "0x" + PIN.hex())
    unknown = "0x" + "ab" * 20
    en.command(f"code {unknown} 0x{'cd' * 32}")
    ens_resolver(en, "pump2.alice.eth", unknown)
    en.mine(25)
    agent = EthAgent(folder, en)
    agent.kedged.stop()
    agent.more = ["[Zone alice.eth]", "Kind=ens", "Chain=ethnode"]
    agent.write_config()
    agent.kedged.start()
    r = agent.wait_resolve("the ENS name", lambda r: r[0] == "ok" and r[4] == [PIN], "pump1.alice.eth")
    assert r[2] == ["10.5.5.5"], r
    wait("the resolver that is not known to be named", lambda: "abab" in agent.resolve("pump2.alice.eth")[1].lower())
    assert agent.resolve("nobody.alice.eth")[0] in ("absent", "unproven")
    ens_text(en, "pump1.alice.eth", "signature", "")
    moved(en, agent, 2)
    agent.wait_resolve("no pin", lambda r: PIN not in r[4], "pump1.alice.eth")
    granted(agent)


def test_diode_and_ethereum_in_one_agent(folder):
    en = chain(folder)
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.4.4.4")
    dn.mine(12)
    dn.command("interval 200")
    agent = EthAgent(folder, en)
    agent.kedged.stop()
    agent.more = ["[Chain diode]", "Backend=blockquick", "ChainId=" + dn.info["CHAIN_ID"], "Poll=100ms",
                  "Checkpoint=" + dn.info["CHECKPOINT"], "Fleet=" + dn.info["FLEET"],
                  *["Upstream=" + u for u in dn.nodes],
                  "[Zone yard.fleet]", "Chain=diode", "Contract=" + dn.info["CONTRACT"], "Slot=0"]
    agent.write_config()
    agent.kedged.start()
    granted(agent)
    agent.wait_resolve("the other chain's name", lambda r: r[2] == ["10.4.4.4"], "yard.fleet")
    for _ in range(3):
        moved(en, agent, 3)
        assert agent.resolve("yard.fleet")[2] == ["10.4.4.4"] and agent.resolve()[2] == ["10.1.2.3"]
    code, out = agent.status_text()
    assert code == 0 and "diode" in out and "ethnode" in out, out


# ---- servers that lie, fail or lack something: node 0 of three; it goes on with the others

LIES = {
    # fault: what the journal says of it, with the server's name and, of a lie, the bytes
    "bad-signature": "not a signature of the committee",
    "bad-finality-branch": "a finalized header that is not proven",
    "bad-finalized": "a finalized header that is not proven",
    "finalized-newer": "slots that are not in the order",
    "bad-committee": "a committee that is not proven",
    "bad-committee-branch": "a committee that is not proven",
    "bad-execution": "a header whose execution part is not proven",
    "short-branch": "the bytes are none|that is none",
    "no-signers": "an update that nobody has signed",
    "other-committee": "not a signature of the committee",
    "extra-bytes": "the bytes are none|that is none|execution part is not proven",
    "overlap": "the bytes are none|that is none",
    "wrong-network": "serves another network: a network of its own, genesis|serves another network: .*chain id 7032",
    "unused-node": "a node too many|unused|not need",
    "wrong-node": "not the one|another tree|hash",
    "missing-node": "ends before|missing",
    "wrong-value": "value: another value than its proof shows",
    "not-minimal": "not the one|another tree|hash|malformed",
    "other-block": "answered from another branch|account",
    "other-account": "account: ",
    "other-slot": "value: ",
}
FAILURES = {
    "too-few": "signed by 21 of 32: two thirds are needed",
    "status 404": None,
    "status 429": "the server is busy",
    "status 500": "500",
    "status 501": None,
    "status 503": "the server is busy",
    "truncated": "partial file",
    "endless": "too long|more than|limit",
    "silent": "no answer in time|Timeout|timed out",
    "garbage": "JSON|nonsense",
    "old-update": None,
    "stale": None,
    "lag": None,
    "no-updates": None,
    "pruned": None,
    "by-number": None,
    "json-only": None,
    "withhold": None,
    "unknown-fork": "fork heze, which is not known here|not known",
}


def press(en, agent, done, what, limit=800):
    """Slots and questions, until done()."""
    seen, end = [0], en.peak()[0] + limit

    def look():
        seen[0] += 1
        try:
            agent.resolve(f"h{seen[0]}.{NAME}")
        except OSError:  # the agent is not there yet
            return None
        if en.peak()[0] < end:
            en.set("counter", seen[0].to_bytes(32, "big"))
            en.mine(3)
        return done()
    return wait(what, look, 30, 0.05)


def blame(en, agent, text):
    """The line that says it, of node 0."""
    host = en.nodes[0].split("//")[1]

    def line():
        return next((x for x in agent.kedged.text().splitlines() if host in x and re.search(text, x)), None)
    return press(en, agent, line, f"/{text}/ of {host} in the log")


def goes_on(en, agent):
    n, _ = en.mine(25)
    agent.wait_status(f"head {n}", lambda s: s["state"] == "following" and s["head"] >= n)
    result = agent.wait_resolve("the honest values", lambda r: r[0] == "ok" and r[4] == [PIN])
    assert result[2] == ["10.1.2.3"], result
    s = agent.status()
    assert not s["conflict"] and s["revocations"] == 0, s
    assert agent.kedged.alive() and agent.fetch.alive()


def others_are_unblamed(en, agent):
    host = en.nodes[0].split("//")[1]
    for url, u in agent.shown().items():
        assert host in url or u["lies"] == 0, (url, u)


def fault_test(fault, text, when, is_lie):
    def test(folder):
        options = {"lag": 900, "epochs_per_period": 4}
        if when == "before":
            en, agent = start(folder, before=fault.split(), options=options, RequestTimeout="800ms")
        else:
            en, agent = start(folder, options=options, RequestTimeout="800ms")
            granted(agent)
            en.fault(0, *fault.split())
        if text:
            line = blame(en, agent, text)
            assert not is_lie or "bytes" in line, line
        if is_lie:
            host = en.nodes[0].split("//")[1]
            assert any(u["lies"] > 0 for url, u in agent.shown().items() if host in url), agent.shown()
        else:
            press(en, agent, lambda: int(en.stats(0)["requests"]) > 3, "some questions to node 0")
        goes_on(en, agent)
        others_are_unblamed(en, agent)
        if not is_lie and not text and fault != "old-update":
            assert all(u["lies"] == 0 for u in agent.shown().values()), agent.shown()
    test.__name__ = f"test_{fault}_{when}".replace("-", "_").replace(" ", "_")
    return test


FAULTS = [fault_test(f, t, when, f in LIES) for f, t in {**LIES, **FAILURES}.items() for when in ("before", "later")]


GROUPS = {
    "main": [f for name, f in list(globals().items()) if name.startswith("test_")],
    "faults-before": [f for f in FAULTS if f.__name__.endswith("before")],
    "faults-later": [f for f in FAULTS if f.__name__.endswith("later")],
}

if __name__ == "__main__":
    sys.exit(run(GROUPS[sys.argv.pop(1)]))
