#!/usr/bin/env python3
"""The eight lines, for real: plant-control over the agent, kedge-fetch and a chain of the test node. The server whose key
stands in the contract is accepted; an impostor with all that a CA can give is refused; a key that is cleared on chain is
refused once that head is accepted."""
import json
import os
import re
import subprocess
import sys

from harness import Devnode, Process, program, run, wait

NAME = "plant-control.fleet"


class Stack:
    """The test node, kedged and kedge-fetch."""

    def __init__(self, folder):
        self.folder, at = folder, folder.path
        self.dn = Devnode(folder)
        self.env = {"KEDGE_RUNTIME_DIR": at + "/run", "KEDGE_STATE_DIR": at + "/state"}
        os.mkdir(at + "/run", 0o755)
        os.mkdir(at + "/state", 0o755)
        with open(at + "/kedged.conf", "w") as f:
            f.write(f"[Agent]\nStateDirectory={at}/state\nRuntimeDirectory={at}/run\nBus=no\n"
                    f"[Chain diode]\nBackend=blockquick\nChainId={self.dn.info['CHAIN_ID']}\n"
                    f"Checkpoint={self.dn.info['CHECKPOINT']}\nFleet={self.dn.info['FLEET']}\n"
                    + "".join(f"Upstream={u}\n" for u in self.dn.nodes) +
                    "Poll=200ms\nRequestTimeout=5s\nRestTime=1s\n"
                    f"[Zone {NAME}]\nChain=diode\nContract={self.dn.info['CONTRACT']}\nSlot=0\n")
        self.kedged = Process(folder, "kedged", [program("agent/kedged/kedged"), f"--config={at}/kedged.conf"])
        wait("the agent's socket", lambda: os.path.exists(at + "/run/fetch.sock"))
        self.fetch = Process(folder, "fetch", [program("agent/fetch/kedge-fetch"), f"--socket={at}/run/fetch.sock"])

    def call(self, path, *args):
        p = subprocess.run([program(path), *args], env={**os.environ, **self.env}, capture_output=True, text=True,
                           timeout=60, check=False)
        return p.returncode, p.stdout + p.stderr

    def ctl(self, *args):
        return self.call("agent/kedgectl/kedgectl", *args)

    def control(self):
        return self.call("docs/examples/plant-control", self.dn.info["CONTRACT"], NAME)

    def last(self, *args):
        return lambda: f"{args}, which says now: {self.ctl(*args)}"

    def wait_ctl(self, code, *args):
        return wait(self.last(*args), lambda: (r := self.ctl(*args))[0] == code and r, timeout=60, every=0.2)

    def settle(self, block):
        """Mines until block is final, and waits for the agent to know."""
        while self.dn.final()[0] < block:
            self.dn.mine(5)

        def knows():
            out = json.loads(self.ctl("--json", "status")[1])
            return out["result"] == "ok" and out["chains"][0]["finalized"]["number"] >= block
        wait(lambda: f"block {block} to be final: {self.ctl('status')}", knows, timeout=60, every=0.2)


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder.path, check=True, capture_output=True, timeout=60)


def make_certificates(folder):
    openssl(folder, "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "plant.key", "-out", "plant.pem",
            "-days", "30", "-subj", "/CN=" + NAME)
    openssl(folder, "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "30", "-subj", "/CN=Root")
    openssl(folder, "req", "-newkey", "ed25519", "-nodes", "-keyout", "impostor.key", "-out", "impostor.csr",
            "-subj", "/CN=" + NAME)
    with open(folder.path + "/ext", "w") as f:
        f.write(f"subjectAltName=DNS:{NAME}\n")
    openssl(folder, "x509", "-req", "-in", "impostor.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "30", "-extfile", "ext", "-out", "impostor.pem")
    openssl(folder, "verify", "-CAfile", "ca.pem", "-verify_hostname", NAME, "impostor.pem")


def start_server(folder, who, port=0):
    server = Process(folder, f"server{len(folder.processes)}-{who}", [program("docs/examples/plant-server"), "127.0.0.1", str(port),
                                               f"{folder.path}/{who}.pem", f"{folder.path}/{who}.key"])
    line = wait(f"the server {who}: {server.text()}",
                lambda: re.search(r"server_ip=(\S+) port=(\d+) signature=0x([0-9a-f]{64})\n", server.text()))
    return server, int(line[2]), bytes.fromhex(line[3])


def publish(stack, port, signature):
    stack.dn.set("server_ip", "127.0.0.1")
    stack.dn.set("port", port.to_bytes(32, "big"))
    stack.dn.set("signature", signature)
    block, _ = stack.dn.mine()
    stack.settle(block)


def test_the_key_in_the_contract_and_nobody_else(folder):
    stack = Stack(folder)
    make_certificates(folder)
    server, port, signature = start_server(folder, "plant")
    publish(stack, port, signature)

    code, text = stack.control()
    assert code == 0 and "accepted: " in text and "pump 1 is running" in text, (code, text)
    assert "127.0.0.1, port %d" % port in text, text
    code, text = stack.wait_ctl(0, "query", NAME)
    assert "0x" + signature.hex() in text and f"port        {port}" in text, text

    server.kill()
    impostor, _, _ = start_server(folder, "impostor", port)
    code, text = stack.control()
    assert code == 4 and "refused: " in text and "pump 1" not in text, (code, text)
    impostor.kill()

    server, _, _ = start_server(folder, "plant", port)
    assert stack.control()[0] == 0
    stack.dn.command("clear signature")
    cleared, _ = stack.dn.mine()
    stack.dn.mine(3)  # a head that several miners stand on
    code, text = wait(lambda: f"the revocation: {stack.control()}",
                      lambda: (r := stack.control())[0] != 0 and r, timeout=60, every=0.2)
    assert code == 5 and "accepted" not in text, (code, text)
    assert stack.dn.final()[0] < cleared, "the block was final already: this has not shown what it should"
    stack.settle(stack.dn.peak()[0])
    code, text = stack.control()
    assert code == 5 and "signature" in text, (code, text)
    assert "pin " not in stack.ctl("query", NAME)[1]


def test_without_the_agent_nobody_is_called(folder):
    stack = Stack(folder)
    stack.wait_ctl(0, "status")
    code, text = stack.control()
    assert code == 5 and "server_ip" in text, (code, text)
    code, text = stack.ctl("query", "pump1." + NAME)
    assert code == 5, (code, text)
    stack.kedged.stop()
    code, text = stack.control()
    assert code == 6 and "start kedged" in text, (code, text)
    assert stack.ctl("status")[0] == 6


if __name__ == "__main__":
    sys.exit(run([f for n, f in list(globals().items()) if n.startswith("test_")]))
