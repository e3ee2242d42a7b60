"""The tests that the source package brings (DEP-8), as Debian's own machines run them: in a chroot, after apt-get has installed
what they name; and in a booted system those that ask for one."""
import glob
import re
import shutil
import subprocess

from clean import SOURCE, gateway, root_with_apt

TESTS = SOURCE + "/packaging/debian/tests"
SERVER = ["/proc", "/sys", "/dev"]


def listed():
    """{test: its restrictions}"""
    with open(TESTS + "/control") as f:
        parts = [p for p in f.read().split("\n\n") if p.strip()]
    fields = [dict(line.split(": ", 1) for line in p.strip().splitlines()) for p in parts]
    return {f["Tests"]: f.get("Restrictions", "").replace(",", " ").split() for f in fields}


def in_chroot(context):
    with root_with_apt(context, "3g") as m:
        for path in SERVER:
            m.mount("--rbind", path, m.root + path)
        shutil.copy("/etc/resolv.conf", m.root + "/etc/resolv.conf")
        changes = glob.glob(context.debs + "/*.changes")
        assert len(changes) == 1, changes
        summary = m.at + "/summary"
        # breaks-testbed: this root goes anyway.
        r = subprocess.run(["autopkgtest", "--summary-file=" + summary, "--apt-upgrade", "--ignore-restrictions=breaks-testbed", *changes, "--", "chroot", m.root],
                           capture_output=True, text=True, errors="replace", timeout=1800)
        with open(summary) as f:
            results = dict(re.match(r"(\S+) +(.*)", line).groups() for line in f)
        want = {name: "SKIP" if "isolation-container" in how else "PASS" for name, how in listed().items()}
        got = {name: results.get(name, "nothing").split()[0] for name in want}
        assert got == want, f"{results}\n" + r.stdout[-3000:] + r.stderr[-5000:]
        print(", ".join(f"{n}: {w}" for n, w in results.items()))


def booted(context):
    with gateway(context) as m:
        m.boot()
        m.install()
        tests = [n for n, how in listed().items() if "isolation-container" in how]
        assert tests
        shutil.copytree(TESTS, m.root + "/opt/tests")
        for name in tests:
            print(m.must("/opt/tests/" + name).strip())


STORIES = [
    ("autopkgtest in a chroot", in_chroot, False),
    ("autopkgtest of a booted system", booted, False),
]
