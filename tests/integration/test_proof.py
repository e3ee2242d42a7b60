#!/usr/bin/env python3
"""Answers that carry their own proof: kedgectl explain --proof on a machine with an agent, kedgectl verify on one
without, on both chains."""
import base64
import hashlib
import json
import os
import subprocess
import sys
import time

import test_ethereum as ens
from harness import Agent, Devnode, EthAgent, Ethnode, Skip, program, run, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))


def fill(node):
    node.set("server_ip", "10.1.2.3")
    node.set("signature", PIN)
    node.mine(25)
    return node


def diode(folder, **keys):
    dn = fill(Devnode(folder))
    agent = Agent(folder, dn, **keys)
    agent.wait_following()
    agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])
    return dn, agent


def ethereum(folder):
    en = fill(Ethnode(folder, lag=300))
    agent = EthAgent(folder, en)
    agent.wait_following()
    agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])
    return en, agent


def explain(agent, path, *more, name=NAME):
    return ctl(agent, "explain", name, "--proof", path, *more)


def ctl(agent, *argv, **options):
    p = subprocess.run([program("agent/kedgectl/kedgectl"), *argv], capture_output=True, text=True, timeout=120,
                       env={**os.environ, "KEDGE_RUNTIME_DIR": agent.run, **agent.tool_env()}, **options)
    return p.returncode, p.stdout, p.stderr


def elsewhere(folder, path, *argv, networks=None):
    """On a machine without the agent, its folders and a network: only the file is there, and the program."""
    if os.geteuid() != 0:
        raise Skip("makes namespaces, so it must be root")
    env = {k: v for k, v in os.environ.items() if not k.startswith("KEDGE_")}
    env["KEDGE_RUNTIME_DIR"] = "/run/kedge"
    if networks:
        env["KEDGE_NETWORKS_DIR"] = "/run/networks.d"
    script = f"""mount -t tmpfs none /run && mkdir /run/kedge /run/networks.d && cp {path} /run/bundle &&
                 {f'cp {networks}/* /run/networks.d &&' if networks else ''}
                 exec "$@" """
    p = subprocess.run(["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", script, "sh",
                        program("agent/kedgectl/kedgectl"), *argv, "verify", "/run/bundle"],
                       capture_output=True, text=True, timeout=120, env=env)
    return p.returncode, p.stdout, p.stderr


def made(agent, path, *more, name=NAME):
    code, out, err = explain(agent, path, *more, name=name)
    assert code == 0, (code, out, err)
    return [line for line in out.splitlines() if "stands on" in line][0].split()[-1]


def test_a_bundle_of_diode_is_verified_without_an_agent(folder):
    dn, agent = diode(folder)
    path = folder.path + "/bundle"
    checkpoint = made(agent, path)
    assert checkpoint == dn.info["CHECKPOINT"] and os.path.getsize(path) < 300000, checkpoint

    code, out, err = ctl(agent, "verify", path)
    assert code == 0 and "on which this machine's agent stands" in out and "word alone" not in out, (code, out, err)
    code, out, err = elsewhere(folder, path, "--checkpoint", checkpoint)
    assert code == 0 and "10.1.2.3" in out and "0x" + PIN.hex() in out, (code, out, err)
    assert "as --checkpoint says" in out and "the bundle's word alone" in out and "not that it is so now" in out, out
    code, out, err = elsewhere(folder, path, "--json", "--checkpoint", checkpoint, "--contract", dn.info["CONTRACT"])
    said = json.loads(out)
    assert code == 0 and said["zone_by"] == "caller" and said["trusted_by"] == "caller", out
    status = agent.status()
    assert said["finalized"]["number"] <= status["final"] and said["head"]["number"] >= status["final"], (said, status)

    # A configuration says whose the zone is, and on which chain: the same contract on another one is another's.
    with open(agent.conf) as f:
        written = f.read()
    for text, want in [(written, 0), (written.replace("ChainId=", "ChainId=1"), 4)]:
        with open(folder.path + "/own.conf", "w") as f:
            f.write(text)
        p = subprocess.run([program("agent/kedgectl/kedgectl"), "--config", folder.path + "/own.conf", "--checkpoint", checkpoint, "verify", path],
                           capture_output=True, text=True, timeout=60, env={**os.environ, "KEDGE_RUNTIME_DIR": folder.path + "/nobody"})
        assert p.returncode == want and (want == 0 or "another one" in p.stderr), (want, p.returncode, p.stdout, p.stderr)

    with open(agent.state + "/device.key", "rb") as f:  # nothing of ours is in it
        key = f.read()
    with open(path, "rb") as f:
        text = f.read()
    assert key[-32:] not in text and key.strip() not in text


