"""Programs under test, each in a private folder, always stopped. A test is a function test_*; it is
called with a Folder. Waiting is polling with a deadline, never a sleep of a hoped-for length."""
import os
import shutil
import signal
import socket
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
        for p in reversed(self.processes):
            if p.alive():
                p.kill()
            if failed:
                sys.stderr.write(f"--- {p.name}\n" + "\n".join(p.text().splitlines()[-60:]) + "\n")
        shutil.rmtree(self.path, ignore_errors=True)


class Devnode(Process):
    def __init__(self, folder, name="devnode", **options):
        self.info_file = os.path.join(folder.path, name + ".info")
        self.control_file = os.path.join(folder.path, name + ".ctl")
        options = {"accounts": 300, "slots": 100, **options}
        super().__init__(folder, name, [program("tests/devnode/kedge-devnode"),
                                        "--info=" + self.info_file, "--control=" + self.control_file,
                                        *[f"--{k.replace('_', '-')}={v}" for k, v in options.items()]])
        wait("the test node to be ready", lambda: os.path.exists(self.info_file))
        with open(self.info_file) as f:
            self.info = dict(line.strip().split("=", 1) for line in f)
        self.contract = bytes.fromhex(self.info["CONTRACT"][2:])
        self.fleet = bytes.fromhex(self.info["FLEET"][2:])
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
