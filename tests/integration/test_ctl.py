#!/usr/bin/env python3
"""What the agent tells of what it knows, and kedgectl on real daemons."""
import base64
import json
import os
import re
import struct
import subprocess
import sys

from harness import RESOLVE, Agent, Devnode, Process, Skip, program, run, text, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))
EXPLAIN, ROLE, WATCHED, EVIDENCE = 8, 9, 10, 11
EXPLAIN_FORMAT = "=256s32s96s96s20s4BB7xQQQQ32sQQ32s32s32sQ24s64s32s32s32s24s32sQQ32s"
WATCHED_FORMAT = "=256s32sBBB5x6Q160s"


def start(folder, interval=100, **chain):
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("signature", PIN)
    dn.set("pump1.server_ip", "10.9.9.9")
    dn.mine(12)
    dn.command(f"interval {interval}")
    agent = Agent(folder, dn, **chain)
    agent.wait_following(dn.final()[0])
    agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])
    return dn, agent


def explain(agent, name, item):
    result, reason, body = agent.query(EXPLAIN, name, item=item)
    e = struct.unpack(EXPLAIN_FORMAT, body[:struct.calcsize(EXPLAIN_FORMAT)])
    return result, reason, {
        "zone": text(e[0]), "chain": text(e[1]), "by": (text(e[2]), text(e[3])), "contract": e[4],
        "n_fields": e[6], "n_revocations": e[7], "state": e[8], "result": e[9], "proven_ms": e[11],
        "final": e[12:15], "head": e[15:18], "roots": e[18:20], "serial": e[20], "field": text(e[21]), "why": text(e[22]),
        "slot": e[23], "values": e[24:26], "revoked": text(e[26]), "key": e[27], "at": e[28]}


def whole(agent, name):
    """All items of one proof."""
    def collected():
        items = [explain(agent, name, 0)[2]]
        items += [explain(agent, name, i)[2] for i in range(1, max(items[0]["n_fields"], items[0]["n_revocations"]))]
        return items if len({i["serial"] for i in items}) == 1 else None
    return wait("one proof", collected)


def watched(agent):
    names, after = [], ""
    while True:
        result, _, body = agent.query(WATCHED, after)
        if result == "unknown":
            return names
        w = struct.unpack(WATCHED_FORMAT, body[:struct.calcsize(WATCHED_FORMAT)])
        after = text(w[0])
        names.append({"name": after, "result": w[2], "revocations": w[4], "deadline": w[7], "changed": w[8]})


def test_what_was_proven_is_explained(folder):
    dn, agent = start(folder)
    assert explain(agent, "pump1." + NAME, 0)[0] == "unproven", "it was not asked for yet"
    assert explain(agent, "example.org", 0)[0] == "unknown"
    agent.resolve("pump1." + NAME)
    items = whole(agent, NAME)
    e = items[0]
    assert (e["zone"], e["chain"], e["contract"]) == (NAME, "diode", dn.contract), e
    assert e["n_fields"] == 7 and e["n_revocations"] == 0 and all(by in agent.upstreams for by in e["by"]), e
    assert e["final"][0] <= e["head"][0] and e["final"][2] == dn.block(dn.command(f"header {e['final'][0]}"))[1]
    by_name = {i["field"]: i for i in items}
    assert by_name["signature"]["values"] == (PIN, PIN) and by_name["signature"]["why"] == "granted"
    assert by_name["server_ip"]["values"][0].rstrip(b"\0") == b"10.1.2.3"
    assert by_name["port"]["why"] == "proven absent" and any(by_name["port"]["slot"])
    assert explain(agent, NAME, 7)[0] == "unknown", "there is no eighth field"
    later = agent.wait_status("blocks to pass", lambda s: s["final"] > e["final"][0] + 3)
    e = wait("the same at a later block", lambda: [x for x in [explain(agent, NAME, 0)[2]] if x["final"][0] >= later["final"]])[0]
    assert all(by in agent.upstreams for by in e["by"]) and e["final"][1] > 0, e
    assert [w["name"] for w in watched(agent)] == [NAME, "pump1." + NAME], watched(agent)


def mined(dn, agent, number):
    """Up to that block, each seen by the agent. By the order of miners that the seed gives, 313 stays final while
    the head goes from 314 to 317."""
    while dn.peak()[0] < number:
        n, _ = dn.mine()
        wait("the block to be seen", lambda: all(agent.upstream(i)["peak"] >= n for i in range(3)))


def test_a_revocation_is_explained(folder):
    dn, agent = start(folder, interval=0)
    mined(dn, agent, 314)
    before = watched(agent)[0]
    dn.command("clear signature")
    mined(dn, agent, 317)
    agent.wait_resolve("no pin", lambda r: PIN not in r[4])
    items = whole(agent, NAME)
    e = {i["field"]: i for i in items}["signature"]
    assert e["values"] == (PIN, bytes(32)) and e["why"] == "revoked at head", e
    assert e["n_revocations"] == 1 and items[0]["revoked"] == "signature" and items[0]["key"] == PIN, items[0]
    assert 315 <= items[0]["at"] <= items[0]["head"][0], items[0]
    after = watched(agent)[0]
    assert after["revocations"] == 1 and after["changed"] > before["changed"], (before, after)


