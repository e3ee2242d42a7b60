#!/usr/bin/env python3
"""The agent on a system bus, asked by clients that others wrote: busctl, gdbus and python3-dbus."""
import ast
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

from bus_harness import BUS, ERROR, NAME, PATH, PIN, PYTHON, SOURCE, Bus, as_user, script, start
from harness import Process, run, wait


def shape(text):
    """What introspection data says of our interface, whatever its order and layout."""
    node = ET.fromstring(re.sub(r"<!DOCTYPE.*?>", "", text, flags=re.S))
    interface = [i for i in node if i.get("name") == BUS][0]
    return {(e.tag, e.get("name"), e.get("type"), e.get("access")):
            [(a.get("name"), a.get("type"), a.get("direction"), a.get("value")) for a in e] for e in interface}


def test_introspection_is_what_is_checked_in(folder):
    b, _, _ = start(folder)
    with open(SOURCE + "/docs/dbus/org.kedge.Agent1.xml") as f:
        want = shape(f.read())
    seen = b.busctl("introspect", "--xml-interface", BUS, PATH)
    assert shape(seen.stdout) == want, seen
    seen = subprocess.run(["gdbus", "introspect", "--address", b.address, "--dest", BUS, "--object-path", PATH, "--xml"],
                          capture_output=True, text=True, timeout=60)
    assert seen.returncode == 0 and all(name in seen.stdout for _, name, _, _ in want), seen
    text, error = b.call("Introspect", interface="org.freedesktop.DBus.Introspectable")
    assert not error and all(name in text for _, name, _, _ in want), (text, error)
    with open(SOURCE + "/docs/dbus/org.kedge.Agent1.md") as f:
        words = f.read()
    for _, name, _, _ in want:
        assert re.search(rf"\b{name}\b", words), f"org.kedge.Agent1.md does not know {name}"


def test_every_error_has_its_name(folder):
    b, dn, agent = start(folder)
    asked = [
        ("", "Resolve", [NAME]),
        ("Absent", "Resolve", ["nobody." + NAME]),
        ("Unknown", "Resolve", ["www.example.org"]),
        ("Refused", "Resolve", ["a..b"]),
        ("Refused", "Resolve", ["a" * 300]),
        ("", "Lookup", ["", "0x" + dn.contract.hex(), "t:0", "server_ip"]),
        ("", "Lookup", ["diode", "0x" + dn.contract.hex(), "t:0", "0x" + b"server_ip".ljust(32, b"\0").hex()]),
        ("Absent", "Lookup", ["", "0x" + dn.contract.hex(), "t:0", "nothing"]),
        ("Unknown", "Lookup", ["other", "0x" + dn.contract.hex(), "t:0", "server_ip"]),
        ("Refused", "Lookup", ["", "0x12", "t:0", "server_ip"]),
        ("Refused", "Lookup", ["", dn.contract.hex(), "t:0", "server_ip"]),
        ("Refused", "Lookup", ["", "0x" + dn.contract.hex(), "t:0", "with a space"]),
        ("Refused", "Lookup", ["c" * 32, "0x" + dn.contract.hex(), "t:0", "server_ip"]),
        ("", "GetTime", [""]),
        ("Unknown", "GetTime", ["other"]),
        ("", "GetStatus", ["diode"]),
        ("Unknown", "GetStatus", ["other"]),
        ("", "ListUpstreams", [""]),
        ("Unknown", "ListUpstreams", ["other"]),
        ("", "ListRoles", ["diode"]),
        ("Unknown", "ListRoles", ["other"]),
        ("", "ListChains", []),
        ("", "ListNetworks", []),
        ("Unknown", "ListPeers", ["plant", "", "u:0"]),
        ("Refused", "ListPeers", ["", "", "u:0"]),
        ("", "ListZones", []),
        ("Refused", "VerifyCertificate", [NAME, "y:3000"]),
    ]
    for want, member, argv in asked:
        text, error = b.call(member, *argv, user=65534)
        assert error == (ERROR + want if want else ""), (member, argv, text, error)


def test_changes_signal_what_has_changed(folder):
    b, dn, _ = start(folder)
    assert not b.call("Resolve", NAME)[1]
    seen = Process(folder, "monitor", ["busctl", "--address=" + b.address, "monitor", "--json=short", BUS])
    seen.wait_log("Monitoring")
    dn.set("server_ip", "10.7.7.7")
    dn.mine(20)
    seen.wait_log('"member":"RecordChanged"')
    seen.wait_log('"member":"HeadChanged"')


