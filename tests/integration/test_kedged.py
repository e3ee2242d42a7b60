#!/usr/bin/env python3
"""The agent end to end: names from a chain to a program, revocation at the head, and what survives
kill -9, a restart, a lost kedge-fetch and a damaged state file."""
import glob
import os
import signal
import sys

from harness import Agent, Devnode, run, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))


def start(folder, interval=100, **chain):
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("port", (8883).to_bytes(32, "big"))
    dn.set("signature", PIN)
    dn.set("pump1.server_ip", "10.9.9.9")
    dn.mine(12)
    dn.command(f"interval {interval}")
    agent = Agent(folder, dn, **chain)
    agent.wait_following(dn.final()[0])
    return dn, agent


def granted(agent):
    return agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])


def test_a_name_is_proven_from_the_checkpoint_on(folder):
    dn, agent = start(folder)
    result, _, addrs, port, pins = granted(agent)
    assert (result, addrs, port, pins) == ("ok", ["10.1.2.3"], 8883, [PIN])
    assert agent.resolve("pump1." + NAME)[2] == ["10.9.9.9"]
    assert agent.resolve("nobody." + NAME)[0] == "absent"
    assert agent.resolve("example.org")[0] == "unknown"
    s = agent.status()
    honest = dn.block(dn.command(f"header {s['final']}"))
    assert s["final_hash"] == honest[1] and s["up"] == 3
    assert all(agent.upstream(i)["lies"] == 0 for i in range(3))


def test_jumps_lead_over_changes_of_the_majority(folder):
    dn = Devnode(folder, blocks=900, rotate=40)
    agent = Agent(folder, dn, checkpoint=None)
    dn.set("server_ip", "10.1.2.3")
    dn.mine(20)
    agent.checkpoint = "150:0x" + dn.block(dn.command("header 150"))[1].hex()
    agent.kedged.stop()
    for old in glob.glob(agent.state + "/chain-*"):
        os.remove(old)
    agent.write_config()
    agent.kedged.start()
    s = agent.wait_following(dn.final()[0])
    assert s["jumps"] >= 2 and s["final_hash"] == dn.block(dn.command(f"header {s['final']}"))[1], s
    agent.wait_resolve("the address", lambda r: r[2] == ["10.1.2.3"])


def test_kedgectl_says_it_by_its_exit_code(folder):
    dn, agent = start(folder)
    granted(agent)
    code, out, err = agent.kedgectl("query", NAME)
    assert code == 0 and "10.1.2.3" in out, (code, out, err)
    assert agent.kedgectl("query", "nobody." + NAME) == (5, "", f"kedgectl: nobody.{NAME}: proven absent\n")
    assert agent.kedgectl("nonsense")[0] == 2
    code, out, _ = agent.kedgectl("lookup", dn.info["CONTRACT"], "0", "server_ip")
    assert code == 0 and b"10.1.2.3".hex() in out, out
    code, out, _ = agent.kedgectl("--json", "status")
    assert code == 0 and out.startswith("{"), out
    agent.kedged.stop()
    assert agent.kedgectl("query", NAME)[0] == 6


def test_a_new_value_is_served_when_it_is_final(folder):
    dn, agent = start(folder)
    granted(agent)
    dn.set("server_ip", "10.7.7.7")
    agent.wait_resolve("the new address", lambda r: r[2] == ["10.7.7.7"])
    n = dn.peak()[0]
    assert agent.status()["final"] <= n


def mine_to(dn, agent, number):
    """Up to that block, one by one, each of them seen by the agent."""
    while dn.peak()[0] < number:
        n, _ = dn.mine()
        wait("the block to be seen", lambda: all(agent.upstream(i)["peak"] >= n for i in range(3)))


def revoke(dn, agent):
    """Takes the pin away in block 315. By the order of miners that the seed gives, 313 stays the
    final block while the head goes from 314 to 317: so the head alone knows."""
    mine_to(dn, agent, 314)
    granted(agent)
    dn.command("clear signature")
    mine_to(dn, agent, 317)
    agent.wait_resolve("no pin", lambda r: PIN not in r[4])
    s = agent.wait_status("a revocation", lambda s: s["revocations"] == 1)
    assert s["final"] < 315 <= s["head"], s


