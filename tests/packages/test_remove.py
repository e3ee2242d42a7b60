"""What goes when the packages go: remove keeps configuration and state, purge leaves the box as it was."""
import glob
import hashlib
import json
import os
import shutil
import stat
import subprocess

from clean import ALL, Chain, deb, gateway, net_conf, root_with_apt, wait
from versions import repack

# Not ours to leave as they were: dpkg's and apt's own books, logs, what is made at random or at boot, and the copies that the tools
# for users and groups keep of the file before; a folder that what dh_apparmor writes into each postrm takes away where it is empty.
NOT_COMPARED = {"proc", "sys", "dev", "run", "tmp", "debs", "opt", "var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "var/tmp", "etc/passwd-",
                "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-", "etc/machine-id", "var/lib/systemd/random-seed",
                "var/lib/systemd/timers", "var/lib/systemd/timesync", "var/lib/private", "etc/systemd/system/devnode.service", "usr/sbin/policy-rc.d",
                "etc/apparmor.d/disable", "etc/.pwd.lock", "etc/.updated", "var/.updated", "var/lib/chrony"}


NAME = "pump1.plant.fleet"
LOGIN = """[Login]
Zone=plant.fleet
Host=gw1
ManagedUsers=alice
[Role 0]
Services=sshd login
"""


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


def must(r):
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout + r.stderr


def in_this_order(context, steps):
    with gateway(context) as m:
        before = picture(m.root)
        m.install(ALL)
        assert len(kedge_packages(m)) == len(ALL)
        for name in ("kedged.conf.d/50-setup.conf", "kedged.conf.d/mine.conf", "login.conf", "net.conf", "networks.d/own.conf"):
            m.write("/etc/kedge/" + name, "# written by somebody\n")
        for step in steps:
            known = [name for name, _ in kedge_packages(m)]
            names = [name for name in step if name in known]
            if names:
                m.remove(*names, purge=step[0] != "-")
        assert kedge_packages(m) == [], kedge_packages(m)
        same(before, picture(m.root))


def in_every_order(context):
    """In a folder, as an image is built, without a system that runs: one by one, in orders that people come upon. What depends on
    another goes with it, and is purged after it."""
    orders = {"in one go": [ALL], "the agent first": [["kedged"], ["libnss-kedge"], ALL], "names first": [["libnss-kedge"], ["libpam-kedge"], ["kedged"], ALL],
              "removed, then purged backwards": [["-", *ALL], *[[name] for name in reversed(ALL)]],
              "removed, then purged forwards": [["-", *ALL], *[[name] for name in ALL]]}
    for title, steps in orders.items():
        try:
            in_this_order(context, steps)
        except AssertionError as e:
            raise AssertionError(f"{title}: {e}") from None


def users(m):
    with open(m.root + "/etc/passwd") as f:
        return {line.split(":")[0]: int(line.split(":")[2]) for line in f}


def what_is_not_ours_stays(context):
    """A file below /etc/kedge that no page of ours names; a user who owns something elsewhere; and login.conf while the module reads it."""
    with gateway(context) as m:
        m.install(ALL)
        m.write("/etc/kedge/notes.txt", "ours to keep\n")
        m.write("/etc/kedge/login.conf", "# who is managed\n")
        os.makedirs(m.root + "/srv/metrics")
        shutil.chown(m.root + "/srv/metrics", *(2 * [users(m)["_kedge"]]))
        said = m.remove("kedged", purge=True)
        assert "user _kedge stays" in said and "find / -user _kedge" in said, said
        assert "_kedge" in users(m) and "_kedge-fetch" not in users(m), users(m)
        assert sorted(os.listdir(m.root + "/etc/kedge")) == ["login.conf", "notes.txt"]
        m.remove("libpam-kedge", purge=True)
        assert sorted(os.listdir(m.root + "/etc/kedge")) == ["notes.txt"]


def state_behind_a_link_stays(context):
    """What lies there is somebody's who moved it, and so the user stays; one whose link leads to nothing of his goes."""
    with gateway(context) as m:
        m.install(ALL)
        for name in ("kedge", "kedge-netd"):
            os.makedirs(f"{m.root}/data/{name}")
            shutil.rmtree(f"{m.root}/var/lib/{name}", ignore_errors=True)
            os.symlink(f"/data/{name}", f"{m.root}/var/lib/{name}")
        m.write("/data/kedge/device.key", "a key\n")
        shutil.chown(m.root + "/data/kedge/device.key", users(m)["_kedge"])
        said = m.remove("kedged", "kedge-netd", purge=True)
        assert "user _kedge stays" in said and "find / -user _kedge," in said, said
        assert "_kedge" in users(m) and "_kedge-netd" not in users(m), users(m)
        assert os.listdir(m.root + "/data/kedge") == ["device.key"] and not os.path.lexists(m.root + "/var/lib/kedge")