def test_nobody_changes_anything(folder):
    b, _, agent = start(folder)
    for member in ("Reload", "Flush"):
        assert b.call(member, user=65534)[1] == "org.freedesktop.DBus.Error.AccessDenied", member
        assert b.call(member) == ("", ""), member
    assert "user id 65534" not in agent.kedged.text() and "Flush: called on the bus by user id 0" in agent.kedged.text()
    wait("the name again", lambda: not b.call("Resolve", NAME)[1])


def test_the_bus_may_come_late_and_go(folder):
    _, dn, agent = start(folder, bus=False)
    agent.kedged.wait_log("the system bus cannot be reached")
    b = Bus(folder)
    wait("the agent's name on the bus", b.has_name, 60)
    assert not b.call("Resolve", NAME)[1]
    b.kill(signal.SIGKILL)
    agent.kedged.wait_log("the system bus has gone")
    os.remove(b.socket)
    assert agent.resolve()[0] == "ok"
    b.start()
    wait("the bus", b.answers)
    wait("the agent's name on the new bus", b.has_name, 60)
    assert not b.call("Resolve", NAME)[1]
    assert agent.kedged.text().count("cannot be reached") == 1, agent.kedged.text()


def test_a_bus_that_stands_still_holds_nobody_up(folder):
    """Neither while the agent is on it, nor when it starts."""
    b, dn, agent = start(folder, interval=100)
    b.p.send_signal(signal.SIGSTOP)
    final = agent.status()["final"]
    agent.wait_following(final + 10)
    assert agent.resolve("h1." + NAME)[0] == "ok"
    agent.restart(signal.SIGTERM)
    agent.wait_following(final + 10)
    assert agent.resolve("h2." + NAME)[0] == "ok"
    b.p.send_signal(signal.SIGCONT)
    wait("the agent's name on the bus", b.has_name, 90)
    assert not b.call("Resolve", NAME)[1]


def listener(folder, b, user=65534):
    """A program of somebody without rights that has subscribed."""
    seen = Process(folder, "listener", [*as_user(user), "gdbus", "monitor", "--address", b.address, "--dest", BUS])
    seen.wait_log("The name " + BUS + " is owned by")
    return seen


def mine_to(dn, agent, number):
    """Up to that block, one by one, each of them seen by the agent."""
    while dn.peak()[0] < number:
        n, _ = dn.mine()
        wait("the block to be seen", lambda: all(agent.upstream(i)["peak"] >= n for i in range(3)))


def test_a_revocation_is_signalled_when_the_disk_knows_it(folder):
    """As in test_kedged: block 315 takes the pin away, and 313 stays final meanwhile."""
    b, dn, agent = start(folder)
    mine_to(dn, agent, 314)
    agent.wait_resolve("the pin", lambda r: r[4] == [PIN])
    seen = listener(folder, b)
    dn.command("clear signature")
    mine_to(dn, agent, 317)
    seen.wait_log("Revoked ('plant-control.fleet', 'signature', 'diode', uint64 31")
    seen.wait_log("RecordChanged ('plant-control.fleet', 'diode', uint64 31")
    text = seen.text()
    assert text.index(".Revoked (") < text.index(".RecordChanged ("), text
    assert os.path.exists(agent.state + "/revocations")
    said = b.call("Explain", NAME)
    assert not said[1] and "['signature', '0x" + PIN.hex() in said[0], said
    der = certificate(folder, "peer")[0]
    assert b.call("VerifyCertificate", NAME, "y:" + der.hex())[1] == ERROR + "NoKey"


def test_a_conflict_is_signalled_and_stops_grants(folder):
    b, dn, agent = start(folder, interval=100)
    seen = listener(folder, b)
    dn.fault(0, "fork-majority", "10")
    seen.wait_log("EvidenceKept ('diode', ")
    seen.wait_log("StateChanged ('diode', 'stuck', ")
    seen.wait_log("PropertiesChanged ('org.kedge.Agent1', {'State': <'stuck'>}")
    assert b.call("Resolve", "h7." + NAME)[1] == ERROR + "Unproven"
    assert b.call("GetTime", "")[1] == ERROR + "Unproven"
    files = wait("evidence", lambda: b.call("ListEvidence", "u:0")[0].strip("[]"))
    assert "'diode'" in files, files
    assert b.call("ListEvidence", "u:64") == ("[]", "")
    assert b.call("AcceptConflict", "diode", "0x" + "11" * 32)[1] == ERROR + "Failed"
    assert b.call("AcceptConflict", "other", "0x" + "11" * 32)[1] == ERROR + "Unknown"
    assert b.call("AcceptConflict", "diode", "11" * 32)[1] == ERROR + "Refused"
    assert b.call("ImportCheckpoint", "diode", "t:500", "0x11")[1] == ERROR + "Refused"
    assert b.call("ImportCheckpoint", "diode", "t:5", "0x" + "11" * 32)[1] == ERROR + "Failed"
    number, root = dn.block(dn.command(f"header {dn.final()[0]}"))
    assert b.call("ImportCheckpoint", "diode", f"t:{number}", "0x" + root.hex()) == ("", "")
    seen.wait_log("StateChanged ('diode', 'starting', ")


