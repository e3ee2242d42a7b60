"""What goes when the packages go: remove keeps configuration and state, purge leaves the box as it was."""
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile

from clean import ALL, Chain, Gateway, Skip, deb, wait

# Not ours to leave as they were: dpkg's and apt's own books, logs, what is made at random or at boot, and the copies that the tools
# for users and groups keep of the file before.
NOT_COMPARED = {"proc", "sys", "dev", "run", "tmp", "debs", "opt", "var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "var/tmp", "etc/passwd-",
                "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-", "etc/machine-id", "var/lib/systemd/random-seed",
                "var/lib/systemd/timers", "var/lib/systemd/timesync", "var/lib/private", "etc/systemd/system/devnode.service", "usr/sbin/policy-rc.d",
                "etc/.pwd.lock", "etc/.updated", "var/.updated", "var/lib/chrony"}


def of_file(path):
    st = os.lstat(path)
    if stat.S_ISLNK(st.st_mode):
        return "link", os.readlink(path)
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            return f"{stat.S_IMODE(st.st_mode):o}", st.st_uid, st.st_gid, hashlib.sha256(f.read()).hexdigest()
    return f"{stat.S_IFMT(st.st_mode) | stat.S_IMODE(st.st_mode):o}", st.st_uid, st.st_gid


def picture(root):
    """Path to what it is: mode, owner, and the sum of what it holds."""
    found = {}
    for at, folders, files in os.walk(root):
        folders[:] = [d for d in folders if os.path.relpath(os.path.join(at, d), root) not in NOT_COMPARED and d != "__pycache__"]
        for name in folders + files:
            path = os.path.relpath(os.path.join(at, name), root)
            if path not in NOT_COMPARED:
                found[path] = of_file(os.path.join(root, path))
    return found


def same(before, after):
    """Says each path that came, went or is another."""
    different = [f"{'left' if p not in before else 'gone' if p not in after else 'changed'}: /{p} {before.get(p)} {after.get(p)}"
                 for p in sorted(set(before) | set(after)) if before.get(p) != after.get(p)]
    assert not different, "not as before:\n" + "\n".join(different)



def kedge_packages(m):
    """Those that dpkg knows of, as (name, state)."""
    r = subprocess.run(["chroot", m.root, "dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", "*kedge*"], capture_output=True, text=True)
    return sorted(tuple(line.split()) for line in r.stdout.splitlines() if " " in line and not line.endswith(" not-installed"))


def apt(m, *argv):
    words = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", *argv]
    return m.run(*words, timeout=300) if m.init else subprocess.run(["chroot", m.root, *words], capture_output=True, text=True)


def must(r):
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout + r.stderr


def in_every_order(context):
    """In a folder, as an image is built, without a system that runs: one by one, in orders that people come upon. What depends on
    another goes with it, and is purged after it."""
    orders = {"in one go": [ALL], "the agent first": [["kedged"], ["libnss-kedge"], ALL], "names first": [["libnss-kedge"], ["libpam-kedge"], ["kedged"], ALL],
              "removed, then purged backwards": [["-", *ALL], *[[name] for name in reversed(ALL)]],
              "removed, then purged forwards": [["-", *ALL], *[[name] for name in ALL]]}
    for title, steps in orders.items():
        m = Gateway(context.folder(), context)
        try:
            before = picture(m.root)
            m.install(ALL)
            assert len(kedge_packages(m)) == len(ALL)
            for name in ("kedged.conf.d/50-setup.conf", "kedged.conf.d/mine.conf", "login.conf", "net.conf", "networks.d/own.conf"):
                m.write("/etc/kedge/" + name, "# written by somebody\n")
            for step in steps:
                known = [name for name, _ in kedge_packages(m)]
                names = [name for name in step if name in known]
                if names:
                    must(apt(m, "remove" if step[0] == "-" else "purge", *names))
            assert kedge_packages(m) == [], kedge_packages(m)
            same(before, picture(m.root))
        except AssertionError as e:
            raise AssertionError(f"{title}: {e}") from None
        finally:
            m.stop()
            shutil.rmtree(m.at, ignore_errors=True)


def what_is_not_ours_stays(context):
    """A file below /etc/kedge that no page of ours names; a user who owns something elsewhere; and login.conf while the module reads it."""
    m = Gateway(context.folder(), context)
    try:
        m.install(ALL)
        m.write("/etc/kedge/notes.txt", "ours to keep\n")
        m.write("/etc/kedge/login.conf", "# who is managed\n")
        os.makedirs(m.root + "/srv/metrics")
        shutil.chown(m.root + "/srv/metrics", *(2 * [int(open(m.root + "/etc/passwd").read().split("_kedge:x:")[1].split(":")[0])]))
        said = must(apt(m, "purge", "kedged"))
        assert "user _kedge stays" in said and "find / -user _kedge" in said, said
        with open(m.root + "/etc/passwd") as f:
            passwd = f.read()
        assert "_kedge:" in passwd and "_kedge-fetch:" not in passwd, passwd
        assert sorted(os.listdir(m.root + "/etc/kedge")) == ["login.conf", "notes.txt"]
        must(apt(m, "purge", "libpam-kedge"))
        assert sorted(os.listdir(m.root + "/etc/kedge")) == ["notes.txt"]
    finally:
        m.stop()
        shutil.rmtree(m.at, ignore_errors=True)


def pam_refuses_to_go(context):
    """No stack may name a module that is gone: a profile is switched off first, a line that somebody wrote stops the removal."""
    m = Gateway(context.folder(), context)
    try:
        before = picture(m.root)
        m.install(["libpam-kedge"])
        must(subprocess.run(["chroot", m.root, "pam-auth-update", "--package", "--enable", "kedge", "kedge-challenge"], capture_output=True, text=True))
        assert "pam_kedge.so" in open(m.root + "/etc/pam.d/common-account").read()
        with open(m.root + "/etc/pam.d/sshd", "a") as f:
            f.write("account required pam_kedge.so\n")
        r = apt(m, "remove", "libpam-kedge")
        assert r.returncode != 0 and "/etc/pam.d/sshd names pam_kedge.so" in r.stdout + r.stderr, r.stdout + r.stderr
        assert "pam_kedge.so" in open(m.root + "/etc/pam.d/common-account").read(), "the profile was switched off by a removal that was refused"
        with open(m.root + "/etc/pam.d/sshd") as f:
            lines = f.readlines()
        m.write("/etc/pam.d/sshd", "".join(lines[:-1]))
        must(apt(m, "purge", "libpam-kedge"))
        same(before, picture(m.root))
    finally:
        m.stop()
        shutil.rmtree(m.at, ignore_errors=True)


STORIES = [
    ("what is not ours stays", what_is_not_ours_stays, False),
    ("a module of PAM goes", pam_refuses_to_go, False),
]