def pam_refuses_to_go(context):
    """No stack may name a module that is gone: a profile is switched off first, a line that somebody wrote stops the removal."""
    with gateway(context) as m:
        before = picture(m.root)
        m.install(["libpam-kedge"])
        must(subprocess.run(["chroot", m.root, "pam-auth-update", "--package", "--enable", "kedge", "kedge-challenge"], capture_output=True, text=True))
        assert "pam_kedge.so" in open(m.root + "/etc/pam.d/common-account").read()
        with open(m.root + "/etc/pam.d/sshd", "a") as f:
            f.write("account required pam_kedge.so\n")
        r = m.apt("remove", "libpam-kedge")
        assert r.returncode != 0 and "/etc/pam.d/sshd names pam_kedge.so" in r.stdout + r.stderr, r.stdout + r.stderr
        assert "pam_kedge.so" in open(m.root + "/etc/pam.d/common-account").read(), "the profile was switched off by a removal that was refused"
        with open(m.root + "/etc/pam.d/sshd") as f:
            lines = f.readlines()
        m.write("/etc/pam.d/sshd", "".join(lines[:-1]))
        old = m.root + "/etc/pam.d/common-account.pam-old"  # as pam-auth-update --force leaves it: no stack
        shutil.copy(m.root + "/etc/pam.d/common-account", old)
        m.remove("libpam-kedge", purge=True)
        os.unlink(old)
        same(before, picture(m.root))


def foreign(root):
    """The package as it is, for i386, whose libraries are not here."""
    with open(root + "/DEBIAN/control") as f:
        lines = [line for line in f.read().replace("Architecture: amd64", "Architecture: i386").splitlines(True) if not line.startswith("Depends:")]
    with open(root + "/DEBIAN/control", "w") as f:
        f.writelines(lines)
    found = glob.glob(root + "/**/x86_64-linux-gnu", recursive=True)
    assert found
    for path in found:
        os.rename(path, os.path.dirname(path) + "/i386-linux-gnu")


