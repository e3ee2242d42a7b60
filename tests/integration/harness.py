"""Programs under test, each in a private folder, always stopped. A test is a function test_*; it is
called with a Folder. Waiting is polling with a deadline, never a sleep of a hoped-for length."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.environ.get("KEDGE_BUILD", os.path.join(os.getcwd(), "build"))
SKIP = 77


class Skip(Exception):
    pass


def program(path):
    full = os.path.join(BUILD, path)
    if not os.access(full, os.X_OK):
        raise Skip(f"{path} is not built")
    return full


def wait(what, check, timeout=20, every=0.02):
    """The first true result of check(); an assertion names what did not come."""
    end = time.monotonic() + timeout
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for: {what() if callable(what) else what}")
        time.sleep(every)


class Process:
    def __init__(self, folder, name, argv, env=None):
        self.name, self.log = name, os.path.join(folder.path, name + ".log")
        self.argv, self.env = argv, env
        folder.processes.append(self)
        self.p = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      env={**os.environ, **(self.env or {})})

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def alive(self):
        return self.p.poll() is None

    def kill(self, sig=signal.SIGKILL):
        if self.alive():
            self.p.send_signal(sig)
        return self.p.wait(20)

    def stop(self):
        return self.kill(signal.SIGTERM)

    def wait_log(self, text, timeout=20):
        wait(lambda: f"'{text}' in the log of {self.name}", lambda: text in self.text(), timeout)


class Folder:
    """A private folder and everything that runs in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="kedge-test.", dir=os.environ.get("TMPDIR"))
        self.processes = []

    def close(self, failed):
        ends = {p.name: p.p.poll() for p in self.processes}
        for p in reversed(self.processes):
            if p.alive():
                p.kill()
            if failed:
                end = "runs" if ends[p.name] is None else f"ended by itself, status {ends[p.name]}"
                sys.stderr.write(f"--- {p.name} ({end})\n" + "\n".join(p.text().splitlines()[-60:]) + "\n")
        shutil.rmtree(self.path, ignore_errors=True)


class TestNode(Process):
    """A program that shows a chain and is steered by a control socket."""

    PROGRAM = ""

    def __init__(self, folder, name, env=None, **options):
        self.info_file = os.path.join(folder.path, name + ".info")
        self.control_file = os.path.join(folder.path, name + ".ctl")
        super().__init__(folder, name, [program(self.PROGRAM), "--info=" + self.info_file,
                                        "--control=" + self.control_file,
                                        *[f"--{k.replace('_', '-')}={v}" for k, v in options.items()]], env)
        wait("the test node to be ready", lambda: os.path.exists(self.info_file))
        with open(self.info_file) as f:
            self.info = dict(line.strip().split("=", 1) for line in f)
        self.contract = bytes.fromhex(self.info["CONTRACT"][2:])
        self.nodes = [self.info[f"NODE{i}"] for i in range(int(self.info["NODES"]))]

    def command(self, line):
        """The answer without its ok; AssertionError for an error."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.control_file)
            s.sendall(line.encode() + b"\n")
            answer = s.makefile().readline().strip()
        assert answer.startswith("ok"), f"{line}: {answer}"
        return answer[3:]

    def block(self, answer):
        words = answer.split()
        return int(words[0]), bytes.fromhex(words[1][2:])

    def peak(self):
        return self.block(self.command("peak"))

    def final(self):
        return self.block(self.command("final"))

    def mine(self, n=1):
        return self.block(self.command(f"mine {n}"))

    def set(self, key, value):
        text = f'text "{value}"' if isinstance(value, str) else "0x" + value.hex()
        return self.command(f"set {key} {text}")

    def fault(self, node, kind, arg=""):
        return self.command(f"fault {node} {kind} {arg}".strip())

    def stats(self, node):
        return {k: v for k, v in (w.split("=", 1) for w in self.command(f"stats {node}").split())}


class Devnode(TestNode):
    PROGRAM = "tests/devnode/kedge-devnode"

    def __init__(self, folder, name="devnode", **options):
        super().__init__(folder, name, **{"accounts": 300, "slots": 100, **options})
        self.fleet = bytes.fromhex(self.info["FLEET"][2:])


class Ethnode(TestNode):
    PROGRAM = "tests/ethnode/kedge-ethnode"

    def __init__(self, folder, name="ethnode", **options):
        """The network's file stands in a folder of its own, as kedged wants it."""
        self.networks = os.path.join(folder.path, name + ".networks.d")
        os.mkdir(self.networks)
        super().__init__(folder, name, network=self.networks + "/" + name + ".conf", **options)

    def root(self, slot):
        words = self.command(f"header {slot}").split()
        return dict(w.split("=", 1) for w in words[2:])["root"]


