"""Packages of another version, made of those that were built: what dpkg and the maintainer scripts do with them is what they would do with
others."""
import glob
import os
import shutil
import subprocess
import tempfile


def control_of(text, version, other):
    lines = []
    for line in text.splitlines():
        if line.startswith("Version:"):
            line = "Version: " + other
        elif line.startswith(("Depends:", "Recommends:")):
            line = line.replace(f"(= {version})", f"(= {other})")
        lines.append(line)
    return "\n".join(lines) + "\n"


def repack(deb, folder, other, change=None):
    """A package as it is, under another version; change(root) may alter what it holds."""
    with tempfile.TemporaryDirectory(prefix="kedge-repack.") as at:
        root = at + "/root"
        subprocess.run(["dpkg-deb", "-R", deb, root], check=True)
        with open(root + "/DEBIAN/control") as f:
            text = f.read()
        version = next(line.split()[1] for line in text.splitlines() if line.startswith("Version:"))
        with open(root + "/DEBIAN/control", "w") as f:
            f.write(control_of(text, version, other))
        if change:
            change(root)
        name = os.path.basename(deb).replace(version, other)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", root, f"{folder}/{name}"], check=True, stdout=subprocess.DEVNULL)


def another(context, names, other, changes=None):
    """A folder with these packages under another version."""
    folder = context.folder()
    for name in names:
        found = glob.glob(f"{context.debs}/{name}_*.deb")
        assert len(found) == 1, (name, found)
        repack(found[0], folder, other, (changes or {}).get(name))
    return folder


def with_line(path, line):
    """A change of a package: this line at the end of a file."""
    def change(root):
        with open(root + path, "a") as f:
            f.write(line + "\n")
    return change


def drop(*folders):
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