def certificate(folder, name):
    """(DER, SHA-256 of its key as it stands in it)"""
    at = f"{folder.path}/{name}"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    at + ".key", "-out", at + ".der", "-outform", "DER", "-days", "1", "-subj", "/CN=x"],
                   check=True, capture_output=True)
    key = subprocess.run(["openssl", "pkey", "-in", at + ".key", "-pubout", "-outform", "DER"], check=True, capture_output=True)
    with open(at + ".der", "rb") as f:
        return f.read(), hashlib.sha256(key.stdout).digest()


def test_a_certificate_is_accepted_by_its_pin_alone(folder):
    b, dn, agent = start(folder)
    (leaf, key), (other, _) = certificate(folder, "peer"), certificate(folder, "other")
    dn.set("byleaf.signature", hashlib.sha256(leaf).digest())
    dn.set("bykey.signature", key)
    dn.set("nokey.server_ip", "10.1.2.3")
    dn.mine(20)
    for host, want in (("byleaf", hashlib.sha256(leaf).digest()), ("bykey", key)):
        agent.wait_resolve("the pin", lambda r: r[4] == [want], name=f"{host}.{NAME}")
    agent.wait_resolve("the address", lambda r: r[2] == ["10.1.2.3"], name="nokey." + NAME)
    asked = [
        ("byleaf", leaf, "certificate"), ("bykey", leaf, "key"), ("byleaf", other, "Rejected"), ("bykey", other, "Rejected"),
        ("nokey", leaf, "NoKey"), ("nobody", leaf, "Absent"), ("bykey", leaf[:-1], "Refused"), ("bykey", leaf + b"0", "Refused"),
        ("bykey", b"", "Refused"), ("bykey", b"0" * 16385, "Refused"), ("by..key", leaf, "Refused"),
    ]
    for host, der, want in asked:
        text, error = b.call("VerifyCertificate", f"{host}.{NAME}", "y:" + der.hex(), user=65534)
        assert (f"'{want}'" in text) if not error else error == ERROR + want, (host, want, text, error)


def test_what_cannot_be_proven_is_told_apart(folder):
    b, dn, agent = start(folder)
    dn.set("odd.port", b"\xff" * 32)
    dn.set("_user.alice.role", bytes(31) + b"\x09")
    dn.mine(20)
    wait("an answer", lambda: b.call("Resolve", "odd." + NAME)[1] == ERROR + "Invalid")
    assert not b.call("Resolve", NAME)[1]
    alice = "_user.alice." + NAME
    said = wait("the record", lambda: [t for t, e in [b.call("Explain", alice)] if not e or e != ERROR + "Unproven"])[0]
    assert "'ok'" in said and "'role'" in said and "00000009'" in said and "server_ip" not in said, said
    for method, name in [("Resolve", alice), ("Explain", "_user.Alice." + NAME)]:
        assert b.call(method, name)[1] == ERROR + "Refused", (method, name, b.call(method, name))
    assert b.call("Explain", "_user." + NAME)[1] == ERROR + "Unknown"
    dn.fault("all", "withhold")
    assert b.call("Resolve", "new." + NAME)[1] == ERROR + "Unproven"
    agent.fetch.kill()
    assert b.call("Resolve", "newer." + NAME)[1] == ERROR + "Unreachable"
    assert not b.call("Resolve", NAME)[1], "what was proven is still served"
    text, error = b.call("Explain", NAME, user=65534)
    assert not error and "'server_ip'" in text, (text, error)
    assert b.call("Explain", "www.example.org")[1] == ERROR + "Unknown"
    agent.roles = "[names]\nMaxAge=1s\n[tls]\nMaxAge=1s"
    agent.write_config()
    assert b.call("Reload") == ("", "")
    wait("the name to be stale", lambda: b.call("Resolve", NAME)[1] == ERROR + "Stale")
    agent.roles = "[names]\nMaxAge=none"
    agent.write_config()
    assert b.call("Reload")[1] == ERROR + "Failed"
    agent.roles, agent.chain["MaxGap"] = "", "4999"
    agent.write_config()
    assert b.call("Reload")[1] == ERROR + "NeedsRestart"