STATES = ["starting", "following", "behind", "stale", "stuck"]
RESULTS = ["unproven", "ok", "absent", "stale", "refused", "unknown", "invalid", "denied"]
RESOLVE, LOOKUP, TIME, STATUS, UPSTREAM, ZONE = range(1, 7)
LOGIN, CHALLENGE, RESPONSE, KEY = range(13, 17)
# enum login_verdict of lib/wire/login.h
VERDICTS = ["not proven", "admitted", "stale", "denied here", "no record", "revoked", "no role", "another key",
            "bad signature", "bad challenge", "expired", "answered before", "invalid record"]
# lib/wire/query.h: QUERY_MAGIC, QUERY_VERSION, sizeof(struct query_reply)
QUERY_MAGIC, QUERY_VERSION, REPLY_SIZE = 0x4b454447, 5, 1184


def text(raw):
    return raw.split(b"\0")[0].decode()


class Agent:
    """kedged and kedge-fetch on their own configuration, asked over the query socket as it is
    laid out in lib/wire/query.h."""

    ZONE_NAME, CHAIN = "plant-control.fleet", "diode"
    BUS = "no"  # the machine's own bus is none of a test's business

    def __init__(self, folder, dn, upstreams=None, checkpoint=None, name="agent", **chain):
        self.folder, self.dn = folder, dn
        self.home = os.path.join(folder.path, name)
        self.run, self.state = self.home + "/run", self.home + "/state"
        os.makedirs(self.run, mode=0o755)
        os.makedirs(self.state, mode=0o755)
        self.conf = self.home + "/kedged.conf"
        # The test node's days are minutes long: a day's bytes would be spent in each.
        self.chain = {"Poll": "100ms", "RequestTimeout": "1500ms", "RestTime": "300ms", "DailyBytes": "0", **chain}
        self.roles, self.more = "", []
        self.upstreams = dn.nodes if upstreams is None else upstreams
        self.checkpoint = checkpoint or dn.info["CHECKPOINT"]
        self.write_config()
        self.kedged = Process(folder, name + "-kedged", [program("agent/kedged/kedged"),
                                                         "--config=" + self.conf], self.kedged_env())
        self.fetch = Process(folder, name + "-fetch", [program("agent/fetch/kedge-fetch"),
                                                       f"--socket={self.run}/fetch.sock"])
        self.id = 0

    def write_config(self):
        lines = ["[Agent]", "StateDirectory=" + self.state, "RuntimeDirectory=" + self.run, "Bus=" + self.BUS]
        lines += self.agent_lines() + self.chain_lines()
        lines += [f"{k}={v}" for k, v in self.chain.items()]
        lines += [f"[Zone {self.ZONE_NAME}]", "Chain=" + self.CHAIN, "Contract=" + self.dn.info["CONTRACT"],
                  "Slot=0", *self.more, self.roles]
        with open(self.conf, "w") as f:
            f.write("\n".join(lines) + "\n")

    def agent_lines(self):
        return []

    def tool_env(self):
        return {}

    def kedged_env(self):
        return {}

    def chain_lines(self):
        return ["[Chain diode]", "Backend=blockquick", "ChainId=" + self.dn.info["CHAIN_ID"],
                "Checkpoint=" + self.checkpoint, "Fleet=" + self.dn.info["FLEET"],
                *["Upstream=" + u for u in self.upstreams]]

    def query(self, verb, name="", index=0, item=0, contract=b"", slot=0, key=b"", service="", nonce=b"",
              signature=b""):
        self.id += 1
        packet = struct.pack("=IHHIII20sQ32s256s32s32s40s72s", QUERY_MAGIC, QUERY_VERSION, verb, self.id, index,
                             item, contract, slot, key, name.encode(), b"", service.encode(), nonce, signature)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(15)
            wait("a place in the queue of callers", lambda: not self.queue_is_full(s))
            s.send(packet)
            reply = s.recv(4096)
        magic, version, result, got = struct.unpack_from("=IHHI", reply)
        assert (len(reply), magic, version, got) == (REPLY_SIZE, QUERY_MAGIC, QUERY_VERSION, self.id)
        return RESULTS[result], text(reply[16:176]), reply[176:]

    def queue_is_full(self, s):
        """Connects; with a time limit, as Python has it, a full queue is told at once, to be tried again."""
        try:
            s.connect(self.run + "/query.sock")
        except BlockingIOError:
            return True
        return False

    def status(self):
        """None while the agent does not answer."""
        try:
            body = self.query(STATUS)[2]
        except OSError:
            return None
        u = struct.unpack("=16s32s16sBBBB5IQQ32sQQ32sII12Q160s", body[:448])
        return {"state": STATES[u[3]], "conflict": u[4], "upstreams": u[8], "up": u[9],
                "final": u[12], "final_time": u[13], "final_hash": u[14], "head": u[15],
                "head_time": u[16], "head_hash": u[17], "share": u[18], "miners": u[19], "head_age": u[20],
                "lower": u[23], "upper": u[24], "noted": u[25], "jumps": u[26],
                "watched": u[28], "revocations": u[29], "text": text(u[-1])}

    def upstream(self, item):
        body = self.query(UPSTREAM, item=item)[2]
        u = struct.unpack("=256sB7x6Q160s", body[:472])
        return {"url": text(u[0]), "state": u[1], "peak": u[2], "failures": u[4], "lies": u[5],
                "error": text(u[8])}

    def resolve(self, name=ZONE_NAME):
        """(result, reason, addresses, port, pins)"""
        result, reason, body = self.query(RESOLVE, name)
        addrs = []
        for i in range(body[1]):
            raw = body[6 + 17 * i:23 + 17 * i]
            family = socket.AF_INET if raw[0] == 4 else socket.AF_INET6
            addrs.append(socket.inet_ntop(family, raw[1:5] if raw[0] == 4 else raw[1:]))
        pins = [body[74 + 32 * i:106 + 32 * i] for i in range(body[2])]
        return result, reason, addrs, struct.unpack_from("=H", body, 4)[0], pins

    def login_conf(self, text, mode=0o644):
        """Writes login.conf beside kedged.conf; the agent reads it at its start and on reload."""
        path = self.home + "/login.conf"
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def login(self, user, service="sshd", verb=LOGIN, **more):
        """What LOGIN, RESPONSE or KEY says, as a dict; "result" and "verdict" agree or the agent is wrong."""
        result, reason, body = self.query(verb, user, service=service, **more)
        v = struct.unpack("=BBBB4xQQQ32sQQ32s32s32s256s320s", body[:752])
        verdict = VERDICTS[v[0]]
        assert (result == "ok") == (verdict == "admitted"), (result, verdict, reason)
        groups = [text(v[14][i * 40:i * 40 + 40]) for i in range(v[3])]
        return {"result": result, "reason": reason, "verdict": verdict, "state": STATES[v[1]], "stale": v[2],
                "groups": groups, "age": None if v[4] == 2**64 - 1 else v[4], "final": v[5], "final_hash": v[7],
                "head": v[8], "head_hash": v[10], "role": int.from_bytes(v[11], "big"),
                "host_role": int.from_bytes(v[12], "big"), "record": text(v[13])}

    def ssh_key(self, user, digest, service="sshd"):
        return self.login(user, service, KEY, key=digest)

    def host_key(self, host, digest):
        return self.login(host, "", KEY, item=1, key=digest)

    def challenge(self, user, service="sshd"):
        """The nonce, and the text to sign."""
        result, reason, body = self.query(CHALLENGE, user, service=service)
        assert result == "ok", (result, reason)
        return body[:40], text(body[48:536])

    def respond(self, user, nonce, signature, service="sshd"):
        """signature: r, s, v."""
        return self.login(user, service, RESPONSE, nonce=nonce, signature=signature)

    def wait_login(self, what, verdict, user, service="sshd", timeout=25):
        def looked():
            got = self.login(user, service)
            return got if got["verdict"] == verdict else None
        return wait(what, looked, timeout)

    def kedgectl(self, *argv):
        """(exit status, standard output, standard error)"""
        r = subprocess.run([program("agent/kedgectl/kedgectl"), *argv], capture_output=True, text=True,
                           timeout=30, env={**os.environ, "KEDGE_RUNTIME_DIR": self.run,
                                            "KEDGE_STATE_DIR": self.state, **self.tool_env()})
        return r.returncode, r.stdout, r.stderr

    def wait_status(self, what, check, timeout=25):
        def looked():
            s = self.status()
            return s if s and check(s) else None
        return wait(lambda: f"{what}; status is {self.status()}", looked, timeout)

    def wait_following(self, at_least=0, timeout=25):
        """Which block is final depends on the tables on the way there (4.5): one who came later may need a block
        more than the node to see the same one final. So where nothing moves, the chain goes on."""
        still = [time.monotonic()]

        def there(s):
            if time.monotonic() - still[0] > 3:
                still[0] = time.monotonic()
                self.dn.mine(1)
            return s["state"] == "following" and s["final"] >= at_least
        return self.wait_status(f"following at {at_least}", there, timeout)

    def wait_resolve(self, what, check, name=ZONE_NAME, timeout=25):
        def looked():
            try:
                r = self.resolve(name)
            except OSError:  # the agent is not there, or not yet
                return None
            return r if check(r) else None
        return wait(lambda: f"{what}; {name} is {self.resolve(name)}", looked, timeout)

    def restart(self, sig=signal.SIGKILL):
        self.kedged.kill(sig)
        self.kedged.start()


