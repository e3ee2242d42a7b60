#!/usr/bin/env python3
"""One of three upstreams misbehaves, in every way that the test node knows. Each time the agent goes
on with the honest two, answers with the honest value, and says who did what.

usage: test_faults.py headers|proofs|frames|borne|all-of-them [TEST...]"""
import os
import re
import sys

from harness import Agent, Devnode, run, wait

NAME = "plant-control.fleet"
VALUE = "10.1.2.3"


def start(folder, before=None, upstreams=None, interval=100, **chain):
    """A chain with a value in it, and an agent; before: a fault of node 0 from the start."""
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", VALUE)
    dn.mine(12)
    if before:
        dn.fault(0, *before)
    dn.command(f"interval {interval}")
    return dn, Agent(folder, dn, upstreams, **chain)


def goes_on(dn, agent):
    agent.wait_following(dn.final()[0])
    agent.wait_resolve("the honest value", lambda r: r[0] == "ok" and r[2] == [VALUE])


def ask_until_blamed(dn, agent, text):
    """Fresh names, so that questions reach every upstream sooner or later."""
    seen = []

    def look():
        seen.append(agent.resolve(f"h{len(seen) % 100}.{NAME}"))
        if len(seen) % 5 == 0:
            dn.set("counter", len(seen).to_bytes(32, "big"))
        return re.search(text, agent.kedged.text())
    wait(lambda: f"/{text}/ in the log", look, 25, 0.05)
    for i, r in enumerate(seen):
        assert r[0] in ("ok", "unproven"), r
        assert r[0] == "unproven" or r[2] == [f"10.0.0.{i % 100}"], (i, r)


def blamed(dn, agent, text, lie):
    wait(lambda: f"/{text}/ in the log", lambda: re.search(text, agent.kedged.text()), 25)
    line = next(x for x in agent.kedged.text().splitlines() if re.search(text, x))
    assert dn.nodes[0] in line, line
    if lie:
        wait("a lie counted", lambda: agent.upstream(0)["lies"] > 0)
        assert "bytes " in line or "pinned" in line, line
    assert all(agent.upstream(i)["lies"] == 0 for i in (1, 2))


def fault_test(name, kind, arg, when, text, lie):
    def test(folder):
        if when == "before":
            dn, agent = start(folder, (kind, arg))
        else:
            dn, agent = start(folder)
            goes_on(dn, agent)
            dn.fault(0, kind, arg)
        if text and when == "asked":
            ask_until_blamed(dn, agent, text)
        if text:
            blamed(dn, agent, text, lie)
        goes_on(dn, agent)
        s = agent.status()
        assert not s["conflict"] and s["revocations"] == 0, s
        assert text or lie is None or agent.upstream(0)["lies"] == 0, agent.upstream(0)
        assert agent.kedged.alive() and agent.fetch.alive()
    test.__name__ = name.replace("-", "_")
    return test


OTHER_KEY = "signed by another key than the one sent with it"
GARBAGE = "sent bytes that are not a message"
NOT_ASKED = "an answer that nobody asked for, or the same answer twice"
GROUPS = {
    "headers": [
        ("forged-signature", "", "before", OTHER_KEY, True),
        ("forged-signature", "", "later", OTHER_KEY, True),
        ("recid-flipped", "", "later", OTHER_KEY, True),
        ("non-contiguous", "10", "before", r"asked for block \d+, sent block \d+", True),
        ("inflate", "", "before", "the answer to getblockquick2 is nonsense|asked for", True),
        ("peak-huge", "", "later", "which no chain has reached", True),
    ],
    "proofs": [
        ("wrong-root", "", "asked", "state roots: a proof of another tree", True),
        ("wrong-proof", "", "asked", "a proof of another tree", True),
        ("other-key-proof", "", "asked", "a path that does not follow the key", True),
        ("wrong-account", "", "asked", "account: a path that does not follow the key", True),
        ("too-low-foreign", "", "before", "carries a foreign signature", True),
        ("wrong-node-key", "", "before", "not that of the pinned node id", True),
    ],
    "frames": [
        ("truncated", "", "later", GARBAGE, True),
        ("oversized", "", "later", GARBAGE, True),
        ("random", "", "later", GARBAGE, True),
        ("unknown-id", "", "later", NOT_ASKED, True),
        ("twice", "", "later", NOT_ASKED, True),
        ("disconnect", "", "later", "closed by peer in the middle of a message", False),
    ],
    "borne": [
        ("frozen", "", "before", None, False),
        ("lag", "20", "later", None, False),
        ("stale-head", "30", "later", None, False),
        ("peak-3", "", "later", None, False),
        ("stranger-head", "", "later", None, False),
        ("single-miner-head", "server_ip", "later", None, False),
        ("portopen", "", "before", None, False),
        ("empty-frames", "", "before", None, False),
        ("other-pair-order", "", "before", None, False),
        ("unknown-pair", "", "before", None, False),
        ("slow", "1", "later", None, False),
        ("silent", "", "later", None, False),
        ("withhold", "", "later", None, False),
        ("length-beyond", "", "later", None, None),  # a lie only if something follows that fills the frame
        ("late", "4000", "later", None, False),
        ("no-hello", "", "before", None, False),
        ("error-everything", "", "later", None, False),
        ("fork", "", "later", None, None),
    ],
}