def test_a_bundle_of_ethereum_is_verified_without_an_agent(folder):
    en, agent = ethereum(folder)
    path = folder.path + "/bundle"
    checkpoint = made(agent, path)
    assert checkpoint == en.info["CHECKPOINT"], checkpoint
    code, out, err = ctl(agent, "verify", path)
    assert code == 0 and "10.1.2.3" in out, (code, out, err)
    code, out, err = elsewhere(folder, path, "--checkpoint", checkpoint, networks=en.networks)
    assert code == 0 and "0x" + PIN.hex() in out, (code, out, err)
    code, _, err = elsewhere(folder, path, "--checkpoint", checkpoint)
    assert code == 4 and "does not know the network ethnode" in err, (code, err)

    with open(en.networks + "/ethnode.conf") as f:  # a file of that name, of another network
        other = f.read()
    os.mkdir(folder.path + "/other")
    with open(folder.path + "/other/ethnode.conf", "w") as f:
        f.writelines("GenesisValidatorsRoot=0x" + "77" * 32 + "\n" if line.startswith("GenesisValidatorsRoot=")
                     else line for line in other.splitlines(keepends=True))
    code, _, err = elsewhere(folder, path, "--checkpoint", checkpoint, networks=folder.path + "/other")
    assert code == 4 and "of another network" in err, (code, err)

    absent = folder.path + "/absent"
    made(agent, absent, name="nobody." + NAME)
    code, out, _ = elsewhere(folder, absent, "--checkpoint", checkpoint, networks=en.networks)
    assert code == 5 and "proven absent" in out, (code, out)
    code, out, err = explain(agent, path, "--checkpoint", "0x" + "ab" * 32)
    assert code in (1, 4) and not os.path.exists(path + ".new"), (code, out, err)


def test_what_logins_stand_on_is_proven_too(folder):
    """By name, with its own fields; and what a bundle says of whose record it is must fit."""
    dn = fill(Devnode(folder))
    dn.set("_user.alice.role", (9).to_bytes(32, "big"))
    dn.set("gw1.ssh_host", PIN)
    dn.set("gw1.wg_key", PIN)
    dn.set("gw1.wg_endpoint", "192.0.2.1")
    dn.mine(25)
    agent = Agent(folder, dn)
    agent.wait_following()
    path = folder.path + "/bundle"
    name = "_user.alice." + NAME
    checkpoint = made(agent, path, name=name)
    code, out, err = ctl(agent, "verify", path)
    assert code == 0 and "_user.alice" in out and "word alone" not in out, (code, out, err)
    code, out, err = elsewhere(folder, path, "--json", "--checkpoint", checkpoint)
    said = {f["field"]: f for f in json.loads(out)["fields"]}
    assert code == 0 and int(said["role"]["means"], 16) == 9 and len(said) == 6, (code, out, err)
    with open(path, "rb") as f:
        good = f.read()
    for host_n in [0, 4, 5, 6, len(name) - 6]:
        changed = bytearray(good)
        assert changed[473] == len("_user.alice")
        changed[473] = host_n
        changed[-32:] = hashlib.sha256(changed[:-32]).digest()
        with open(path, "wb") as f:
            f.write(changed)
        code, out, err = ctl(agent, "verify", path)
        assert code == 4 and "not verified" in err, (host_n, code, out, err)
    made(agent, path, name="_ssh.gw1." + NAME)
    code, out, err = ctl(agent, "verify", path)
    assert code == 0 and PIN.hex() in out and "ssh_host" in out, (code, out, err)
    made(agent, path, name="_wg.gw1." + NAME)
    code, out, err = ctl(agent, "verify", path)
    assert code == 0 and base64.b64encode(PIN).decode() in out and "192.0.2.1" in out, (code, out, err)
    made(agent, path, name="_user.bob." + NAME)
    assert ctl(agent, "verify", path)[0] == 5
    for refused in ["_user." + NAME, "_zone." + NAME, "_user.alice.example.org"]:
        assert explain(agent, path + ".no", name=refused)[0] == 1, refused


