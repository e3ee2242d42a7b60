"""The packages themselves: what they hold, that the licence note is true, and that a clean system with nothing but
Build-Depends builds them, twice, under circumstances that have nothing in common, to the same bytes."""
import glob
import os
import re
import shutil
import subprocess

from clean import SOURCE, SOURCES, Skip

DEBIAN = SOURCE + "/packaging/debian"
TOGETHER = ["kedged", "kedge-tools"]  # what a gateway without tunnels and logins takes; the aim is 1.5 MB for both


def must(*argv, **options):
    r = subprocess.run(argv, capture_output=True, text=True, **options)
    assert r.returncode == 0, f"{' '.join(argv[:6])}: {(r.stdout + r.stderr)[-1500:]}"
    return r.stdout


class Package:
    """A .deb, unpacked."""

    def __init__(self, file, folder):
        self.file, self.root = file, folder
        must("dpkg-deb", "-R", file, folder)
        self.name, self.size, self.multi = (self.field(f) for f in ("Package", "Installed-Size", "Multi-Arch"))
        self.files = sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names
                            if not at.startswith(folder + "/DEBIAN"))
        self.elf = [f for f in self.files if not os.path.islink(self.path(f)) and open(self.path(f), "rb").read(4) == b"\x7fELF"]

    def field(self, name):
        return must("dpkg-deb", "-f", self.file, name).strip()

    def path(self, name):
        return f"{self.root}/{name}"

    def control(self, name):
        at = f"{self.root}/DEBIAN/{name}"
        return open(at).read() if os.path.exists(at) else ""

    def needed(self, file):
        return re.findall(r"\(NEEDED\).*\[(.*)\]", must("readelf", "-d", self.path(file)))


def unpack(context, folder):
    debs = [f for f in sorted(glob.glob(context.debs + "/*.deb"))]
    mine = [Package(f, f"{folder}/{os.path.basename(f)}") for f in debs if "-dbgsym_" not in f]
    symbols = "".join(must("dpkg-deb", "-c", f) for f in debs if "-dbgsym_" in f)
    declared = re.findall(r"^Package: (\S+)", open(DEBIAN + "/control").read(), re.M)
    assert sorted(p.name for p in mine) == sorted(declared), [p.name for p in mine]
    return mine, symbols


def judge_elf(p, file, symbols):
    notes = must("readelf", "-nSdW", p.path(file))
    build_id = re.search(r"Build ID: (..)(\S+)", notes)
    assert build_id and "/".join(build_id.groups()) + ".debug" in symbols, f"{file}: no debug symbols of its build ID"
    assert ".symtab" not in notes, f"{file} is not stripped"
    assert not re.search(r"\((RPATH|RUNPATH)\)", notes), f"{file} looks for libraries in places of its own"


def judge_files(p):
    conffiles = set(p.control("conffiles").split())
    assert conffiles == {"/" + f for f in p.files if f.startswith("etc/")}, f"{p.name}: conffiles"
    for f in p.files:
        assert f.startswith(("etc/", "lib/systemd/system/", "usr/")) and not f.startswith("usr/local/"), f"{p.name}: {f}"
        mode = os.lstat(p.path(f)).st_mode
        assert os.path.islink(p.path(f)) or mode & 0o7022 == 0, f"{p.name}: {f} has mode {mode:o}"
    for f in p.files:
        if re.match("usr/(s?bin|libexec/kedge)/", f):
            page = re.escape(os.path.basename(f))
            assert any(re.match(rf"usr/share/man/man[18]/{page}\.[18]\.gz$", m) for m in p.files), f"{p.name}: {f} has no manual page"
    for name in ("copyright", "changelog.Debian.gz"):
        assert f"usr/share/doc/{p.name}/{name}" in p.files, f"{p.name}: no {name}"


def judge_library(p, sym):
    """A symbols file that lists what the library exports, so that packages built with it ask for a new enough one."""
    exported = set(re.findall(r"^\s+(kedge_\w+);", open(SOURCE + "/" + sym).read(), re.M))
    listed = set(re.findall(r"^ (kedge_\w+)@", p.control("symbols"), re.M))
    assert exported and exported == listed, f"{p.name}: {exported ^ listed}"
    assert p.multi == "same", p.name


def judge_functions(p):
    for sym in glob.glob(SOURCE + "/lib/*/*.sym"):
        for name in re.findall(r"^\s+(kedge_\w+);", open(sym).read(), re.M):
            assert f"usr/share/man/man3/{name}.3.gz" in p.files, f"man {name} finds nothing"


