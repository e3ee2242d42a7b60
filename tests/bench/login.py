"""What a login costs: the time that pam_kedge.so adds where the record is known, what the helper of sshd takes, and how soon
after a revoking block nobody gets in. The real programs on the test chain; one line a figure, which never fails the run."""
import hashlib
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import BUILD, Devnode, Folder, program, wait  # noqa: E402
from login_machine import Wallet  # noqa: E402
from login_world import SHELL, LoginAgent, role  # noqa: E402

ROUNDS, REVOCATIONS = 1000, 20
BENCH = "tests/bench/bench_login"
BLOB = bytes.fromhex("0000000b7373682d65643235353139" "00000020") + bytes(range(32))


def bench(*argv):
    r = subprocess.run([program(BENCH), *map(str, argv)], capture_output=True, text=True, timeout=200)
    print(r.stdout + r.stderr, end="", flush=True)
    return r.returncode == 0


def figure(name, ms):
    ms = sorted(ms)
    print(f"  {name:<58} median {statistics.median(ms):7.1f} ms, {ms[0]:.1f} to {ms[-1]:.1f}", flush=True)


def revocation(node, agent, confdir):
    """From the block that takes the role away, and from the head that shows it, to the first refusal, in ms."""
    p = subprocess.Popen([program(BENCH), "--until-refused", confdir, "alice"], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    node.command("clear _user.alice.role")
    mined = node.mine(8)[0] - 7  # the first shows it; a head needs two miners, who stand behind the others
    at = time.monotonic()
    wait("a head that shows it", lambda: agent.status()["head"] >= mined, every=0.002)
    accepted = time.monotonic()
    ns, said = p.stdout.readline().split(" ", 1)
    p.wait(20)
    assert said.strip() == "Permission denied", said
    refused = int(ns) / 1e9
    return (refused - at) * 1000, (refused - accepted) * 1000


def granted(node, confdir):
    node.set("_user.alice.role", role(SHELL))

    def look():
        node.mine(1)
        r = subprocess.run(["timeout", "0.2", program(BENCH), "--until-refused", confdir, "alice"],
                           capture_output=True, text=True)
        return "\n" not in r.stdout.replace("ready\n", "")
    wait("the role", look, 60)


def main(folder):
    os.chmod(folder.path, 0o755)
    node = Devnode(folder, blocks=300)
    wallet = Wallet("alice")
    node.set("_user.alice.device", wallet.record)
    node.set("_user.alice.ssh", hashlib.sha256(BLOB).digest())
    node.set("_user.alice.role", role(SHELL))
    node.mine(12)
    agent = LoginAgent(folder, node)
    confdir = folder.path + "/pam.d"
    os.mkdir(confdir)
    permit = "auth required pam_permit.so\naccount required pam_permit.so\n"
    module = f"{BUILD}/pam/pam_kedge.so {agent.options()}"
    for name, before in (("without", ""), ("with", "".join(
            f"{kind} [success=ok ignore=ignore default=bad] {module}\n" for kind in ("auth", "account")))):
        with open(f"{confdir}/{name}", "w") as f:
            f.write(before + permit)
    agent.wait_following(node.final()[0])
    granted(node, confdir)
    print(f"a login with all that libpam does for it, {ROUNDS} of each in turn:")
    ok = bench(confdir, "alice", wallet.key.hex(), ROUNDS)
    print("the helper of sshd, a run of it:")
    helper = os.path.join(BUILD, "agent/ssh/kedge-authorized-keys")
    if os.access(helper, os.X_OK):
        import base64
        ok = bench("--run", 200, "/bin/true") and bench(
            "--run", 200, helper, f"--config={agent.home}/login.conf", f"--runtime={agent.run}", "alice", "ssh-ed25519",
            base64.b64encode(BLOB).decode()) and ok
    seen = []
    for _ in range(REVOCATIONS):
        seen.append(revocation(node, agent, confdir))
        granted(node, confdir)
    print(f"a role is taken away, {REVOCATIONS} times, Poll={agent.chain['Poll']}:")
    figure("from the block to the first login refused", [a for a, _ in seen])
    figure("from the head accepted to the first login refused", [max(b, 0) for _, b in seen])
    return 0 if ok else 1


if __name__ == "__main__":
    here, status = Folder(), 1
    try:
        status = main(here)
    finally:
        here.close(status != 0)
    sys.exit(status)
