#!/usr/bin/env python3
"""The NSS module in real programs, on a machine that the test shapes for itself: a mount namespace with its own
/run, /var/lib and nsswitch.conf, a network namespace with a DNS server that logs what it is asked. The agent is
played by this script. Exit status 77 (skipped) where namespaces cannot be made."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

NSSWITCH = "hosts: files kedge [!UNAVAIL=return] dns\n"
LINES = """\
four.plant.fleet 3600 127.1.2.3
both.plant.fleet 3600 127.1.2.4 fd00::4
six.plant.fleet 3600 fd00::6
bare.plant.fleet 3600
absent.plant.fleet 3600 -
old.plant.fleet -1 127.1.2.9
renewed.plant.fleet -1 127.1.2.9
"""
SUFFIX = "plant.fleet"


class Dns(threading.Thread):
    """Answers every A question with 192.0.2.53, every PTR with ptr.example.org, the rest with nothing; logs the names."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))

    def run(self):
        while True:
            packet, sender = self.socket.recvfrom(4096)
            labels, at = [], 12
            while packet[at]:
                labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
                at += 1 + packet[at]
            question = packet[12:at + 5]
            kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
            self.asked.append(".".join(labels).lower())
            data = {1: socket.inet_aton("192.0.2.53"), 12: b"\3ptr\7example\3org\0"}.get(kind)
            answer = b"" if data is None else struct.pack(">HHHIH", 0xc00c, kind, 1, 60, len(data)) + data
            header = packet[:2] + struct.pack(">HHHHH", 0x8180, 1, int(bool(answer)), 0, 0)
            self.socket.sendto(header + question + answer, sender)