def judge_licences(packages):
    """Whoever links what is GPL stands in the first paragraph of the licence note, and nobody else does."""
    note = open(DEBIAN + "/copyright").read().split("\nComment:\n", 1)[1].split("\nFiles:", 1)[0]
    first, second, third = (note.index(word) for word in (" GPL-2+ (", " GPL-3+ (", " LGPL-2.1+ ("))
    words = {name: place for name, place in [("libkedge-wolfssl.so.1.0.0", "libkedge-wolfssl")]}
    for p in packages:
        for file in p.elf:
            name = words.get(os.path.basename(file), os.path.basename(file))
            gpl = [n for n in p.needed(file) if n.startswith(("libwolfssl.", "libnftnl.", "libnetfilter_conntrack."))]
            found = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", note[first:third].split(":", 1)[1])
            assert bool(found) == bool(gpl), f"{name} links {gpl}, but the note in copyright says otherwise"
    assert re.search(r"kedge-fetch", note[second:third]), "kedge-fetch loads libcurl, and so OpenSSL"


def judge_source():
    """Every file that claims somebody's copyright, or a licence, has a stanza that says so."""
    words = re.compile(rb"SPDX-License-Identifier: *(\S+)|Copyright \([Cc]\) *(.*)|Permission is hereby granted")
    known = {"LICENSE", "tests/packages/test_build.py"}
    for name in must("git", "-C", SOURCE, "ls-files").split("\n") if os.path.exists(SOURCE + "/.git") else []:
        if not name or name in known or not os.path.isfile(f"{SOURCE}/{name}"):
            continue
        with open(f"{SOURCE}/{name}", "rb") as f:
            for m in words.finditer(f.read()):
                assert m.group(1) == b"LGPL-2.1-or-later", f"{name}: {m.group().decode(errors='replace')}"


def what_they_hold(context):
    folder = context.folder()
    try:
        packages, symbols = unpack(context, folder)
        seen = {}
        for p in packages:
            judge_files(p)
            for f in p.elf:
                judge_elf(p, f, symbols)
            for f in p.files:
                assert seen.setdefault(f, p.name) == p.name, f"{f} is in {seen[f]} and in {p.name}"
        must(SOURCE + "/tests/lint/hardening.sh", "yes", *(p.path(f) for p in packages for f in p.elf))
        by_name = {p.name: p for p in packages}
        judge_library(by_name["libkedge1"], "lib/kedge/libkedge.sym")
        judge_library(by_name["libkedge-wolfssl1"], "lib/kedge-wolfssl/libkedge-wolfssl.sym")
        judge_functions(by_name["libkedge-dev"])
        judge_licences(packages)
        judge_source()
        print("  " + ", ".join(f"{p.name} {p.size}" for p in packages) + " KiB installed")
        print(f"  {' and '.join(TOGETHER)}: {sum(int(by_name[n].size) for n in TOGETHER) * 1024 / 1e6:.2f} MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_root(context):
    """A clean system with the packages of Build-Depends, and no other."""
    control = open(DEBIAN + "/control").read()
    lines = re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.M).group(1)
    names = [re.match(r"[a-z0-9.+-]+", line.strip()).group() for line in lines.splitlines()]
    root, mark = context.work + "/buildroot", context.work + "/buildroot.holds"
    if os.path.exists(mark) and open(mark).read() == "\n".join(names):
        return root
    sources = next((s for s in SOURCES if os.path.exists(s)), None)
    if not sources or not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap or this machine's package sources are missing")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(context.work, exist_ok=True)
    must("mmdebstrap", "-q", "--variant=buildd", "--include=" + ",".join(names), "bookworm", root, sources)
    with open(root + "/etc/passwd", "a") as f:
        f.write("builder:x:2001:2001::/nonexistent:/bin/sh\nsomebody-else:x:4321:4321::/srv/elsewhere:/bin/sh\n")
    with open(mark, "w") as f:
        f.write("\n".join(names))
    return root