def test_a_name_of_ens_is_proven_as_it_is(folder):
    en = Ethnode(folder, lag=300)
    en.command(f"code {ens.REGISTRY} 0x{'11' * 32}")
    en.command(f"code {ens.RESOLVER} {ens.RESOLVER_CODE}")
    ens.ens_resolver(en, "pump1.alice.eth", ens.RESOLVER)
    ens.ens_text(en, "pump1.alice.eth", "server_ip", "10.5.5.5")
    ens.ens_text(en, "pump1.alice.eth", "signature", "0x" + PIN.hex())
    unknown = "0x" + "ab" * 20
    en.command(f"code {unknown} 0x{'cd' * 32}")
    ens.ens_resolver(en, "pump2.alice.eth", unknown)
    en.mine(25)
    agent = EthAgent(folder, en)
    agent.kedged.stop()
    agent.more = ["[Zone alice.eth]", "Kind=ens", "Chain=ethnode"]
    agent.write_config()
    agent.kedged.start()
    agent.wait_resolve("the ENS name", lambda r: r[0] == "ok" and r[4] == [PIN], "pump1.alice.eth")
    path = folder.path + "/bundle"
    checkpoint = made(agent, path, name="pump1.alice.eth")
    code, out, err = ctl(agent, "verify", path)
    assert code == 0 and "the name itself is proven" in out and "10.5.5.5" in out, (code, out, err)
    code, out, err = elsewhere(folder, path, "--json", "--checkpoint", checkpoint, networks=en.networks)
    assert code == 0 and json.loads(out)["kind"] == "ens" and "0x" + PIN.hex() in out, (code, out, err)
    code, _, err = ctl(agent, "verify", path, "--contract", en.info["CONTRACT"])
    assert code == 4 and "a name of ENS" in err, (code, err)

    # Another name, in the head or in the questions, is another walk: the answers do not fit.
    with open(path, "rb") as f:
        good = f.read()
    for at in [217, 221, len(good) // 2, len(good) - 60]:
        changed = bytearray(good)
        changed[at] ^= 1
        changed[-32:] = hashlib.sha256(changed[:-32]).digest()
        with open(path, "wb") as f:
            f.write(changed)
        code, out, err = ctl(agent, "verify", path)
        assert code == 4 and "not verified" in err, (at, code, out, err)

    begun = time.monotonic()
    code, _, err = explain(agent, path, name="pump2.alice.eth")
    assert code == 4 and "resolver is not known" in err, (code, err)
    assert time.monotonic() - begun < 40, "what is proven is not asked for again"


def test_what_is_not_trusted_is_not_verified(folder):
    dn, agent = diode(folder)
    path = folder.path + "/bundle"
    checkpoint = made(agent, path)
    number, root = checkpoint.split(":")

    code, _, err = elsewhere(folder, path)
    assert code == 4 and checkpoint in err and "if you trust that block" in err, (code, err)
    for wrong in [f"{number}:0x{'00' * 31}01", f"{int(number) + 1}:{root}", root]:
        code, _, err = elsewhere(folder, path, "--checkpoint", wrong)
        assert code == 4 and "it stands on checkpoint" in err, (wrong, code, err)
    for nonsense in ["0", "12:0x00", "0x12", f"x:{root}", f":{root}", f"{number}:", ""]:
        assert elsewhere(folder, path, "--checkpoint", nonsense)[0] == 2, nonsense
    code, _, err = elsewhere(folder, path, "--checkpoint", checkpoint, "--contract", "0x" + "11" * 20)
    assert code == 4 and "another one" in err, (code, err)
    code, _, err = elsewhere(folder, path, "--checkpoint", checkpoint, "--contract", dn.info["CONTRACT"], "--slot", "1")
    assert code == 4 and "another one" in err, (code, err)
    assert elsewhere(folder, "/dev/null", "--checkpoint", checkpoint)[0] == 4
    assert ctl(agent, "verify", folder.path + "/nothing")[0] == 1
    assert ctl(agent, "verify")[0] == 2

    # A block that the agent has final is where another bundle may begin.
    final = agent.status()
    own = f"{final['final']}:0x{final['final_hash'].hex()}"
    assert made(agent, path, "--checkpoint", own) == own
    code, out, err = elsewhere(folder, path, "--checkpoint", own)
    assert code == 0, (code, out, err)
    code, _, err = explain(agent, path, "--checkpoint", "50:0x" + "12" * 32)
    assert code == 1 and "no client can begin" in err, (code, err)


def test_a_changed_bundle_is_refused(folder):
    _, agent = diode(folder)
    path = folder.path + "/bundle"
    checkpoint = made(agent, path)
    with open(path, "rb") as f:
        good = f.read()

    def verify(data):
        with open(path, "wb") as f:
            f.write(data)
        return ctl(agent, "verify", path, "--checkpoint", checkpoint)

    assert verify(good)[0] == 0
    for at in [0, 9, 10, 40, 117, 217, 475, 5000, len(good) // 2, len(good) - 33, len(good) - 1]:
        changed = bytearray(good)
        changed[at] ^= 4
        code, _, err = verify(bytes(changed))
        assert code == 4 and "not verified" in err, (at, code, err)
        assert at < 11 or "damaged" in err, (at, err)

    # With the checksum mended the player has to find out: the contract, the slot, a header, a proof.
    for at in [113, 112, 41, 5000, len(good) - 100]:
        changed = bytearray(good)
        changed[at] ^= 4
        changed[-32:] = hashlib.sha256(changed[:-32]).digest()
        code, _, err = verify(bytes(changed))
        assert code == 4 and "not verified" in err and "damaged" not in err, (at, code, err)
    for cut in [good[:100], good[:-1], good[:len(good) // 2], b"", good + b"\0"]:
        assert verify(cut)[0] == 4
    cut = good[:len(good) // 2]
    assert verify(cut + hashlib.sha256(cut).digest())[0] == 4


def test_nodes_that_lie_are_in_the_transcript_and_change_nothing(folder):
    dn, agent = diode(folder)
    path = folder.path + "/bundle"
    dn.fault(0, "wrong-proof")
    dn.fault(1, "forged-signature")
    dn.mine(3)
    checkpoint = made(agent, path)
    code, out, err = elsewhere(folder, path, "--checkpoint", checkpoint)
    assert code == 0 and "10.1.2.3" in out, (code, out, err)


def test_a_checkpoint_that_nobody_serves_is_given_up_for_where_the_agent_stands(folder):
    dn, agent = diode(folder)
    final = agent.wait_status("final above the checkpoint's hundred",
                              lambda s: s["final"] > int(dn.info["CHECKPOINT"].split(":")[0]) + 100 or not dn.mine(20))
    agent.checkpoint = dn.info["CHECKPOINT"][:-2] + "00"
    agent.write_config()
    agent.restart()
    agent.wait_following(final["final"])
    path = folder.path + "/bundle"
    assert int(made(agent, path).split(":")[0]) >= final["final"]


def start_explain(agent, path, **options):
    return subprocess.Popen([program("agent/kedgectl/kedgectl"), "explain", NAME, "--proof", path],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "KEDGE_RUNTIME_DIR": agent.run}, **options)


def test_one_at_a_time_and_given_up_with_whoever_asked(folder):
    dn, agent = diode(folder)
    path = folder.path + "/bundle"
    dn.fault("all", "withhold")
    first = start_explain(agent, path)

    def busy():
        code, _, err = explain(agent, path + "2", "--timeout", "1")
        return code == 1 and "one at a time" in err
    agent.kedged.wait_log("proof bundle: begun")
    wait("the second to be told so", busy, 30)
    first.kill()
    first.wait(20)
    agent.kedged.wait_log("whoever asked has gone")
    dn.fault("all", "none")
    agent.wait_following()
    assert made(agent, path) == dn.info["CHECKPOINT"]

    # An agent that is killed meanwhile leaves no half a file.
    dn.fault("all", "withhold")
    os.unlink(path)
    second = start_explain(agent, path)
    wait("the third to begin", lambda: agent.kedged.text().count("proof bundle: begun") == 3, 30)
    agent.kedged.kill()
    _, err = second.communicate(timeout=60)
    assert second.returncode == 6 and not os.path.exists(path) and not os.path.exists(path + ".new"), err


def test_only_root_and_the_agents_user_may_ask(folder):
    if os.geteuid() != 0:
        raise Skip("becomes nobody, so it must be root")
    _, agent = diode(folder)
    os.chmod(folder.path, 0o755)
    os.makedirs(folder.path + "/nobodys", mode=0o777)
    os.chmod(folder.path + "/nobodys", 0o777)

    def become():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    code, _, err = ctl(agent, "explain", NAME, "--proof", folder.path + "/nobodys/b", preexec_fn=become)
    assert code == 1 and "only root and the agent's own user" in err, (code, err)
    assert not os.listdir(folder.path + "/nobodys")

    # To verify what another has made, nobody needs to be anybody.
    path = folder.path + "/bundle"
    checkpoint = made(agent, path)
    code, out, err = ctl(agent, "verify", path, "--checkpoint", checkpoint, preexec_fn=become)
    assert code == 0, (code, out, err)


if __name__ == "__main__":
    sys.exit(run([f for n, f in list(globals().items()) if n.startswith("test_")]))