def test_a_pin_is_revoked_at_the_head(folder):
    dn, agent = start(folder, interval=0)
    revoke(dn, agent)
    agent.kedged.wait_log("signature")
    assert agent.resolve()[2] == ["10.1.2.3"], "a location is served until a newer one is final"
    other = bytes(range(101, 133))
    dn.set("signature", other)
    dn.mine(30)
    agent.wait_resolve("the new pin", lambda r: r[0] == "ok" and r[4] == [other])


def test_a_revocation_survives_kill_9_and_an_older_head(folder):
    dn, agent = start(folder, interval=0)
    revoke(dn, agent)
    assert os.path.exists(agent.state + "/revocations")
    agent.kedged.kill(signal.SIGKILL)
    dn.fault("all", "stale-head", "3")  # block 314: final lists the pin, and so does this head
    agent.kedged.start()
    agent.wait_status("a head again", lambda s: s["up"] == 3 and s["head"] >= 313)
    for _ in range(10):
        assert PIN not in agent.resolve()[4], agent.resolve()
    dn.fault("all", "none")
    dn.mine(20)
    agent.wait_following(dn.final()[0])
    assert PIN not in agent.resolve()[4]
    dn.set("signature", PIN)
    dn.mine(30)
    granted(agent)


def test_kill_9_again_and_again_loses_nothing(folder):
    dn, agent = start(folder)
    granted(agent)
    final = 0
    for _ in range(5):
        agent.restart(signal.SIGKILL)
        s = agent.wait_following(final)
        assert s["final"] >= final
        final = s["final"]
        granted(agent)
    assert not glob.glob(agent.state + "/*.new"), os.listdir(agent.state)


def test_a_restart_fetches_only_what_is_new(folder):
    dn, agent = start(folder, interval=0)
    granted(agent)
    agent.kedged.stop()
    count = lambda: sum(int(dn.stats(i).get("getblockheader2", 0)) for i in range(3))
    before = count()
    agent.kedged.start()
    dn.mine(8)
    agent.wait_following(dn.final()[0])
    assert count() - before < 100, count() - before


def test_a_lost_kedge_fetch_is_reconnected(folder):
    dn, agent = start(folder)
    granted(agent)
    agent.fetch.kill()
    agent.wait_status("no upstream", lambda s: s["up"] == 0)
    agent.fetch.start()
    n = dn.final()[0]
    agent.wait_following(n)
    granted(agent)


def test_one_damaged_state_file_is_healed_and_two_stop_the_agent(folder):
    dn, agent = start(folder)
    granted(agent)
    agent.wait_status("two generations", lambda s: os.path.exists(agent.state + "/chain-diode.state.1"))
    agent.kedged.stop()

    def damage(name):
        with open(f"{agent.state}/{name}", "r+b") as f:
            f.seek(60)
            byte = f.read(1)
            f.seek(60)
            f.write(bytes([byte[0] ^ 1]))
    files = sorted(os.path.basename(p) for p in glob.glob(agent.state + "/chain-diode.state*"))
    damage(files[0])
    agent.kedged.start()
    agent.wait_following(dn.final()[0])
    agent.wait_status("two generations", lambda s: os.path.exists(agent.state + "/chain-diode.state.1"))
    agent.kedged.stop()
    for name in files:
        damage(name)
    agent.kedged.start()
    wait("the agent to refuse", lambda: not agent.kedged.alive())
    assert agent.kedged.p.returncode == 78 and "chain-diode.state" in agent.kedged.text()


def test_a_clean_stop_ends_with_zero(folder):
    dn, agent = start(folder)
    assert agent.kedged.stop() == 0 and not os.path.exists(agent.run + "/names")


def test_tickets_are_paid_and_bounded(folder):
    dn, agent = start(folder)
    wait("tickets at every node", lambda: all(int(dn.stats(i)["tickets"]) >= 1 for i in range(3)))
    for i in range(3):
        s = dn.stats(i)
        assert int(s["ticket_bytes"]) <= int(s["bytes_in"]) + int(s["bytes_out"]) + (4 << 20), s


def test_a_miner_who_lies_about_the_time_moves_nothing(folder):
    dn, agent = start(folder)
    dn.fault("all", "bad-timestamps", (int(dn.peak()[0]) // 120 + 1) % 12)
    n = dn.peak()[0] + 40
    s = agent.wait_following(n)
    assert s["lower"] < 4000000000 and s["upper"] < 4000000000, s


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
