"""sshd and ssh on a machine of their own, with the helpers and the drop-ins as they are installed."""
import os
import re
import shutil
import socket
import struct
import subprocess
import threading

from harness import BUILD, QUERY_MAGIC, QUERY_VERSION, REPLY_SIZE, Skip, program, wait
from login_machine import Machine

KEY, USER, HOST = 16, 0, 1  # enum query_verb, enum query_key_item
UNPROVEN, OK, STALE, REFUSED, UNKNOWN, DENIED = 0, 1, 3, 4, 5, 7  # enum query_result
ADMITTED, TOO_OLD, NO_RECORD, REVOKED, NO_ROLE, NO_KEY = 1, 2, 4, 5, 6, 7  # enum login_verdict
LIBEXEC = "/run/libexec"
LOGIN_CONF = "[Login]\nZone=plant.fleet\nHost=gw1\nManagedUsers=alice bob mallory\nManagedGroup=fleet\nDenyUsers=mallory\n" \
             "[Role 0]\nServices=sshd\n"
SSHD_CONFIG = "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nPrintMotd no\n" \
              "X11Forwarding yes\nAcceptEnv LANG LC_*\n"
SSH_CONFIG = "Include /etc/ssh/ssh_config.d/*.conf\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n"


class Desk(threading.Thread):
    """Answers for an agent: holds says whose key is good, told what else is said of a name."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.holds, self.told, self.asked, self.deaf = {}, {}, [], False
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.bind(path)
        os.chmod(path, 0o666)
        self.s.listen(32)
        self.start()

    def says(self, item, name, key):
        if name in self.told:
            return self.told[name]
        return (OK, ADMITTED) if key in self.holds.get((item, name), ()) else (DENIED, NO_KEY)

    def run(self):
        open_ = []
        while True:
            c, _ = self.s.accept()
            q = c.recv(4096)
            if self.deaf or not q:
                open_.append(c)
                continue
            _, _, verb, ident, _, item = struct.unpack_from("=IHHIII", q)
            key, name, service = q[48:80], q[80:336].split(b"\0")[0].decode(), q[368:400].split(b"\0")[0].decode()
            result, verdict = UNKNOWN, 0  # kedgectl asks for more
            if verb == KEY:
                self.asked.append(name)
                result, verdict = self.says(item, name, key) if service == ("" if item else "sshd") else (REFUSED, 0)
            c.send(struct.pack("=IHHII160sB", QUERY_MAGIC, QUERY_VERSION, result, ident, 0, b"at block 77", verdict)
                   .ljust(REPLY_SIZE, b"\0"))
            c.close()


class Box:
    """The machine, sshd on it, and who connects: the user keeper."""

    def __init__(self, folder, run=None, state=None, login_conf=LOGIN_CONF):
        for tool in ("/usr/sbin/sshd", "ssh", "ssh-keygen"):
            if not shutil.which(tool):
                raise Skip(tool + " is not installed")
        self.m, self.keys = Machine(folder), folder.path + "/keys"
        os.mkdir(self.keys)
        self.run, self.state = run or folder.path + "/run", state or folder.path + "/state"
        self.lay_out()
        self.m.write("/etc/kedge/login.conf", login_conf)
        self.put_sshd_lines()
        self.put_ssh_lines()
        self.hosts("pump1.plant.fleet", "pump1.plant.fleet.", "www.example.org")
        self.host_key = self.key("host")
        self.sshd = None

    def lay_out(self):
        """As an installation does it: programs in a folder that is root's, a user for the one of sshd."""
        m, root = self.m, self.m.root
        for path in ("/etc/kedge", LIBEXEC, "/etc/ssh/keys"):
            os.makedirs(root + path, exist_ok=True)
        for name in ("kedge-authorized-keys", "kedge-known-hosts"):
            shutil.copy(program("agent/ssh/" + name), f"{root}{LIBEXEC}/{name}")
        for path in ("/etc/ssh/sshd_config.d", "/etc/ssh/ssh_config.d"):
            shutil.rmtree(root + path, ignore_errors=True)
            os.mkdir(root + path)
        m.write("/etc/passwd", re.sub(r"(?m)^_kedge-ssh:.*\n", "", m.read("/etc/passwd")) +
                "_kedge-ssh:x:61900:61900::/:/usr/sbin/nologin\n")
        m.write("/etc/ssh/sshd_config", SSHD_CONFIG)
        m.write("/etc/ssh/ssh_config", SSH_CONFIG)
        os.rmdir(root + "/run/kedge")
        os.symlink(self.run, root + "/run/kedge")

    def lines(self, name, **change):
        """A drop-in as it is built, with the paths of this machine."""
        with open(f"{BUILD}/packaging/{name}") as f:
            text = re.sub(r"(?m)(?<=[ \"])/\S*/libexec/kedge/(kedge-known-hosts) ", rf"{LIBEXEC}/\1 --state={self.state} ", f.read())
        return re.sub(r"/\S*/libexec/kedge/", LIBEXEC + "/", text)

    def put_sshd_lines(self, users="User alice,bob,mallory"):
        """Two blocks, since who is ours is named in two ways."""
        text = self.lines("sshd-kedge.conf")
        assert text.count("Match Group fleet\n") == 1, text
        self.m.write("/etc/ssh/sshd_config.d/00-kedge.conf", text + text.replace("Match Group fleet\n", f"Match {users}\n"))

    def put_ssh_lines(self):
        self.m.write("/etc/ssh/ssh_config.d/00-kedge.conf", self.lines("ssh-kedge.conf"))

    def hosts(self, *names):
        self.m.write("/etc/hosts", "127.0.0.1 localhost gw1 " + " ".join(names) + "\n")

    def suffixes(self, text="plant.fleet\n"):
        os.makedirs(self.state + "/public", exist_ok=True)
        with open(self.state + "/public/suffixes", "w") as f:
            f.write(text)

    def key(self, name, kind="ed25519", *options):
        """A private key's file; the public one lies beside it. Made once."""
        path = f"{self.keys}/{name}"
        if not os.path.exists(path):
            subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "", "-f", path], check=True)
            os.chown(path, 61008, 61008)  # keeper
        return path

    def start(self, *more, pam=True, port=2222, more_keys=()):
        """sshd, on what its files say now, and these lines of a later file."""
        self.m.write("/etc/ssh/sshd_config.d/50-test.conf", "\n".join(
            [f"Port {port}", "PidFile /run/sshd.pid", "ListenAddress 127.0.0.1", "LogLevel VERBOSE", "UsePAM " + ("yes" if pam else "no"),
             *[f"HostKey /etc/ssh/key{i}" for i in range(1 + len(more_keys))], *more]) + "\n")
        for i, key in enumerate([self.host_key, *more_keys]):
            with open(key) as f:
                self.m.write(f"/etc/ssh/key{i}", f.read(), 0o600)
        ready = f"Server listening on 127.0.0.1 port {port}."
        if not self.sshd:
            self.sshd = self.m.start("sshd", "/usr/sbin/sshd", "-D", "-e")
            self.sshd.wait_log(ready)
            return self
        seen = self.sshd.text().count(ready)
        assert self.m.call("kill", "-HUP", self.m.read("/run/sshd.pid").strip()).returncode == 0
        wait("sshd to start over", lambda: self.sshd.text().count(ready) > seen)
        return self

    def own_file(self, user, name, text):
        """A file in his home, as he would write it."""
        folder = f"{self.m.root}/home/{user}/.ssh"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        uid = os.stat(f"{self.m.root}/home/{user}").st_uid
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)
        os.chmod(f"{folder}/{name}", 0o600)
        for path in (folder, f"{folder}/{name}"):
            os.chown(path, uid, uid)

    def doctor(self):
        return self.m.call(program("agent/kedgectl/kedgectl"), "doctor").stdout

    def no_own_files(self, user):
        shutil.rmtree(f"{self.m.root}/home/{user}/.ssh", ignore_errors=True)

    def as_user(self, user, *argv):
        """A command line, run as him who has logged in, with nothing but his home."""
        return ["setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups", "env", f"HOME=/home/{user}", *argv]

    def ssh(self, *words, client="keeper", env=()):
        """(exit status, standard output, standard error) of what keeper runs."""
        r = self.m.call(*self.as_user(client, *env, "ssh", "-p", "2222", "-o", "ConnectTimeout=15", *words))
        return r.returncode, r.stdout.strip(), r.stderr

    def logs(self, text, mark=0):
        """What the helper of sshd says why."""
        wait(lambda: f"'{text}' in {self.m.syslog.since(mark)}", lambda: text in self.m.syslog.since(mark))

    def login(self, user, key, *options, host="localhost"):
        """True if he gets in with that key and is who he should be."""
        offered = ("-i", key, "-o", "PreferredAuthentications=publickey") if key else ()
        code, out, err = self.ssh("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                  "-o", "IdentitiesOnly=yes", *offered, *options, f"{user}@{host}", "id -un")
        assert (code, out) in ((0, user), (255, "")), (code, out, err)
        assert code == 0 or "Permission denied" in err, err
        return code == 0

    def reaches(self, host, *options, client="keeper"):
        """True if ssh believes the server's key; what it says otherwise is the second."""
        code, out, err = self.ssh("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", self.key("local"), *options,
                                  "local@" + host, "id -un", client=client)
        assert (code, out) in ((0, "local"), (255, "")), (code, out, err)
        return code == 0, err


def blob_hash(key):
    """Of a private key's file: what stands on the chain for it, by other programs than ours."""
    return bytes.fromhex(subprocess.run(["sh", "-c", "cut -d' ' -f2 \"$1.pub\" | base64 -d | sha256sum | cut -c1-64", "sh", key],
                                        capture_output=True, text=True, check=True).stdout.strip())


def public(key):
    with open(key + ".pub") as f:
        return f.read()