def test_records_of_logins_are_explained_and_found_nowhere_else(folder):
    alice, nobody = "_user.alice." + NAME, "_user.nobody." + NAME
    dn = Devnode(folder, blocks=300)
    for key, value in [("server_ip", "10.1.2.3"), ("signature", PIN), ("_user.alice.role", (0x10b).to_bytes(32, "big")),
                       ("_user.alice.ssh", PIN), ("_host.gw1.role", (5).to_bytes(32, "big")), ("gw1.ssh_host", PIN),
                       ("gw1.wg_key", PIN), ("gw1.wg_endpoint", "192.0.2.1"), ("gw1.server_ip", "192.0.2.7")]:
        dn.set(key, value)
    dn.mine(12)
    dn.command("interval 100")
    agent = Agent(folder, dn)
    agent.wait_following(dn.final()[0])
    agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])

    result, reason, _ = explain(agent, alice, 0)
    assert result == "unproven" and "being proven" in reason, (result, reason)
    said = wait("the record", lambda: [e for r, _, e in [explain(agent, alice, 0)] if r == "ok"])[0]
    assert said["n_fields"] == 6 and said["result"] == 1 and said["field"] == "device", said
    assert explain(agent, alice, 6)[0] == "unknown", "there is no seventh field"
    code, out, err = agent.kedgectl("explain", "--json", alice)
    fields = {f["field"]: f for f in json.loads(out)["fields"]}
    assert code == 0 and fields["role"]["key"] == "_user.alice.role", (code, out, err)
    assert int(fields["role"]["finalized_means"], 16) == 0x10b and fields["role"]["why"] == "granted", fields
    code, out, err = agent.kedgectl("explain", "_ssh.gw1." + NAME)
    assert code == 0 and "gw1.ssh_host" in out and "_ssh.gw1.ssh_host" not in out, (code, out, err)
    code, out, err = agent.kedgectl("explain", "_host.gw1." + NAME)
    assert code == 0 and "_host.gw1.role" in out, (code, out, err)
    code, out, err = agent.kedgectl("explain", "--json", "_wg.gw1." + NAME)
    fields = {f["field"]: f for f in json.loads(out)["fields"]}
    assert code == 0 and len(fields) == 7 and fields["wg_key"]["key"] == "gw1.wg_key", (code, out, err)
    assert fields["wg_key"]["finalized_means"] == base64.b64encode(PIN).decode(), fields["wg_key"]
    assert fields["server_ip"]["key"] == "gw1.server_ip" and fields["wg_port"]["why"] == "proven absent", fields
    code, out, err = agent.kedgectl("explain", nobody)
    assert code == 5 and "proven absent" in out, (code, out, err)
    for name, want in [("_user.a.b." + NAME, 1), ("_zone." + NAME, 1), ("_user.Alice." + NAME, 2), ("_user", 2)]:
        code, out, err = agent.kedgectl("explain", name)
        assert code == want, (name, code, out, err)

    # Nobody gets them where the names of hosts are.
    for name in [alice, "_ssh.gw1." + NAME, "_wg.gw1." + NAME]:
        assert agent.query(RESOLVE, name)[0] == "refused", name
        assert agent.kedgectl("query", name)[0] == 2, name
    known = [w["name"] for w in watched(agent)]
    assert alice in known and "_host.gw1." + NAME in known, known
    with open(agent.run + "/names", "rb") as f:
        published = f.read()
    assert NAME.encode() in published and b"_user" not in published and b"_host" not in published and b"_ssh" not in published
    assert b"_wg" not in published

    # One bit is taken, and the rest stays.
    dn.set("_user.alice.role", (0x103).to_bytes(32, "big"))
    items = wait("the bit to go", lambda: [i for i in [whole(agent, alice)] if i[0]["n_revocations"]
                                           or any(f["values"][0][-1] == 3 for f in i)])[0]
    role = [i for i in items if i["field"] == "role"][0]
    assert role["values"][1][-2:] == b"\x01\x03" and items[0]["result"] == 1, role
    if items[0]["n_revocations"]:
        assert items[0]["revoked"] == "role" and items[0]["key"][-1] == 8 and role["why"].startswith("granted, but for"), items
        agent.kedged.wait_log("role 3 revoked at block")

    # Who watches it has it asked for, and hears of it.
    carol = "_user.carol." + NAME
    one = Watcher(folder, agent, "--json", "watch", carol)
    wait("it to be asked for", lambda: carol in [w["name"] for w in watched(agent)])
    dn.set("_user.carol.role", (4).to_bytes(32, "big"))
    one.wait("her role", event="RecordChanged", name=carol, text="role 0x" + (4).to_bytes(32, "big").hex())
    assert all(e.get("name") in (None, carol) for e in one.events()), one.events()


