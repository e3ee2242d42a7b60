#!/usr/bin/env python3
"""Who may log in, as the agent answers it over the query socket: by records of users on a chain and login.conf."""
import os
import signal
import subprocess
import sys

from harness import Devnode, Agent, program, run, wait
from test_ops import Journal, JournalAgent, message_ids, mine_to

ZONE = "plant-control.fleet"
CONF = f"""[Login]
Zone={ZONE}
Host=gw1
ManagedUsers=alice bob
DenyUsers=mallory
[Role 3]
Services=sshd
Groups=dialout
[Role 7]
Services=sudo
[Role 9]
Services=login
Hosts=4
"""
SSH = bytes(range(32))
HOST_KEY = bytes(range(32, 64))
EXPLAIN, WATCHED = 8, 10
KEY_1 = "00" * 31 + "01"  # its address is known
ADDRESS_1 = bytes.fromhex("7e5f4552091a69125d5dfcb7b8c2659029395bdf")


def bits(*n):
    return sum(1 << i for i in n).to_bytes(32, "big")


def start(folder, conf=CONF, journal=None):
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("_user.alice.role", bits(3, 7))
    dn.set("_user.alice.ssh", SSH)
    dn.set("_user.alice.device", bytes(12) + ADDRESS_1)
    dn.set("gw1.ssh_host", HOST_KEY)
    dn.mine(12)
    agent = JournalAgent(folder, dn, journal) if journal else Agent(folder, dn)
    agent.login_conf(conf)
    agent.restart()
    agent.wait_following(dn.final()[0])
    return dn, agent


def sign(folder, agent, text):
    path = folder.path + "/key"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(KEY_1 + "\n")
    status, out, err = agent.kedgectl("sign", "--key", path, text)
    assert status == 0, err
    return bytes.fromhex(out.strip()[2:])


def test_a_login_is_decided_by_the_chain(folder):
    journal, ids = Journal(folder), message_ids()
    dn, agent = start(folder, journal=journal)
    got = agent.wait_login("alice's role", "admitted", "alice")
    assert got["groups"] == ["dialout"] and got["role"] == 0x88 and got["record"] == "_user.alice." + ZONE, got
    assert got["final_hash"] == dn.block(dn.command(f"header {got['final']}"))[1], got
    assert "role 3 brings sshd" in got["reason"], got
    entry = journal.wait(MESSAGE_ID=ids["ADMITTED"])
    assert entry["KEDGE_USER"] == "alice" and entry["KEDGE_SERVICE"] == "sshd", entry
    assert entry["KEDGE_VERDICT"] == "admitted" and entry["KEDGE_RECORD"] == got["record"], entry
    assert bytes.fromhex(entry["KEDGE_BLOCK_HASH"][2:]) == \
        dn.block(dn.command(f"header {entry['KEDGE_BLOCK']}"))[1], entry

    for user, service, verdict in (("bob", "sshd", "no record"), ("mallory", "sshd", "denied here"),
                                   ("alice", "login", "no role"), ("alice", "su", "no role")):
        got = agent.login(user, service)
        assert (got["result"], got["verdict"], got["groups"]) == ("denied", verdict, []), got
    entry = journal.wait(MESSAGE_ID=ids["REFUSED"], KEDGE_USER="bob")
    assert entry["KEDGE_VERDICT"] == "no record" and "no record" in entry["KEDGE_WHY"], entry
    assert agent.resolve(f"_user.alice.{ZONE}")[0] == "refused", "a record of a user is no name"

    assert agent.ssh_key("alice", SSH)["verdict"] == "admitted"
    assert agent.ssh_key("alice", HOST_KEY)["verdict"] == "another key"
    assert agent.host_key("GW1." + ZONE, HOST_KEY)["verdict"] == "admitted"
    assert agent.host_key("gw1." + ZONE, SSH)["verdict"] == "another key"
    assert agent.host_key("gw1.example.org", HOST_KEY)["result"] == "unknown"
    assert agent.login("Alice")["result"] == agent.login("alice", "ss hd")["result"] == "refused"


def test_a_signature_is_good_once(folder):
    _, agent = start(folder)
    agent.wait_login("alice's role", "admitted", "alice")
    nonce, line = agent.challenge("alice", "sudo")
    assert line.startswith(f"kedge login: user alice, host gw1.{ZONE}, service sudo, nonce {nonce.hex()}, "), line
    signature = sign(folder, agent, line)
    for service, n, s, verdict in (("sshd", nonce, signature, "bad challenge"),
                                   ("sudo", nonce[:-1] + bytes([nonce[-1] ^ 1]), signature, "bad challenge"),
                                   ("sudo", nonce, signature[:64] + b"\x1f", "bad signature"),
                                   ("sudo", nonce, signature + b"\x01", "bad signature"),
                                   ("sudo", nonce, signature, "admitted"),
                                   ("sudo", nonce, signature, "answered before")):
        got = agent.respond("alice", n, s, service)
        assert got["verdict"] == verdict, (verdict, got)
    nonce, line = agent.challenge("bob", "sudo")
    assert agent.respond("bob", nonce, sign(folder, agent, line), "sudo")["verdict"] == "no record"
    nonce, line = agent.challenge("alice", "sudo")
    agent.restart()
    wait("the agent to answer", agent.status)
    assert agent.respond("alice", nonce, sign(folder, agent, line), "sudo")["verdict"] == "bad challenge"


