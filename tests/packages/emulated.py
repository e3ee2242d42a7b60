"""A gateway with a kernel of its own: the clean root with our packages, on a disk of QEMU's, booted without acceleration by Debian's
kernel. What nspawn lacks is real there: AppArmor, control groups, WireGuard in the kernel, the clock. It is made, written to
and installed into as a Gateway is; boot() makes the disk. From then on a program in there, at the other end of a virtual
serial line, runs what it is told. It is slow and uneven: wait by polling, with generous limits."""
import base64
import os
import shlex
import shutil
import socket
import subprocess
import time

from clean import SOURCE, Chain, Gateway, Skip, wait

# A line is a script, its output is the answer; all of it in base64.
SERVER = """#!/bin/bash
exec 3<>/dev/vport0p1
t=$(mktemp -d /run/told.XXXXXX)
echo hello >&3
while IFS= read -r line <&3; do
        base64 -d <<<"$line" >$t/script
        setsid -w bash $t/script >$t/out 2>$t/err </dev/null 3>&-
        echo "$? $(base64 -w0 $t/out) $(base64 -w0 $t/err)" >&3
done
"""
UNIT = """[Unit]
Description=Does what the test says
[Service]
ExecStart=/opt/told
[Install]
WantedBy=multi-user.target
"""
WORDS = ("console=ttyS0 quiet panic=-1 mitigations=off no_timer_check apparmor=1 security=apparmor printk.time=1 sysctl.kernel.printk_ratelimit=0 "
         "systemd.show_status=0 systemd.mask=serial-getty@ttyS0.service systemd.mask=console-getty.service "
         "systemd.mask=e2scrub_reap.service systemd.default_timeout_start_sec=300")
# (Where this machine is busy, the kernel's test of its timer fails: no_timer_check.)
PATIENCE = 300  # s: for what takes two or three


class Emulated(Gateway):
    def __init__(self, context):
        super().__init__(context.folder(), context)
        self.qemu = self.line = self.init = None
        self.disk = f"{context.work}/disk-{os.getpid()}"
        r = subprocess.run([SOURCE + "/tests/qemu/system.sh", SOURCE, context.build], capture_output=True, text=True)
        if r.returncode == 77:
            raise Skip(r.stdout.strip().removeprefix("skipped: "))
        assert r.returncode == 0, r.stdout + r.stderr
        said = dict(line.split("=", 1) for line in r.stdout.splitlines())
        self.kernel, self.initramfs = said["kernel"], said["initramfs"]
        shutil.copytree(said["modules"] + "/lib/modules", self.root + "/usr/lib/modules", symlinks=True)
        self.write("/opt/told", SERVER, 0o755)
        self.write("/etc/systemd/system/told.service", UNIT)
        os.makedirs(self.root + "/etc/systemd/system/multi-user.target.wants", exist_ok=True)
        os.symlink("../told.service", self.root + "/etc/systemd/system/multi-user.target.wants/told.service")

    def boot(self, rtc=None, more=()):
        if not os.path.exists(self.disk):
            self.make_disk()
        self.init = 1
        path = self.at + "/line"
        argv = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "768", "-nographic",
                "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel", self.kernel, "-initrd", self.initramfs, "-append", WORDS,
                "-drive", f"file={self.disk},format=raw,if=virtio,cache=unsafe", "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=line,path={path},server=on,wait=off", "-device", "virtserialport,chardev=line,name=told",
                *(["-rtc", "base=" + rtc] if rtc else []), *more]
        with open(self.console, "a") as log:
            self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait("QEMU", lambda: os.path.exists(path) or self.qemu.poll() is not None, PATIENCE)
        self.line = socket.socket(socket.AF_UNIX)
        self.line.settimeout(PATIENCE)
        self.line.connect(path)
        self.rest = b""
        assert self.hear() == "hello", self.console_text()[-3000:]
        wait("the system to be up", lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), PATIENCE)

    def make_disk(self):
        shutil.rmtree(self.root + "/debs", ignore_errors=True)
        with open(self.disk, "wb") as f:
            f.truncate(1 << 30)
        r = subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", self.root, self.disk], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr

    def hear(self):
        while b"\n" not in self.rest:
            try:
                more = self.line.recv(1 << 20)
            except TimeoutError:
                more = b""
            if not more:
                raise AssertionError("the machine says nothing: " + self.console_text()[-3000:])
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def sh(self, text, timeout=PATIENCE, stdin=None):
        if stdin is not None:
            text = f"base64 -d <<'END' | {{\n{base64.encodebytes(stdin.encode()).decode()}END\n{text}\n}}"
        self.line.settimeout(timeout)
        self.line.sendall(base64.b64encode(text.encode()) + b"\n")
        words = self.hear().split(" ")
        out, err = (base64.b64decode(w).decode(errors="replace") for w in words[1:3])
        return subprocess.CompletedProcess(text, int(words[0]), out, err)

    def run(self, *argv, timeout=PATIENCE, stdin=None):
        return self.sh(shlex.join(argv), timeout, stdin)

    def write(self, path, text, mode=0o644):
        if not self.init:
            return super().write(path, text, mode)
        quoted = shlex.quote(path)
        r = self.sh(f"mkdir -p {shlex.quote(os.path.dirname(path))} && cat >{quoted} && chmod {mode:o} {quoted}", stdin=text)
        assert r.returncode == 0, r.stderr

    def inside(self, path):
        raise NotImplementedError("no file in there is seen from here")

    def off(self):
        """An orderly end; what was written stays on the disk."""
        if self.qemu and self.qemu.poll() is None:
            try:
                self.line.sendall(base64.b64encode(b"systemctl --no-block poweroff") + b"\n")
                self.qemu.wait(PATIENCE)
            except (OSError, subprocess.TimeoutExpired):
                pass
        self.cut()

    def cut(self):
        """As when the power goes."""
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
            self.line.close()
        if os.path.exists(self.at + "/line"):
            os.unlink(self.at + "/line")
        self.qemu = self.line = None

    def reboot(self, **more):
        self.off()
        self.boot(**more)

    def stop_only(self):
        self.cut()
        if os.path.exists(self.disk):
            os.unlink(self.disk)

    def stop(self):
        super().stop()
        shutil.rmtree(self.at, ignore_errors=True)


class EmulatedChain(Chain):
    """The test node as a unit in there; its control socket is spoken to by a program in there."""

    CONTROL = """#!/usr/bin/python3
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect("/run/devnode.ctl"); s.sendall(sys.argv[1].encode() + b"\\n")
print(s.makefile().readline().strip())
"""

    def __init__(self, m):
        """Before boot(): the program and the unit; begin() when it runs."""
        self.m = m
        m.copy("tests/devnode/kedge-devnode", "/opt/kedge-devnode")
        m.write("/opt/control", self.CONTROL, 0o755)
        m.write("/etc/systemd/system/devnode.service", self.UNIT)

    def begin(self):
        self.m.must("systemctl", "start", "devnode")
        text = wait("the test node", lambda: self.m.run("cat", "/run/devnode.info").stdout, PATIENCE)
        self.info = dict(line.split("=", 1) for line in text.splitlines())

    def conf(self):
        """As the other's, with the patience that an emulated machine needs."""
        return super().conf().replace("RequestTimeout=1500ms", "RequestTimeout=20s").replace("Poll=100ms", "Poll=500ms")

    def command(self, line):
        answer = self.m.must("/opt/control", line).strip()
        assert answer.startswith("ok"), f"{line}: {answer}"
        return answer[3:]