class Place:
    """A folder in there, with the source package unpacked, and the circumstances of a build in it."""

    ENTER = """set -e
hostname "$1"; shift
mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
root=$1 uid=$2; shift 2
exec chroot --userspec="$uid:$uid" "$root" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin "$@"
"""

    def __init__(self, context, root, folder, uid, host, umask, **env):
        self.root, self.folder, self.uid, self.host, self.umask, self.env = root, folder, uid, host, umask, env
        self.at = root + folder
        shutil.rmtree(self.at, ignore_errors=True)
        os.makedirs(self.at)
        dsc, = glob.glob(context.debs + "/*.dsc")
        must("dpkg-source", "-x", dsc, self.at + "/kedge", cwd=self.at)
        must("chown", "-R", f"{uid}:{uid}", self.at)

    def run(self, command, prefix=(), **more):
        env = [f"{name}={value}" for name, value in {**self.env, **more}.items()]
        argv = [*prefix, "unshare", "--mount", "--uts", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private",
                "sh", "-c", self.ENTER, "sh", self.host, self.root, str(self.uid), *env,
                "sh", "-c", f"umask {self.umask} && cd {self.folder}/kedge && {command}"]
        r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert r.returncode == 0, f"{command}: exit status {r.returncode}\n{r.stdout[-3000:]}"
        return r.stdout

    def debs(self):
        return {os.path.basename(f): open(f, "rb").read() for f in glob.glob(self.at + "/*.deb")}

    def sources(self):
        return {os.path.basename(f): open(f, "rb").read() for p in ("dsc", "tar.xz") for f in glob.glob(f"{self.at}/kedge_*.{p}")}


def compare(one, other):
    assert one and one.keys() == other.keys(), f"{sorted(one)}\n{sorted(other)}"
    differ = [name for name in sorted(one) if one[name] != other[name]]
    assert not differ, f"not the same bytes: {' '.join(differ)}"


def later(root):
    """A clock that stands elsewhere, for all that runs in there, where this machine has faketime."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        return {}
    shutil.copy(found[0], root + "/opt/libfaketime.so.1")
    return {"LD_PRELOAD": "/opt/libfaketime.so.1", "FAKETIME": "+373d", "NO_FAKE_STAT": "1", "DONT_FAKE_MONOTONIC": "1"}


def built_twice(context):
    """With the tests, by a user without rights or network; then without them, where folder, user, host name, umask, locale,
    time zone, date and number of processors are others."""
    root = build_root(context)
    one = Place(context, root, "/build/one", 2001, "here", "022", HOME="/nonexistent", LC_ALL="C.UTF-8", TZ="UTC0")
    other = Place(context, root, "/var/tmp/elsewhere/quite", 4321, "otherwise", "002", HOME="/srv/elsewhere",
                  LC_ALL="POSIX", LANGUAGE="et_EE:et", TZ="<+14>-14", USER="somebody-else", **later(root))
    try:
        out = one.run("dpkg-buildpackage -us -uc -b")
        summary = re.findall(r"^(?:Ok|Fail|Skipped|Timeout): +\d+", out, re.M)
        assert summary and not re.search(r"^(Fail|Timeout): +[1-9]", out, re.M), out[-2000:]
        print("  tests of the build:", ", ".join(re.sub(" +", " ", s) for s in summary))
        warned = re.findall(r"^dpkg-(?:shlibdeps|gensymbols).*warning.*", out, re.M)
        assert not warned, warned
        other.run("dpkg-buildpackage -us -uc --build=source")
        made = other.sources()
        compare({f: open(f"{context.debs}/{f}", "rb").read() for f in made}, made)
        other.run("dpkg-buildpackage -us -uc -b", prefix=["taskset", "-c", "0"], DEB_BUILD_OPTIONS="nocheck parallel=1")
        compare(one.debs(), other.debs())
        print(f"  {len(one.debs())} packages, the same bytes")
        again(one)
    finally:
        shutil.rmtree(one.at, ignore_errors=True)
        shutil.rmtree(other.at, ignore_errors=True)


def again(place):
    """In a folder where it was built before: what the first build left is cleaned away. Without documentation this time."""
    place.run("debian/rules clean && dpkg-source --before-build . && ! [ -e debian/files ] && ! ls -d obj-* 2>/dev/null")
    place.run("dpkg-buildpackage -us -uc -B -Pnodoc,nocheck", DEB_BUILD_OPTIONS="nodoc nocheck")
    for name in glob.glob(place.at + "/*.deb"):
        pages = [line for line in must("dpkg-deb", "-c", name).splitlines() if "/usr/share/man/man" in line and not line.endswith("/")]
        assert not pages, f"{name}: {pages[0]}"
    place.run("debian/rules binary-indep")  # there is nothing to be done, and that is no error


STORIES = [
    ("what the packages hold", what_they_hold, True),
    ("built twice", built_twice, False),
]