def test_a_role_is_taken_at_the_head(folder):
    dn, agent = start(folder)
    mine_to(dn, agent, 314)
    agent.wait_login("sudo", "admitted", "alice", "sudo")
    dn.set("_user.alice.role", bits(3))
    mine_to(dn, agent, 317)  # as in test_ops.py: 313 stays final
    got = agent.wait_login("no sudo", "no role", "alice", "sudo")
    assert got["role"] == 8 and got["final"] <= 313 < got["head"], got
    assert agent.login("alice")["verdict"] == "admitted", "the other role stands"
    for field in ("role", "ssh", "device"):
        dn.command(f"clear _user.alice.{field}")
    mine_to(dn, agent, 320)
    agent.wait_login("no record", "revoked", "alice")
    assert agent.ssh_key("alice", SSH)["verdict"] == "revoked"


def reload(agent):
    agent.kedged.p.send_signal(signal.SIGHUP)


def test_login_conf_is_taken_whole_or_not_at_all(folder):
    dn, agent = start(folder)
    agent.wait_login("alice's role", "admitted", "alice")
    path = agent.login_conf(CONF + "Hosst=4\n")
    reload(agent)
    agent.kedged.wait_log("login.conf:14: Hosst is not a key that this section knows; the running configuration stays")
    assert agent.login("alice")["verdict"] == "admitted"
    check = subprocess.run([program("agent/kedged/kedged"), "--config=" + agent.conf, "--check-config"],
                           capture_output=True, text=True, timeout=30)
    assert check.returncode == 1 and "Hosst" in check.stderr, check
    agent.login_conf(CONF.replace("Host=gw1", "Host=gw2").replace("DenyUsers=mallory", "DenyUsers=alice"))
    reload(agent)
    agent.wait_login("the new file", "denied here", "alice")
    assert f"host gw2.{ZONE}," in agent.challenge("bob")[1]

    os.unlink(path)
    reload(agent)
    wait("no login.conf", lambda: agent.login("alice")["result"] == "unknown")
    assert agent.host_key("gw1." + ZONE, HOST_KEY)["verdict"] == "admitted", "a host's key needs no login.conf"
    agent.login_conf(CONF, 0o666)
    agent.kedged.stop()
    agent.kedged.start()
    agent.kedged.wait_log("login.conf: everybody may write it")
    assert agent.kedged.p.wait(timeout=20) == 78


def test_records_of_ours_are_proven_before_anybody_asks(folder):
    dn, agent = start(folder)
    # alice, bob, and the host's role for [Role 9]
    def proven():
        names, name = [], ""
        while True:
            result, _, body = agent.query(WATCHED, name)
            if result != "ok":
                return names == ["_host.gw1." + ZONE, "_user.alice." + ZONE, "_user.bob." + ZONE]
            name = body.split(b"\0")[0].decode()
            names.append(name)
    wait("three records", proven)
    dn.stop()
    for user, verdict in (("alice", "admitted"), ("bob", "no record")):
        assert agent.login(user)["verdict"] == verdict, "whoever is at the door waits for no chain"
    assert agent.login("alice", "login")["verdict"] == "no role"


def test_explaining_leaves_room_for_those_at_the_door(folder):
    dn, agent = start(folder)
    agent.wait_login("alice's role", "admitted", "alice")
    dn.p.send_signal(signal.SIGSTOP)
    try:
        os.chmod(folder.path, 0o711)
        os.seteuid(61007)
        said = [agent.query(EXPLAIN, f"_user.u{i}.{ZONE}")[1] for i in range(80)]
        os.seteuid(0)
        assert said[0].startswith("it is being proven") and said[-1].startswith("too many questions are open"), said
        assert agent.query(EXPLAIN, "_user.v." + ZONE)[1].startswith("it is being proven"), "root sees why"
        got = agent.login("zoe")
        assert got["result"] == "unproven" and "too many" not in got["reason"], got
    finally:
        os.seteuid(0)
        dn.p.send_signal(signal.SIGCONT)


def test_figures_say_how_many(folder):
    metrics = folder.path + "/kedge.prom"

    class Counted(Agent):
        def agent_lines(self):
            return ["Metrics=" + metrics]
    dn = Devnode(folder, blocks=300)
    dn.mine(2)
    agent = Counted(folder, dn)
    agent.login_conf(CONF)
    agent.restart()
    agent.wait_following(dn.final()[0])
    assert agent.login("mallory")["verdict"] == "denied here"

    def counted():
        with open(metrics) as f:
            return 'kedge_logins_total{verdict="denied here"} 1' in f.read()
    wait("the figure", counted, timeout=30)


if __name__ == "__main__":
    sys.exit(run([test_a_login_is_decided_by_the_chain, test_a_signature_is_good_once,
                  test_a_role_is_taken_at_the_head, test_login_conf_is_taken_whole_or_not_at_all,
                  test_records_of_ours_are_proven_before_anybody_asks,
                  test_explaining_leaves_room_for_those_at_the_door, test_figures_say_how_many]))