class Watcher:
    """kedgectl, running on."""

    def __init__(self, folder, agent, *argv):
        self.p = Process(folder, "kedgectl-" + argv[-1], [program("agent/kedgectl/kedgectl"), *argv],
                         env={"KEDGE_RUNTIME_DIR": agent.run})

    def events(self):
        return [json.loads(line) for line in self.p.text().splitlines() if line.endswith("}")]

    def wait(self, what, **members):
        wait(lambda: f"{what}; {self.p.text()}",
             lambda: any(all(e.get(k) == v for k, v in members.items()) for e in self.events()), timeout=30)


def test_changes_are_told_as_they_happen(folder):
    dn, agent = start(folder, interval=0)
    w = Watcher(folder, agent, "--json", "--heads", "watch")
    one = Watcher(folder, agent, "--json", "watch", "pump1." + NAME)
    wait("the name to be asked for", lambda: [n for n in watched(agent) if n["name"].startswith("pump1")])
    mined(dn, agent, 314)
    dn.set("pump1.server_ip", "10.8.8.8")
    dn.command("clear signature")
    mined(dn, agent, 317)
    w.wait("the revocation", event="Revoked", name=NAME, field="signature", key="0x" + PIN.hex())
    w.wait("a head", event="HeadChanged", chain="diode")
    dn.mine(30)
    one.wait("the other name's new value", event="RecordChanged", name="pump1." + NAME, text="server_ip 10.8.8.8")
    agent.restart()
    agent.wait_following()
    one.wait("the agent to be found again", event="AgentFound")
    wait("the name to be asked for again", lambda: [n for n in watched(agent) if n["name"].startswith("pump1")])
    assert all(e.get("name") in (None, "pump1." + NAME) for e in one.events()), one.events()


def healthy_root(folder):
    """A root whose files let names of ours be answered."""
    root = os.path.join(folder.path, "root")
    os.makedirs(root + "/etc/dbus-1/system.d")
    with open(root + "/etc/nsswitch.conf", "w") as f:
        f.write("hosts: files kedge [!UNAVAIL=return] dns\n")
    with open(root + "/etc/dbus-1/system.d/org.kedge.Agent1.conf", "w") as f:
        f.write("<busconfig/>\n")
    return root


def failed(out):
    return [line.split()[1] for line in out.splitlines() if line.startswith("FAIL")]


def test_the_doctor_finds_what_is_wrong(folder):
    dn, agent = start(folder)
    root = healthy_root(folder)
    code, out, err = agent.kedgectl("doctor", "--root", root)
    assert code == 0 and err == "" and failed(out) == [], out
    assert re.search("^ok +agent .*^ok +chain .*^ok +suffixes .*^ok +snapshot ", out, re.M | re.S), out
    agent.kedged.stop()
    code, out, _ = agent.kedgectl("doctor", "--root", root)
    assert code == 1 and failed(out) == ["agent"], out

    def on(options):
        """The state folder on a file system of its own, that only kedgectl sees."""
        script = (f"cp -a {agent.state} {folder.path}/copy && mount -t tmpfs -o size=512k none {agent.state} && "
                  f"cp -a {folder.path}/copy/public {agent.state} && {options} exec {program('agent/kedgectl/kedgectl')} doctor --root {root}")
        r = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "KEDGE_RUNTIME_DIR": agent.run, "KEDGE_STATE_DIR": agent.state})
        if r.returncode not in (0, 1) or not r.stdout:
            raise Skip("no mount namespaces here: " + r.stderr)
        return failed(r.stdout)
    assert on("") == ["agent", "disk"]
    assert on(f"mount -o remount,ro,size=64m {agent.state} &&") == ["agent", "disk"]
    assert on(f"mount -o remount,size=64m {agent.state} &&") == ["agent"]
    assert on(f"mount -o remount,size=64m,nr_inodes=12 {agent.state} &&") == ["agent", "disk"]


def test_status_waits_until_it_follows(folder):
    dn, agent = start(folder, interval=0)
    agent.kedged.stop()
    dn.mine(100)
    agent.kedged.start()
    code, out, err = agent.kedgectl("--timeout", "5", "status", "--wait=25")
    assert code == 0 and "following" in out and err.splitlines()[-1] == "diode: following", (code, out, err)
    agent.fetch.stop()
    agent.restart()
    code, out, err = agent.kedgectl("--timeout", "5", "status", "--wait=1")
    assert code == 4 and "starting" in out, (code, out, err)


def test_evidence_is_listed(folder):
    dn, agent = start(folder)
    assert agent.query(EVIDENCE)[0] == "unknown"
    os.mkdir(agent.state + "/evidence", 0o700)
    for i, name in enumerate(["bb.txt", "aa.txt", "cc.txt.new"]):
        with open(f"{agent.state}/evidence/{name}", "w") as f:
            f.write(f"chain diode\ntwo headers at {i}\n00ff\n")
    result, _, body = agent.query(EVIDENCE)
    assert (result, text(body), text(body[32:]), struct.unpack_from("=Q", body, 64)[0], text(body[80:])) == (
        "ok", "aa.txt", "diode", 2, "two headers at 1"), (result, body[:120])
    assert agent.query(EVIDENCE, index=2)[0] == "unknown"
    with open(agent.state + "/evidence/aa.txt", "w") as f:
        f.write("something else\n")
    assert agent.query(EVIDENCE)[0] == "invalid"


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
