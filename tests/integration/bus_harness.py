"""A system bus of a test's own, users of it, and the agent on it. The bus's policy and polkit's actions are the ones that are
installed. What needs users and groups that the machine does not have runs in a mount namespace where it has them."""
import os
import shutil
import subprocess

from harness import BUILD, Agent, Devnode, Process, Skip, program, wait

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "plant-control.fleet"
BUS, PATH = "org.kedge.Agent1", "/org/kedge/Agent1"
ERROR = BUS + ".Error."
PIN = bytes(range(1, 33))
CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
  <allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/>
 </policy>
 %s
 <include>%s/packaging/dbus/org.kedge.Agent1.conf</include>
</busconfig>
"""


class Bus(Process):
    """A system bus in the folder, on a machine of its own where one is given; more is XML for its configuration."""

    def __init__(self, folder, more="", machine=None):
        for tool in ("dbus-daemon", "busctl", "gdbus"):
            if not shutil.which(tool):
                raise Skip(tool + " is not installed")
        if subprocess.run([PYTHON, "-c", "import dbus"], capture_output=True).returncode:
            raise Skip("python3-dbus is not installed")
        os.chmod(folder.path, 0o755)  # clients of other users come in
        self.socket = folder.path + "/bus"
        conf = folder.path + "/bus.conf"
        with open(conf, "w") as f:
            f.write(CONF % (self.socket, more, SOURCE))
        self.address = "unix:path=" + self.socket
        argv = ["dbus-daemon", "--config-file=" + conf, "--nofork", "--nopidfile"]
        super().__init__(folder, "dbus-daemon", machine.wrap(*argv) if machine else argv)
        wait("the bus", self.answers)

    def answers(self):
        return os.path.exists(self.socket) and self.busctl("list").returncode == 0

    def busctl(self, *argv, user=None):
        env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        return subprocess.run([*as_user(user), "busctl", "--address=" + self.address, *argv], capture_output=True,
                              text=True, timeout=60, env=env)

    def has_name(self):
        return BUS in self.busctl("list").stdout

    def call(self, member, *argv, user=None, interface=BUS):
        """(what it says, "") or ("", the error's name)"""
        argv = [str(a) for a in argv]
        r = subprocess.run([*as_user(user), PYTHON, "-c", CLIENT, self.address, interface, member, *argv],
                           capture_output=True, text=True, timeout=90, cwd="/")
        assert r.returncode == 0, r.stderr
        kind, _, text = r.stdout.strip().partition(" ")
        return (text, "") if kind == "ok" else ("", text)


SUDO = 27  # Debian's number of the group


def as_user(user):
    """user: None for us, a number, or a number and one of a group."""
    if not user:
        return []
    uid, gid = user if isinstance(user, tuple) else (user, None)
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={gid}" if gid else "--clear-groups"]


PYTHON = "/usr/bin/python3"  # the one that Debian's python3-dbus is for
def script(name):
    """A program of this folder as text: other users may not be able to read the tree."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name)) as f:
        return f.read()


CLIENT = script("bus_client.py")


class BusAgent(Agent):
    BUS = "yes"


def start(folder, interval=0, bus=True, more="", machine=None, **chain):
    b = Bus(folder, more, machine) if bus else None
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=" + folder.path + "/bus"
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("port", (8883).to_bytes(32, "big"))
    dn.set("signature", PIN)
    dn.mine(12)
    dn.command(f"interval {interval}")
    agent = BusAgent(folder, dn, **chain)
    agent.wait_following(dn.final()[0])
    if b:
        wait("the agent's name on the bus", b.has_name)
    return b, dn, agent


class Namespace:
    """Root's view of a machine that has users of ours, kedge's actions for polkit and one rule for it. Programs that are
    started with wrap() see it; the machine does not."""

    USERS = {"_kedge": 64000, "allowed": 64001, "asked": 64002, "refused": 64003}
    RULE = """polkit.addRule(function(action, subject) {
        if (action.id.indexOf("org.kedge.agent1.") != 0) return undefined;
        if (subject.user == "allowed") return polkit.Result.YES;
        if (subject.user == "refused") return polkit.Result.NO;
        return undefined; });"""

    def __init__(self, folder):
        self.at = folder.path + "/machine"
        os.chmod(folder.path, 0o755)
        os.makedirs(self.at + "/actions")
        os.makedirs(self.at + "/rules.d")
        shutil.copy(SOURCE + "/packaging/polkit/org.kedge.agent1.policy", self.at + "/actions")
        for own in ("org.freedesktop.policykit.policy",):
            if os.path.exists("/usr/share/polkit-1/actions/" + own):
                shutil.copy("/usr/share/polkit-1/actions/" + own, self.at + "/actions")
        with open(self.at + "/rules.d/10-kedge.rules", "w") as f:
            f.write(self.RULE)
        with open("/etc/passwd") as f, open(self.at + "/passwd", "w") as out:
            out.write(f.read())
            for name, uid in self.USERS.items():
                out.write(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n")
        with open("/etc/group") as f, open(self.at + "/group", "w") as out:
            lines = [line for line in f.read().splitlines() if not line.startswith("sudo:")]
            lines += [f"sudo:x:{SUDO}:allowed,asked,refused"] + [f"{n}:x:{u}:" for n, u in self.USERS.items()]
            out.write("\n".join(lines) + "\n")

    def wrap(self, *argv):
        mounts = [(self.at + "/passwd", "/etc/passwd"), (self.at + "/group", "/etc/group"),
                  (self.at + "/actions", "/usr/share/polkit-1/actions"), (self.at + "/rules.d", "/etc/polkit-1/rules.d")]
        binds = " && ".join(f"mount --bind {a} {b}" for a, b in mounts)
        return ["unshare", "-m", "sh", "-c", f'mount --make-rprivate / && {binds} && exec "$@"', "sh", *argv]
