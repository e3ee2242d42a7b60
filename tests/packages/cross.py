"""Our packages for another processor: a root with Debian's cross compiler, made by mmdebstrap once, in the work folder; what is
built there, and the unit tests of it under qemu's user emulation (foreign.py). This machine's dpkg learns no new architecture."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

from clean import HERE, SOURCE, SOURCES, Skip, needs

# What only the tests are built with: the profile nocheck, which a cross-build has, leaves them out.
FOR_TESTS = ["check", "libmicrohttpd-dev", "libpam-modules", "libssl-dev", "zlib1g-dev"]
SUITES = ["unit", "vectors", "replay"]
# Check's own limit is 4 seconds a test, which is no limit for a processor that is emulated.
PATIENCE = {"CK_DEFAULT_TIMEOUT": "120", "CK_TIMEOUT_MULTIPLIER": "10"}


def command(*argv, **more):
    r = subprocess.run(argv, capture_output=True, text=True, errors="replace", **more)
    assert r.returncode == 0, f"{argv[0]}: {r.returncode}: " + (r.stdout + r.stderr)[-3000:]
    return r.stdout


def enter(arch, root, script, binds=(), timeout=3600, env=None):
    """A shell script in a root, where programs of the other processor run too."""
    argv = [sys.executable, HERE + "/foreign.py", arch, root, *[f"--bind={a}:{b}" for a, b in binds]]
    r = subprocess.run([*argv, "bash", "-e", "-c", script], capture_output=True, text=True, errors="replace", timeout=timeout,
                       stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    if r.returncode == 77:
        raise Skip(r.stderr.strip())
    return r


def package_sources():
    found = next((s for s in SOURCES if os.path.exists(s)), None)
    if not found or not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap or this machine's package sources are missing")
    return found


def unpack(arch, debs, root):
    """A root of the other processor alone, with our packages: unpacked, since no script of theirs knows a processor."""
    shutil.rmtree(root, ignore_errors=True)
    command("mmdebstrap", "-q", "--variant=extract", "--architectures=" + arch,
            "--include=" + ",".join(["base-files", "bash", "coreutils", "libc-bin", "sed", "util-linux", *needs(debs)]), "bookworm", root, package_sources())
    for file in glob.glob(debs + "/*.deb"):
        if "-dbgsym_" not in file:
            command("dpkg-deb", "-x", file, root)


class Cross:
    def __init__(self, context, arch):
        self.context, self.arch = context, arch
        self.root = f"{context.work}/cross-{arch}"
        self.debs = f"{context.work}/debs-{arch}"
        self.make_root()

    def make_root(self):
        own, mark = command("dpkg", "--print-architecture").strip(), self.root + ".holds"
        if own == self.arch:
            raise Skip("this machine is of that processor itself")
        with open(SOURCE + "/packaging/debian/control") as f:
            build_depends = re.match(r"(?s).*?\nBuild-Depends:\n((?: .*\n)+)", f.read()).group(1)
        include = ["build-essential", f"crossbuild-essential-{self.arch}", "dbus", "git"] + [f"{p}:{self.arch}" for p in FOR_TESTS]
        holds = build_depends + "\n".join(include)
        if os.path.exists(mark) and open(mark).read() == holds:
            return
        sources = package_sources()
        shutil.rmtree(self.root, ignore_errors=True)
        depends = f"cd /src && apt-get update && apt-get -y --no-install-recommends -P cross,nocheck -a {self.arch} build-dep ./"
        command("mmdebstrap", "-q", "--variant=apt", f"--architectures={own},{self.arch}", "--include=" + ",".join(include),
                "--customize-hook=mkdir -p $1/src/debian", f"--customize-hook=cp {SOURCE}/packaging/debian/control $1/src/debian/",
                "--customize-hook=cp -r /etc/apt/apt.conf.d $1/etc/apt/",
                f"--customize-hook=chroot $1 sh -c '{depends}'", "bookworm", self.root, sources)
        with open(mark, "w") as f:
            f.write(holds)

    def run(self, script, binds=(), **more):
        return enter(self.arch, self.root, script, binds, **more)

    def build_packages(self):
        """packaging/build-deb --arch=... of our tree, which stands in there where it stands here, as its repository does."""
        git = os.path.abspath(os.path.join(SOURCE, command("git", "-C", SOURCE, "rev-parse", "--git-common-dir").strip()))
        binds = {SOURCE, git}
        shutil.rmtree(self.debs, ignore_errors=True)
        os.makedirs(self.debs)
        r = self.run(f"git config --global --replace-all safe.directory '*'; '{SOURCE}/packaging/build-deb' --tree --arch={self.arch} --out=/out",
                     [*((b, b) for b in sorted(binds)), (self.debs, "/out")])
        assert r.returncode == 0, (r.stdout + r.stderr)[-3000:]
        shutil.rmtree(self.debs + "/stage", ignore_errors=True)
        return sorted(glob.glob(self.debs + "/*.deb"))

    def copy_source(self):
        """Of the files that git knows; times are kept, so that a second build has little to do."""
        src = self.root + "/src"
        shutil.rmtree(src, ignore_errors=True)
        os.makedirs(src)
        command("sh", "-c", f"git -C '{SOURCE}' ls-files -z --cached --others --exclude-standard | "
                f"tar -C '{SOURCE}' -c --null --ignore-failed-read -T - | tar -C '{src}' -x")

    def vectors(self):
        """The folder of the public test vectors, as the build here was told."""
        options = json.loads(command("meson", "introspect", self.context.build, "--buildoptions"))
        return os.path.join(SOURCE, next(o["value"] for o in options if o["name"] == "vectors"))

    def test(self, suites):
        """{name of a test: (result, the last lines that it printed)}, of some suites; what they need is built."""
        self.copy_source()
        vectors, more = self.vectors(), []
        if os.path.isdir(vectors):
            more = [(vectors, "/vectors")]
        script = f"""cd /src
[ -f /build/build.ninja ] || {{
        /usr/share/meson/debcrossgen --arch {self.arch} -o /cross.txt 2>/dev/null
        sed -i 's/^\\[properties\\]/&\\nneeds_exe_wrapper = false/' /cross.txt
        rm -rf /build
        meson setup /build --cross-file=/cross.txt --prefix=/usr -Dvectors=/vectors -Dwerror=true
}}
rm -f /build/meson-logs/testlog.json
meson test -C /build --quiet --timeout-multiplier=20 {' '.join('--suite=' + s for s in suites)}
"""
        r = self.run(script, more, env=PATIENCE)
        try:
            with open(self.root + "/build/meson-logs/testlog.json") as f:
                logs = [json.loads(line) for line in f]
        except OSError:
            raise AssertionError((r.stdout + r.stderr)[-3000:]) from None
        return {t["name"]: (t["result"], ((t.get("stdout") or "") + (t.get("stderr") or "")).strip().splitlines()[-3:]) for t in logs}