class EthAgent(Agent):
    """The same on a chain of Ethereum. Two lines are enough: the network's file names the upstreams, where the
    test does not."""

    CHAIN = "ethnode"

    def named(self):
        """The network, where the chain is not called like it."""
        return [] if self.CHAIN == "ethnode" else ["Network=ethnode"]

    def __init__(self, folder, dn, upstreams=None, checkpoint=None, name="agent", **chain):
        self.given = upstreams
        super().__init__(folder, dn, upstreams, checkpoint, name, **{"HeadEvery": "0", **chain})

    def agent_lines(self):
        return ["NetworksDirectory=" + self.dn.networks]

    def chain_lines(self):
        return [f"[Chain {self.CHAIN}]", *self.named(), "Checkpoint=" + self.checkpoint,
                *["Upstream=" + u for u in self.given or []]]

    def tool_env(self):
        return {"KEDGE_NETWORKS_DIR": self.dn.networks, "KEDGE_FETCH": program("agent/fetch/kedge-fetch"),
                "KEDGED": program("agent/kedged/kedged")}

    def status_text(self):
        """(exit status, what kedgectl says)"""
        return self.kedgectl("status")[:2]

    def wait_text(self, what, text, timeout=25):
        def looked():
            code, out = self.status_text()
            return (code, out) if re.search(text, " ".join(out.split())) else None
        return wait(lambda: f"{what}: /{text}/ in {self.status_text()[1]}", looked, timeout, 0.1)

    def shown(self):
        """What status says of each upstream, by its URL."""
        all_of = [self.upstream(i) for i in range(self.status()["upstreams"])]
        return {u["url"]: u for u in all_of}


def run(tests):
    """Runs the tests whose names were given, or all; the exit status for meson."""
    wanted, failed, skipped = sys.argv[1:], 0, 0
    chosen = [t for t in tests if not wanted or t.__name__ in wanted]
    for t in chosen:
        folder, ok = Folder(), False
        begun = time.monotonic()
        try:
            t(folder)
            ok = True
            print(f"ok {t.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Skip as e:
            ok, skipped = True, skipped + 1
            print(f"skipped {t.__name__}: {e}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {t.__name__}", flush=True)
            traceback.print_exc()
        finally:
            folder.close(not ok)
    if failed or not chosen:
        return 1
    return SKIP if skipped == len(chosen) else 0