def borne_fork(folder):
    """A minority's branch may be wrong about what is final, so its node may be blamed, and no more."""
    dn, agent = start(folder)
    goes_on(dn, agent)
    dn.fault(0, "fork", "server_ip")
    for _ in range(5):
        goes_on(dn, agent)
    s = agent.status()
    assert not s["conflict"], s


def tests_of(group):
    if group == "all-of-them":
        return [all_withhold, all_wrong_proofs, all_frozen, all_go_back, two_final_blocks,
                silent_ones_are_named, wrong_checkpoint]
    rows = [fault_test(f"{r[0]}_{r[2]}", *r) for r in GROUPS[group] if r[0] != "fork"]
    return rows + ([borne_fork] if group == "borne" else [])


def all_withhold(folder):
    dn, agent = start(folder)
    goes_on(dn, agent)
    dn.fault("all", "withhold")
    result = agent.resolve(f"h7.{NAME}")
    assert result[0] == "unproven" and result[1], result
    code, _, err = agent.kedgectl("query", f"h8.{NAME}")
    assert code == 4 and f"h8.{NAME}" in err, (code, err)
    agent.wait_following(dn.final()[0])
    dn.fault("all", "none")
    agent.wait_resolve("an answer again", lambda r: r[0] == "ok", f"h9.{NAME}")


def all_wrong_proofs(folder):
    dn, agent = start(folder)
    goes_on(dn, agent)
    dn.fault("all", "wrong-proof")
    for _ in range(3):
        dn.set("counter", bytes(31) + b"\x01")
        dn.mine()
        assert agent.resolve(f"h7.{NAME}")[0] == "unproven"
    dn.fault("all", "none")
    agent.wait_resolve("an answer again", lambda r: r[2] == ["10.0.0.7"], f"h7.{NAME}", 40)


def all_frozen(folder):
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", VALUE)
    dn.mine(12)
    agent = Agent(folder, dn)
    agent.roles = "[names]\nMaxAge=3s"
    agent.write_config()
    agent.restart()
    goes_on(dn, agent)
    agent.wait_resolve("too old", lambda r: r[0] == "stale" and r[1])
    code, _, err = agent.kedgectl("query", NAME)
    assert code == 3 and err, (code, err)
    dn.mine(5)
    agent.wait_resolve("good again", lambda r: r[0] == "ok")


def all_go_back(folder):
    dn, agent = start(folder)
    goes_on(dn, agent)
    before = agent.status()["final"]
    dn.fault("all", "stale-head", "40")
    agent.restart()
    for _ in range(5):
        s = agent.wait_status("an answer", lambda s: s["up"] > 0)
        assert s["final"] >= before and not s["conflict"], s
    dn.fault("all", "none")
    goes_on(dn, agent)


def silent_ones_are_named(folder):
    dn, agent = start(folder)
    goes_on(dn, agent)
    dn.fault(0, "silent")
    wait("a failure of the silent node", lambda: "in time" in agent.upstream(0)["error"], 30)
    assert agent.upstream(0)["lies"] == 0
    dn.fault(0, "none")
    goes_on(dn, agent)


def two_final_blocks(folder):
    """A real conflict: a majority has signed both branches. An operator must decide; until then
    nothing new is granted, and the signed headers are kept."""
    dn, agent = start(folder)
    goes_on(dn, agent)
    dn.fault(0, "fork-majority", "10")
    s = agent.wait_status("the conflict", lambda s: s["conflict"] and s["state"] == "stuck")
    assert s["text"], s
    wait("evidence on disk", lambda: os.listdir(agent.state + "/evidence"))
    result = agent.resolve(f"h7.{NAME}")
    assert result[0] == "unproven" and result[1], result
    assert "evidence" in agent.kedged.text() and agent.kedged.alive()


def wrong_checkpoint(folder):
    dn = Devnode(folder, blocks=300, interval=100)
    dn.fault("all", "anchor-hash", dn.info["CHECKPOINT"].split(":")[0])
    agent = Agent(folder, dn)
    agent.kedged.wait_log("the checkpoint says")
    assert agent.resolve()[0] == "unproven" and agent.status()["final"] in (0, 180)
    dn.fault("all", "none")
    agent.wait_following(dn.final()[0], 40)


if __name__ == "__main__":
    group = sys.argv.pop(1) if len(sys.argv) > 1 else "headers"
    sys.exit(run(tests_of(group)))
