#!/usr/bin/env python3
"""What kedgectl doctor says of a stack of PAM, against libpam itself: each stack is run by pamtester in a mount namespace of its
own, with a module that always refuses in the place of pam_kedge.so, and one that always admits in the place of the others."""
import os
import re
import shutil
import subprocess
import sys

from harness import program, run

KEDGE = "account [success=ok ignore=ignore default=bad] pam_kedge.so\n"
UNIX = ("account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite pam_deny.so\n"
        "account required pam_permit.so\n")
FILES = {"kedge": KEDGE, "both": KEDGE + UNIX, "sub": "account sufficient pam_localuser.so\n" + KEDGE,
         "done": "account sufficient pam_localuser.so\n", "wrong": KEDGE + "wrong required pam_permit.so\n",
         "other": "account required pam_deny.so\n", "common-account": UNIX}
STACKS = [
    KEDGE + UNIX, "@include both\n", "account include both\n", UNIX + KEDGE, "account requisite pam_kedge.so\n" + UNIX,
    "-account required pam_kedge.so\n" + UNIX, "ACCOUNT Required pam_kedge.so debug\n" + UNIX,
    "account [default=bad \\\n  success=ok ignore=ignore] pam_kedge.so # so\n" + UNIX,
    KEDGE + "account sufficient pam_localuser.so\n" + UNIX,
    "account substack sub\n" + KEDGE + "account required pam_permit.so\n",
    "account sufficient pam_localuser.so\n" + KEDGE + UNIX, "@include done\n" + KEDGE + UNIX,
    "account [success=1 default=ignore] pam_x.so\n" + KEDGE + UNIX,
    "account [success=2 default=ignore] pam_x.so\naccount optional pam_y.so\n" + KEDGE + UNIX,
    "account [success=done] pam_x.so\n" + KEDGE + UNIX, "account [default=done success=ok] pam_x.so\n" + KEDGE + UNIX,
    "account substack sub\naccount required pam_permit.so\n",
    "account [success=1 default=ignore] pam_x.so\naccount substack both\naccount required pam_permit.so\n",
    "account required pam_a.so\naccount sufficient pam_b.so\n" + KEDGE,
    "account sufficient pam_kedge.so\n" + UNIX, "account optional pam_kedge.so\n" + UNIX,
    KEDGE + "account [default=reset] pam_x.so\n" + UNIX,
    "account [success=ok perm_denied=1 auth_err=1 acct_expired=1 default=bad] pam_kedge.so\naccount required pam_deny.so\n"
    "account required pam_permit.so\n",
    KEDGE + "wrong required pam_permit.so\n" + UNIX, "account include wrong\n" + UNIX, "@include wrong\n" + UNIX,
    KEDGE + "account frobnicate pam_permit.so\n", KEDGE + "account required\n" + UNIX, KEDGE + "account include nowhere\n" + UNIX,
    KEDGE + "account [success=9 default=ignore] pam_x.so\n",
]


def stand_in(text):
    return re.sub(r"pam_[a-z]+\.so",
                  lambda m: "pam_deny.so" if m[0] in ("pam_kedge.so", "pam_deny.so") else "pam_permit.so", text)


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)


def libpam_admits(pamd):
    return subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c",
                           'mount --bind "$1" /etc/pam.d && exec pamtester login root acct_mgmt', "sh", pamd],
                          capture_output=True, timeout=60).returncode == 0


def doctor_warns(root):
    """That the account stack of login can end well where kedge says no."""
    r = subprocess.run([program("agent/kedgectl/kedgectl"), "doctor", "--root", root], capture_output=True, text=True,
                       timeout=60, env={**os.environ, "KEDGE_RUNTIME_DIR": root + "/run", "NO_COLOR": "1"})
    lines = [line for line in r.stdout.splitlines() if re.match(r"\S+ +pam +", line)]
    assert lines, r
    return any("past it" in line or "last word in the account stack" in line for line in lines)


def test_doctor_agrees_with_libpam(folder):
    if os.geteuid() != 0 or not shutil.which("pamtester"):
        print("SKIP doctor and libpam: needs root and pamtester")
        return
    root, pamd = folder.path + "/root", folder.path + "/pam.d"
    write(root + "/etc/kedge", {"login.conf": "[Login]\nManagedUsers=alice\n"})
    write(root + "/usr/lib/security", {"pam_kedge.so": ""})
    for i, stack in enumerate(STACKS):
        write(root + "/etc/pam.d", {**FILES, "login": stack})
        write(pamd, {name: stand_in(text) for name, text in {**FILES, "login": stack}.items()})
        assert doctor_warns(root) == libpam_admits(pamd), (i, stack)


if __name__ == "__main__":
    sys.exit(run([test_doctor_agrees_with_libpam]))
