#!/usr/bin/env python3
"""kedgectl who and explain of a real agent's: the words and exit codes by which people and scripts see who may log in, and why."""
import json
import os
import subprocess
import sys

from harness import program, run
from test_desk import ZONE, CONF, bits, start
from test_ops import mine_to

USERS = "ManagedUsers=alice bob carol\n"


def who(agent, *argv):
    return agent.kedgectl("--no-color", "--config", agent.conf, "who", *argv)


def row(text, label):
    """What stands behind a label, and in the rows without one that follow."""
    found, out = False, []
    for line in text.splitlines():
        if line.startswith("  ") and line[2:14].strip():
            found = line[2:].split()[0] == label
        if found:
            out.append(line[14:].strip())
    return "\n".join(out)


def test_who_says_why_and_on_which_block(folder):
    dn, agent = start(folder, CONF.replace("ManagedUsers=alice bob\n", USERS))
    mine_to(dn, agent, 314)
    agent.wait_login("alice's role", "admitted", "alice")
    code, out, err = who(agent, "alice", "sshd", "sudo")
    assert (code, err) == (0, ""), (code, out, err)
    assert row(out, "here") == "managed: the chain decides", out
    assert row(out, "sshd").startswith("admitted: role 3 brings sshd") and "group dialout" in row(out, "sshd"), out
    assert row(out, "role") == "bits 3 7: granted" and row(out, "holds") == "bits 3 7", out
    assert row(out, "device") == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf: granted", out
    assert row(out, "record") == "_user.alice." + ZONE and "good for" in row(out, "proven"), out
    assert who(agent, "alice")[0] == 1, "login is brought by no role of hers"

    dn.set("_user.alice.role", bits(3))
    mine_to(dn, agent, 317)
    agent.wait_login("no sudo", "no role", "alice", "sudo")
    code, out, _ = who(agent, "alice", "sudo")
    assert code == 1 and row(out, "sudo").startswith("no role: "), (code, out)
    assert row(out, "role") == "finalized bits 3 7, head bits 3: " + row(out, "role").split(": ")[1], out
    assert row(out, "holds") == "bits 3" and "revoked: role" in out, out
    code, out, _ = agent.kedgectl("--json", "--config", agent.conf, "who", "alice", "sshd", "sudo")
    got = json.loads(out)
    assert code == 1 and [s["verdict"] for s in got["services"]] == ["admitted", "no role"], got
    assert got["services"][1]["bits"] == [3] and got["services"][0]["head"]["number"] >= 315, got
    assert got["explain"]["name"] == "_user.alice." + ZONE and got["max_age_ms"] > 0, got

    for field in ("role", "ssh", "device"):
        dn.command(f"clear _user.alice.{field}")
    mine_to(dn, agent, 320)
    agent.wait_login("no record", "revoked", "alice")
    code, out, _ = who(agent, "alice", "sshd")
    assert code == 5 and row(out, "sshd").startswith("revoked: "), (code, out)
    assert agent.kedgectl("explain", "_user.alice." + ZONE)[0] == 5


def test_who_exits_by_the_verdict(folder):
    _, agent = start(folder, CONF.replace("ManagedUsers=alice bob\n", USERS))
    agent.wait_login("alice's role", "admitted", "alice")
    for argv, code in ((("bob", "sshd"), 5), (("mallory",), 1), (("dave",), 1), (("alice", "su"), 1),
                       (("alice", "sshd"), 0), (("alice", "a/b"), 2)):
        got = who(agent, *argv)
        assert got[0] == code, (argv, got)
    os.chmod(agent.home + "/login.conf", 0o666)
    assert who(agent, "alice", "sshd")[0] == 4, "a file that others write is not believed"
    os.chmod(agent.home + "/login.conf", 0o644)
    as_nobody = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                program("agent/kedgectl/kedgectl"), "--config", agent.conf, "who", "alice", "sshd"],
                               capture_output=True, text=True, timeout=30,
                               env={**os.environ, "KEDGE_RUNTIME_DIR": agent.run}) if os.geteuid() == 0 else None
    # the test's folders are not for others: then it says so, and never that she may
    assert not as_nobody or as_nobody.returncode in (0, 4), as_nobody

    agent.kedged.stop()
    code, out, err = who(agent, "alice")
    assert code == 6 and "managed" in out and "does not run" in err, (code, out, err)


if __name__ == "__main__":
    sys.exit(run([test_who_says_why_and_on_which_block, test_who_exits_by_the_verdict]))