def test_watched_names_are_told_piece_by_piece(folder):
    b, dn, _ = start(folder)
    names = sorted(f"h{i}.{NAME}" for i in range(5))
    for name in names:
        assert not b.call("Resolve", name)[1]
    seen, after = [], ""
    while True:
        text, error = b.call("ListWatched", after, "u:2", user=65534)
        assert not error, error
        rows, after = ast.literal_eval(text)
        seen += [(r[0], r[2]) for r in rows]
        assert len(rows) <= 2 and (not after or after == rows[-1][0])
        if not after:
            break
    assert seen == [(name, "ok") for name in names], seen
    rows, after = ast.literal_eval(b.call("ListWatched", "", "u:0")[0])
    assert len(rows) == 5 and after == "", (rows, after)
    assert b.call("ListWatched", "a" * 254, "u:0")[1] == ERROR + "Refused"


def flood(folder, b, kind, seconds, name=NAME, user=65534):
    n = len(folder.processes)
    return Process(folder, f"flood-{kind}-{n}", [*as_user(user), PYTHON, "-c", script("bus_flood.py"), b.address, kind,
                                                str(seconds), name])


def slowest(what, seconds):
    """The longest that what() has taken, again and again for so long."""
    end, worst, n = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        begun = time.monotonic()
        what()
        worst, n = max(worst, time.monotonic() - begun), n + 1
        time.sleep(0.02)  # as one who keeps to what he may ask
    return worst, n


def test_a_flood_of_one_user_leaves_the_others_their_answers(folder):
    """Each kind of it, and both together: another user's calls are answered within the deadline that callers have."""
    b, dn, agent = start(folder, interval=200)
    said = []
    calm = max(slowest(agent.resolve, 1)[0], slowest(lambda: b.busctl("status", BUS), 1)[0] / 4)  # of a machine that others use, too
    client = subprocess.Popen([PYTHON, "-c", script("bus_slowest.py"), b.address, NAME, "7"], stdout=subprocess.PIPE, text=True)
    floods = [flood(folder, b, kind, 7) for kind in ("blind", "answered", "answered", "big")]
    socket = slowest(lambda: said.append(agent.resolve()[0]), 6)
    worst, n, errors = client.communicate(timeout=60)[0].split()
    limit = max(5, 50 * calm)
    assert errors == "0" and float(worst) < limit and int(n) > 2 and socket[0] < limit, (worst, n, errors, socket, calm)
    assert set(said) == {"ok"}, set(said)
    for f in floods:
        assert f.p.wait(60) == 0, f.text()
    said = {f.name.split("-")[1]: int(f.text()) for f in floods}
    assert said["answered"] > 0 and said["big"] > 0 and said["blind"] > 1000, said
    print(f"  slowest answer on the bus {float(worst):.3f} s of {n}, on the socket {socket[0]:.3f} s of {socket[1]}; {said}")
    with open(f"/proc/{agent.kedged.p.pid}/status") as f:
        kept = {line.split(":")[0]: int(line.split()[1]) for line in f if line.startswith(("VmHWM", "VmRSS", "RssAnon"))}
    print(f"  {kept} kB")
    assert kept["RssAnon"] < 16 << 10, f"messages of 24 MB are kept: {kept}"
    assert agent.kedged.alive() and not b.call("Resolve", NAME)[1]


def test_an_answer_that_costs_nothing_is_charged_too(folder):
    b, _, _ = start(folder)
    for user, interface in ((65534, BUS), (2, "org.freedesktop.DBus.Properties")):
        asked = flood(folder, b, "free", 20, name=interface, user=user)
        assert asked.p.wait(60) == 0 and asked.text().strip() == ERROR + "LimitsExceeded", (interface, asked.text())
    assert b.call("GetStatus", "no-such-chain", user=1)[1] == ERROR + "Unknown"


def test_who_goes_away_makes_no_room_for_more(folder):
    """What the chain is asked for stays on the user's account until it ends, after 10 s here; others are not touched."""
    b, dn, agent = start(folder, RequestTimeout="30s")
    assert not b.call("Resolve", NAME)[1]
    dn.fault("all", "silent")
    for _ in range(5):
        begun = time.monotonic()
        asked = flood(folder, b, "open", 1)
        assert asked.p.wait(60) == 0 and asked.text().strip() == ERROR + "LimitsExceeded", asked.text()
        said = b.call("Resolve", "one-more." + NAME, user=65534)
        if time.monotonic() - begun < 9:  # else the questions of the one who went may have ended
            break
    assert said[1] == ERROR + "LimitsExceeded", said
    assert not b.call("Resolve", NAME, user=65534)[1], "what is known costs no look-up"
    said = b.call("Resolve", "other." + NAME, user=1)
    assert said[1] in (ERROR + "Unproven", ERROR + "Unreachable"), said


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