class Agent(threading.Thread):
    """The other end of the query socket; table: name to (result, verdict, addresses). What is not in it is unproven."""

    def __init__(self, path, table):
        super().__init__(daemon=True)
        self.table, self.asked = table, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.listen(16)

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            request = client.recv(4096)
            if len(request) != 512:
                return
            magic, version, _, number = struct.unpack_from("=IHHI", request)
            name = request[80:336].split(b"\0")[0].decode()
            self.asked.append(name)
            result, verdict, addresses = self.table.get(name, (0, 0, []))
            answer = struct.pack("=BBBBH", verdict, len(addresses), 0, 0, 0)
            for a in addresses:
                answer += struct.pack("=B16s", 4, socket.inet_aton(a))
            answer = answer.ljust(248, b"\0") + struct.pack("=QQQQQQQ", 1, 1, 1, *[2 ** 62] * 4)
            reply = struct.pack("=IHHII160s", magic, version, result, number, 0, b"") + answer
            client.send(reply.ljust(1184, b"\0"))

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class World:
    def __init__(self, module, fixture, lookups, static):
        self.fixture, self.lookups, self.static = fixture, lookups, static
        self.folder = tempfile.mkdtemp(prefix="kedge-nss-")
        os.chmod(self.folder, 0o755)
        self.libraries = os.path.join(self.folder, "lib")
        os.mkdir(self.libraries)
        shutil.copy(module, os.path.join(self.libraries, "libnss_kedge.so.2"))
        self.environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": self.libraries, "HOME": "/"}
        if "ASAN_OPTIONS" in os.environ:
            self.environment["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        for target, text in (("/etc/nsswitch.conf", NSSWITCH),
                             ("/etc/hosts", "127.0.0.1 localhost\n"),
                             ("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")):
            source = os.path.join(self.folder, os.path.basename(target))
            with open(source, "w", encoding="ascii") as f:
                f.write(text)
            subprocess.run(["mount", "--bind", source, os.path.realpath(target)], check=True)
        for target in ("/run", "/var/lib"):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", target], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # Where nothing but loopback addresses exist, AI_ADDRCONFIG refuses every question for one family.
        subprocess.run(["ip", "address", "add", "192.0.2.200/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "address", "add", "fd00::200/128", "dev", "lo", "nodad"], check=True)
        self.dns = Dns()
        self.dns.start()
        self.agent = None

    def publish(self, *options):
        out = os.path.join(self.folder, "out")
        for sub in ("run", "state/public"):
            os.makedirs(os.path.join(out, sub), exist_ok=True)
        subprocess.run([self.fixture, *options, out, SUFFIX], input=LINES, text=True, check=True)
        os.makedirs("/run/kedge", exist_ok=True)
        os.makedirs("/var/lib/kedge/public", exist_ok=True)
        shutil.copy(os.path.join(out, "run/names"), "/run/kedge/names.new")
        os.rename("/run/kedge/names.new", "/run/kedge/names")
        shutil.copy(os.path.join(out, "state/public/suffixes"), "/var/lib/kedge/public/suffixes")

    def start_agent(self):
        self.agent = Agent("/run/kedge/query.sock", {
            "asked.plant.fleet": (1, 1, ["127.5.5.5"]),
            "renewed.plant.fleet": (1, 1, ["127.1.2.9"]),
            "denied.plant.fleet": (2, 2, []),
        })
        self.agent.start()

    def run(self, *command, user=None):
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, user=user, check=False)
        return done.returncode, done.stdout.strip()


failures = []
passed = 0


def must(what, condition, seen=""):
    global passed
    if condition:
        passed += 1
        return
    failures.append(what)
    print(f"FAILED: {what}: {seen}", flush=True)


def getent(w, table, key, user=None):
    status, text = w.run("getent", table, key, user=user)
    words = [line.split() for line in text.splitlines()]
    return status, [word[0] for word in words], [word[1:] for word in words]


def test_getent(w):
    status, addresses, names = getent(w, "hosts", "four.plant.fleet")
    must("getent hosts", (status, addresses, names) == (0, ["127.1.2.3"], [["four.plant.fleet"]]), addresses)
    for table, name, want in (
            ("ahosts", "four.plant.fleet", {"127.1.2.3"}),
            ("ahosts", "both.plant.fleet", {"127.1.2.4", "fd00::4"}),
            ("ahostsv4", "both.plant.fleet", {"127.1.2.4"}),
            ("ahostsv6", "both.plant.fleet", {"fd00::4"}),
            ("ahostsv6", "six.plant.fleet", {"fd00::6"}),
            ("hosts", "six.plant.fleet", {"fd00::6"}),
            ("ahosts", "FOUR.Plant.Fleet.", {"127.1.2.3"}),
            ("ahosts", "asked.plant.fleet", {"127.5.5.5"}),
            ("ahosts", "renewed.plant.fleet", {"127.1.2.9"})):
        status, addresses, _ = getent(w, table, name)
        must(f"getent {table} {name}", status == 0 and set(addresses) == want, addresses)
    for name in ("absent", "bare", "old", "denied", "unknown", "_x", "a_b"):
        status, _, _ = getent(w, "ahosts", f"{name}.plant.fleet")
        must(f"getent ahosts {name}", status == 2, status)


def test_reverse(w):
    for address, want in (("127.1.2.3", ["four.plant.fleet"]), ("fd00::6", ["six.plant.fleet"]),
                          ("127.1.2.9", ["renewed.plant.fleet"])):
        status, _, names = getent(w, "hosts", address)
        must(f"reverse {address}", status == 0 and names == [want], names)
    status, _, names = getent(w, "hosts", "192.0.2.1")
    must("reverse of a foreign address comes from dns", names == [["ptr.example.org"]], names)


def python(w, name):
    code = f"""
import socket
try:
    print(sorted({{a[4][0] for a in socket.getaddrinfo({name!r}, 80)}}))
except socket.gaierror as e:
    print(e.errno)"""
    return w.run("python3", "-c", code)[1]


def test_python(w):
    must("python3 socket", python(w, "both.plant.fleet") == "['127.1.2.4', 'fd00::4']")
    for name, want in (("absent", socket.EAI_NONAME), ("bare", socket.EAI_NODATA), ("old", socket.EAI_AGAIN),
                       ("unknown", socket.EAI_AGAIN), ("denied", socket.EAI_NONAME), ("_x", socket.EAI_NONAME)):
        got = python(w, f"{name}.plant.fleet")
        must(f"python3 {name}: EAI {want}", got == str(want), got)


def have(program):
    if shutil.which(program):
        return True
    print(f"not installed, left out: {program}", flush=True)
    return False


def test_curl(w):
    if not have("curl"):
        return
    server = socket.create_server(("127.1.2.3", 8080))

    def answer():
        client, _ = server.accept()
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")
        client.close()
    threading.Thread(target=answer, daemon=True).start()
    got = w.run("curl", "-s", "http://four.plant.fleet:8080/")
    must("curl", got == (0, "hello"), got)
    got = w.run("curl", "-s", "http://absent.plant.fleet:8080/")
    must("curl cannot resolve what is absent", got[0] == 6, got)
    server.close()


def test_node(w):
    if not have("node"):
        return
    code = "require('dns').lookup(process.argv[1], (e, a) => console.log(e ? e.code : a))"
    must("node dns.lookup", w.run("node", "-e", code, "four.plant.fleet")[1] == "127.1.2.3")
    got = w.run("node", "-e", code, "absent.plant.fleet")[1]
    must("node dns.lookup absent", got == "ENOTFOUND", got)


def test_java(w):
    if not have("java"):
        return
    source = os.path.join(w.folder, "Look.java")
    with open(source, "w", encoding="ascii") as f:
        f.write("public class Look { public static void main(String[] a) throws Exception {"
                " System.out.println(java.net.InetAddress.getByName(a[0]).getHostAddress()); } }\n")
    got = w.run("java", source, "four.plant.fleet")
    must("java", got == (0, "127.1.2.3"), got)


def test_static(w):
    if not w.static:
        print("not built, left out: a statically linked program", flush=True)
        return
    got = w.run(w.static, "one", "four.plant.fleet")
    must("statically linked", got == (0, "127.1.2.3"), got)
    got = w.run(w.static, "one", "absent.plant.fleet")
    must("statically linked, absent", got[0] == 1, got)


def test_threads_and_forks(w):
    for name, address in (("four", "127.1.2.3"), ("asked", "127.5.5.5")):
        for how in ("threads", "fork"):
            got = w.run(w.lookups, how, f"{name}.plant.fleet", address)
            must(f"{how} {name}", got == (0, ""), got)


def test_nobody(w):
    status, addresses, _ = getent(w, "ahosts", "four.plant.fleet", user="nobody")
    must("as nobody", status == 0 and addresses[0] == "127.1.2.3", addresses)
    status, addresses, _ = getent(w, "ahosts", "asked.plant.fleet", user="nobody")
    must("as nobody, through the agent", status == 0 and addresses[0] == "127.5.5.5", addresses)


def test_foreign_names_reach_dns(w):
    for name in ("www.example.org", "plant.fleet.example.org", "xplant.fleet"):
        status, addresses, _ = getent(w, "ahosts", name)
        must(f"dns answers {name}", status == 0 and set(addresses) == {"192.0.2.53"}, addresses)
        must(f"dns was asked for {name}", name in w.dns.asked)


def test_another_boot(w):
    w.publish("--boot=other")
    status, _, _ = getent(w, "ahosts", "four.plant.fleet")
    must("a snapshot of another boot gives no answer", status == 2, status)
    w.publish()
    status, _, _ = getent(w, "ahosts", "four.plant.fleet")
    must("one of this boot does", status == 0, status)


def test_foreign_owner(w):
    os.chown("/run/kedge/names", 12345, 12345)
    status, _, _ = getent(w, "ahosts", "four.plant.fleet")
    must("a snapshot of a stranger gives no answer", status == 2, status)
    w.publish()


def test_without_the_agent(w):
    w.agent.stop()
    status, addresses, _ = getent(w, "ahosts", "four.plant.fleet")
    must("what is published outlives the agent", status == 0, addresses)
    got = python(w, "asked.plant.fleet")
    must("without the agent: try again", got == str(socket.EAI_AGAIN), got)
    shutil.rmtree("/run/kedge")
    for name in ("four", "asked", "absent"):
        got = python(w, f"{name}.plant.fleet")
        must(f"without /run/kedge: try again: {name}", got == str(socket.EAI_AGAIN), got)
    test_foreign_names_reach_dns(w)


def test_our_names_never_reached_dns(w):
    leaked = [name for name in w.dns.asked if name == SUFFIX or name.rstrip(".").endswith("." + SUFFIX)]
    must("no name of ours ever reached dns", not leaked and w.dns.asked, leaked)


TESTS = [test_getent, test_reverse, test_python, test_curl, test_node, test_java, test_static,
         test_threads_and_forks, test_nobody, test_foreign_names_reach_dns, test_another_boot, test_foreign_owner,
         test_without_the_agent, test_our_names_never_reached_dns]


def main():
    if os.environ.get("KEDGE_TEST_INSIDE") != "yes":
        probe = ["unshare", "-m", "-n", "--propagation", "private"]
        if os.geteuid() != 0 or subprocess.run([*probe, "true"], check=False).returncode != 0:
            print("namespaces need root here: skipped")
            return 77
        os.environ["KEDGE_TEST_INSIDE"] = "yes"
        os.execvp(probe[0], [*probe, sys.executable, *sys.argv])

    w = World(*(os.path.abspath(a) if a else "" for a in sys.argv[1:5]))
    try:
        w.publish()
        w.start_agent()
        for test in TESTS:
            test(w)
    finally:
        shutil.rmtree(w.folder)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