def pam_of_two_architectures(context):
    """The profiles go with the last module, login.conf with nobody while a module reads it."""
    with gateway(context) as m:
        must(subprocess.run(["chroot", m.root, "dpkg", "--add-architecture", "i386"], capture_output=True, text=True))

        def dpkg(*words):
            must(subprocess.run(["chroot", m.root, "env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *words], capture_output=True, text=True))

        file = deb(context.debs, "libpam-kedge")
        repack(file, m.root + "/debs", os.path.basename(file).split("_")[1], foreign)
        os.rename(m.root + "/debs/" + os.path.basename(file), m.root + "/debs/foreign.deb")
        m.install(["libpam-kedge"])
        m.write("/etc/kedge/login.conf", "# who is managed\n")
        must(subprocess.run(["chroot", m.root, "pam-auth-update", "--package", "--enable", "kedge"], capture_output=True, text=True))
        for how in ("--purge", "--remove"):
            dpkg("-i", "/debs/foreign.deb")
            dpkg(how, "libpam-kedge:i386")
            assert "pam_kedge.so" in open(m.root + "/etc/pam.d/common-account").read(), "the profile went with the first module"
            assert os.path.exists(m.root + "/etc/kedge/login.conf"), "login.conf went with the first module"
        dpkg("--remove", "libpam-kedge:amd64")
        assert "pam_kedge.so" not in open(m.root + "/etc/pam.d/common-account").read(), "a module is named that is gone: nobody logs in"
        dpkg("--purge", "libpam-kedge:amd64", "libpam-kedge:i386", "kedged")
        assert not os.path.exists(m.root + "/etc/kedge")


def keys_refuse_to_go(context):
    """Neither sshd nor ssh may name a helper that is gone."""
    with gateway(context) as m:
        m.install(["kedge-ssh"])
        for example, program in (("sshd", "kedge-authorized-keys"), ("ssh", "kedge-known-hosts")):
            drop_in = f"/etc/ssh/{example}_config.d/00-kedge.conf"
            m.write(drop_in, open(f"{m.root}/usr/share/doc/kedge/examples/{example}-kedge.conf").read())
            r = m.apt("remove", "kedge-ssh")
            assert r.returncode != 0 and f"{drop_in} names {program}: take" in r.stdout + r.stderr, r.stdout + r.stderr
            assert os.path.exists(f"{m.root}/usr/libexec/kedge/{program}")
            os.unlink(m.root + drop_in)
        m.remove("kedge-ssh", purge=True)


def resolves(m):
    """Where a tunnel's link alone has an address, of IPv6, glibc makes ::ffff:10.1.2.3 of it."""
    wait(NAME, lambda: "10.1.2.3" in m.run("getent", "ahosts", NAME).stdout, 60)


def at_work(m):
    """All packages, each switched on: a name, a tunnel's link, logins, the words of an operator."""
    m.install(ALL)
    m.must("pam-auth-update", "--package", "--enable", "kedge", "kedge-challenge")
    m.write("/etc/kedge/login.conf", LOGIN)
    m.write("/etc/kedge/net.conf", net_conf("any"))
    if os.path.exists("/dev/net/tun"):
        m.must("systemctl", "enable", "--now", "kedge-wireguard-go@kedge0")
    m.chain = chain = Chain(m)
    chain.publish("pump1.server_ip", "10.1.2.3")
    m.follows(chain)
    resolves(m)
    wait("the network", lambda: "kedge0" in m.run("kedgectl", "net", "status").stdout, 60, 0.1)


def removed(m):
    """Configuration and state stay, daemons and doors go; a name of ours is still not asked of anybody else."""
    out = m.remove(*ALL)
    left = m.sh("pgrep -a '^kedge(d|-fetch|-netd|-timed)'; ip -o link show type tun; test ! -e /run/kedge || echo /run/kedge").stdout
    assert not left, left + out
    for name in ("/var/lib/kedge/device.key", "/var/lib/kedge/public/suffixes", "/etc/kedge/kedged.conf", "/etc/kedge/kedged.conf.d/50-test.conf"):
        assert os.path.exists(m.root + name), name
    assert "pam_kedge" not in m.sh("cat /etc/pam.d/*").stdout and "kedge" not in m.must("cat", "/etc/nsswitch.conf")
    assert m.run("su", "-c", "true", "nobody", "-s", "/bin/sh").returncode == 0, "nobody logs in"


def installed_again(m):
    """It goes on from where it was."""
    key, number = m.must("sha256sum", "/var/lib/kedge/device.key"), final(m)
    m.remove(*ALL)
    m.chain.mine(10)
    m.install(ALL)
    resolves(m)
    assert m.must("sha256sum", "/var/lib/kedge/device.key") == key and final(m) >= number


def purged(m):
    m.remove(*[name for name, _ in kedge_packages(m)], purge=True)
    assert kedge_packages(m) == []
    m.must("systemctl", "stop", "devnode")
    left = m.sh("pgrep -a kedge; ip -o link show type tun; ls -d /run/kedge* /run/wireguard; nft list tables; "
                "systemctl list-units --all --plain --no-legend --type=service,socket '*kedge*'").stdout
    assert not left, left


def final(m):
    return json.loads(wait("a head", lambda: '"head": {' in m.run("kedgectl", "--json", "status").stdout and m.must("kedgectl", "--json", "status"),
                           60, 0.1))["chains"][0]["finalized"]["number"]


def the_box_as_before(context):
    with gateway(context) as m:
        m.boot(more=["--bind=/dev/net/tun"] if os.path.exists("/dev/net/tun") else ())
        before = picture(m.root)
        at_work(m)
        m.steps(*([purged] if context.short else [installed_again, removed, purged]))
        same(before, picture(m.root))


def piuparts(context):
    """Debian's own judge of installation and purge: each package alone, and all that it depends on."""
    with root_with_apt(context, "1g") as m:
        tar = m.at + "/base.tar.gz"
        subprocess.run(["tar", "-C", m.root, "--one-file-system", "-I", "gzip -1", "-cf", tar, "."], check=True)
        # The folder of apparmor's that what dh_apparmor writes into postrm takes away where it is empty.
        r = subprocess.run(["piuparts", "--ignore-regex=/etc/apparmor.d/disable/?$", "-d", "bookworm", "-b", tar, "--no-eatmydata", "--skip-minimize",
                            "--keep-sources-list", "--tmpdir", m.at, *[deb(context.debs, name) for name in ALL]], capture_output=True, text=True, errors="replace", timeout=1800)
        said = r.stdout + r.stderr
        assert r.returncode == 0 and "PASS: All tests" in said, said[-6000:]


STORIES = [
    ("piuparts", piuparts, False),
    ("purged in every order", in_every_order, False),
    ("purged", the_box_as_before, True),
    ("what is not ours stays", what_is_not_ours_stays, False),
    ("state behind a link stays", state_behind_a_link_stays, False),
    ("a module of PAM goes", pam_refuses_to_go, False),
    ("a module of PAM goes, and another stays", pam_of_two_architectures, False),
    ("keys of SSH go", keys_refuse_to_go, False),
]
