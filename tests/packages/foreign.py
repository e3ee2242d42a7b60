#!/usr/bin/env python3
"""Runs a command in another root, where programs of another processor run too: by qemu's user emulation, which the kernel is told
to take for them in a user namespace of our own, so that this machine is not changed. What is mounted goes with the command.
usage: foreign.py ARCHITECTURE ROOT [--bind=FROM:TO]... COMMAND [WORD...]
Exits 77 where the kernel cannot be told."""
import ctypes
import os
import shutil
import subprocess
import sys

SKIP = 77
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
FORMATS = "/proc/sys/fs/binfmt_misc"
# ELF header: class, machine. The rest is the same for every little-endian Linux program; the type is 2 or 3.
ARCHITECTURES = {"arm64": ("aarch64", 2, 0xb7), "armhf": ("arm", 1, 0x28)}


def rule(arch):
    """What binfmt_misc is told: the program is opened now (F), so that a chroot need not hold it."""
    name, width, machine = ARCHITECTURES[arch]
    magic = [0x7f, 0x45, 0x4c, 0x46, width, 1, 1] + [0] * 9 + [2, 0, machine, 0]
    mask = [0xff] * 7 + [0] + [0xff] * 8 + [0xfe, 0xff, 0xff, 0xff]

    def text(octets):
        return "".join(f"\\x{b:02x}" for b in octets)
    return f":kedge-{name}:M::{text(magic)}:{text(mask)}:{shutil.which(f'qemu-{name}-static')}:F"


def skip(why):
    print(why, file=sys.stderr)
    sys.exit(SKIP)


def unshare(what):
    libc = ctypes.CDLL(None, use_errno=True)
    return os.strerror(ctypes.get_errno()) if libc.unshare(what) else None


def own_user_namespace():
    """All ids as outside; a child writes the map, since whoever has left its namespace may not."""
    left, enter = os.pipe(), os.getpid()
    child = os.fork()
    if child == 0:
        os.read(left[0], 1)
        for kind in ("uid", "gid"):
            with open(f"/proc/self/{kind}_map") as f:
                ids = "".join(f"{line.split()[0]} {line.split()[0]} {line.split()[2]}\n" for line in f)
            with open(f"/proc/{enter}/{kind}_map", "w") as f:
                f.write(ids)
        os._exit(0)
    error = unshare(CLONE_NEWUSER)
    if error:
        os.kill(child, 9)
        skip(f"no user namespace can be made here: {error}")
    os.write(left[1], b"x")
    if os.waitpid(child, 0)[1]:
        skip("the ids of a user namespace cannot be written here")


def own_mounts():
    error = unshare(CLONE_NEWNS)
    if error:
        skip(f"no mount namespace can be made here: {error}")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def register(arch):
    """This machine knows the processor already, or our own namespace learns it."""
    known = f"{FORMATS}/qemu-{ARCHITECTURES[arch][0]}"
    if os.path.exists(known) and "enabled" in open(known).read().split():
        own_mounts()
        return
    if not shutil.which(f"qemu-{ARCHITECTURES[arch][0]}-static"):
        skip("qemu-user-static is not installed")
    own_user_namespace()
    own_mounts()
    r = subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", FORMATS], capture_output=True, text=True)
    if r.returncode:
        skip("binfmt_misc cannot be mounted in a user namespace (Linux 6.7 can): " + r.stderr.strip())
    with open(FORMATS + "/register", "w") as f:
        f.write(rule(arch))


def main():
    arch, root, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    binds = [("/proc", "/proc"), ("/sys", "/sys"), ("/dev", "/dev")]
    while rest[0].startswith("--bind="):
        binds.append(tuple(rest.pop(0).split("=", 1)[1].split(":", 1)))
    register(arch)
    for source, to in binds:
        os.makedirs(root + to, exist_ok=True)
        subprocess.run(["mount", "--rbind", source, root + to], check=True)
    os.chroot(root)
    os.chdir("/")
    keep = {k: v for k, v in os.environ.items() if k.startswith(("CK_", "DEB_"))}
    os.execvpe(rest[0], rest, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", **keep})


if __name__ == "__main__":
    main()
