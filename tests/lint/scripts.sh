#!/usr/bin/env bash
# What the maintainer scripts do: each in a folder that stands for the system, with stand-ins for the programs that would change one.
# usage: scripts.sh SOURCE_FOLDER
set -u
debian=$(cd "${1:-.}/packaging/debian" && pwd) || exit 2
work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-scripts.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
root=$work/root user=$(id -un) bad=0 count=0 title=

# They write down how they were called. A file in answers is what else they do.
mkdir "$work/bin" "$work/answers"
for name in id userdel chown deb-systemd-invoke pam-auth-update dpkg-query aa-enabled kedge-netd; do
        printf '#!/bin/sh\necho "%s $*" >>%s/calls\n[ ! -e %s/answers/%s ] || . %s/answers/%s\n' $name "$work" "$work" $name "$work" $name >"$work/bin/$name"
        chmod +x "$work/bin/$name"
done

begin() { # what is to hold
        title=$1
        rm -rf "$root" "$work"/answers/* "$work/calls" "$work/out"
        mkdir -p "$root"/{etc/pam.d,etc/kedge/kedged.conf.d,etc/ssh/sshd_config.d,etc/ssh/ssh_config.d,srv,run/systemd/system,usr/libexec/kedge}
        mkdir -p "$root"/{var/lib/kedge,var/lib/kedge-netd,usr/lib/x86_64-linux-gnu/security}
        ln -s "$work/bin/kedge-netd" "$root/usr/libexec/kedge/kedge-netd"
        touch "$work/calls" "$work/out" "$root/etc/kedge/login.conf"
}
answer() { echo "$2" >"$work/answers/$1"; }

# As the package has it, for the folder.
script() { # file
        sed -e "/^#DROP_USER#\$/{r $debian/drop-user" -e 'd}' "$debian/$1" | ROOT=$root perl -pe 's,(?<![^\s"(])/(?=(etc|srv|var|run|usr|lib)\b),$ENV{ROOT}/,g'
}
run() { # script, arguments of dpkg's
        script "$1" >"$work/script"
        shift
        PATH=$work/bin:$PATH DPKG_MAINTSCRIPT_PACKAGE=package sh "$work/script" "$@" >"$work/out" 2>&1
        code=$?
}

# What is looked at afterwards.
ended() { [ "$code" = "$1" ]; }
said() { grep -qF -- "$1" "$work/out"; }
silent() { [ ! -s "$work/out" ]; }
called() { grep -qxF -- "$1" "$work/calls"; }
uncalled() { ! grep -qE -- "^$1" "$work/calls"; }
there() { [ -e "$root$1" ]; }
gone() { [ ! -e "$root$1" ] && [ ! -L "$root$1" ]; }
must() {
        count=$((count + 1))
        "$@" || { echo "scripts: $title: not $*: $(tr '\n' ';' <"$work/out" | sed "s,$root,,g") $(tr '\n' ';' <"$work/calls")"; bad=1; }
}

# Of a system in which there is no more than is made here, all of it his.
drop() { # folder
        { script drop-user && echo "drop_user $user ${1:-}"; } >"$work/script"
        PATH=$work/bin:$PATH DPKG_MAINTSCRIPT_PACKAGE=package sh -e "$work/script" >"$work/out" 2>&1
        code=$?
}
begin_empty() { begin "$1" && rm -rf "${root:?}"/*; }

begin_empty 'a user goes with his folder'
mkdir "$root/state"
drop "$root/state"
must ended 0; must called "userdel $user"; must gone /state
for place in etc srv var; do
        begin_empty "a user with a file in /$place stays"
        mkdir "$root/state" "$root/$place"
        drop "$root/state"
        must ended 0; must uncalled userdel; must said "package: user $user stays"; must gone /state
done
begin_empty 'a user whose folder is a link stays with what it leads to'
mkdir "$root/data" && touch "$root/data/device.key" && ln -s data "$root/state"
drop "$root/state"
must ended 0; must uncalled userdel; must said "user $user stays"; must gone /state; must there /data/device.key
begin_empty 'a link to nowhere is no reason to stay'
ln -s nowhere/else "$root/state"
drop "$root/state"
must ended 0; must called "userdel $user"; must gone /state
begin_empty 'a user who runs something stays'
answer userdel 'exit 8'
drop
must ended 0; must said "user $user stays"
begin_empty 'no user, no word'
answer id 'exit 1'
drop
must ended 0; must uncalled userdel; must silent

for file in sshd_config sshd_config.d/a.conf ssh_config ssh_config.d/a.conf; do
        program=kedge-authorized-keys
        case $file in ssh_*) program=kedge-known-hosts ;; esac
        begin "kedge-ssh stays while $file names it"
        echo "  Command /usr/libexec/kedge/$program %u" >"$root/etc/ssh/$file"
        run kedge-ssh.prerm remove
        must ended 1; must said "/etc/ssh/$file names $program: take these lines out first"
        run kedge-ssh.prerm upgrade 9
        must ended 0
        DPKG_ROOT=/target run kedge-ssh.prerm remove
        must ended 0
        echo "# Command /usr/libexec/kedge/$program %u" >"$root/etc/ssh/$file"
        run kedge-ssh.prerm remove
        must ended 0
done

pam() { # what stands in which file, and of how many architectures the module is there
        echo "$1" >"$root/etc/pam.d/$2"
        for arch in ${3:-}; do
                mkdir -p "$root/usr/lib/$arch/security"
                touch "$root/usr/lib/$arch/security/pam_kedge.so"
        done
}
begin 'libpam-kedge stays while a line of somebody names it, and the profiles with it'
pam 'auth required pam_kedge.so' sshd x86_64-linux-gnu
run libpam-kedge.prerm remove
must ended 1; must said '/etc/pam.d/sshd names pam_kedge.so'; must uncalled pam-auth-update
begin 'libpam-kedge stays where the profile could not be switched off'
pam 'auth required pam_kedge.so' common-auth x86_64-linux-gnu
run libpam-kedge.prerm remove
must ended 1; must called 'pam-auth-update --package --remove kedge kedge-challenge'; must said '/etc/pam.d/common-auth names'
begin 'libpam-kedge goes where only a copy or a remark names it'
pam 'auth required pam_kedge.so' sshd.dpkg-old x86_64-linux-gnu
pam '# auth required pam_kedge.so' sshd
run libpam-kedge.prerm remove
must ended 0; must called 'pam-auth-update --package --remove kedge kedge-challenge'
begin 'the first of two modules goes, and takes no profile with it'
pam 'auth required pam_kedge.so' sshd 'x86_64-linux-gnu i386-linux-gnu'
run libpam-kedge.prerm remove
must ended 0; must uncalled pam-auth-update
begin 'an upgrade of libpam-kedge switches nothing off'
pam 'auth required pam_kedge.so' sshd x86_64-linux-gnu
run libpam-kedge.prerm upgrade 9
must ended 0; must uncalled pam-auth-update

for other in '' installed config-files not-installed; do
        begin "login.conf goes with the last of kedged and libpam-kedge: '$other'"
        answer dpkg-query "echo $other"
        touch "$root/etc/kedge/net.conf" "$root/etc/kedge/mine"
        run libpam-kedge.postrm purge
        must ended 0
        case $other in '' | not-installed) must gone /etc/kedge/login.conf && touch "$root/etc/kedge/login.conf" ;; *) must there /etc/kedge/login.conf ;; esac
        run kedged.postrm purge
        must ended 0; must gone /etc/kedge/kedged.conf.d; must gone /etc/kedge/net.conf; must gone /var/lib/kedge; must there /etc/kedge/mine
        must called 'userdel _kedge'; must called 'userdel _kedge-fetch'
        case $other in '' | not-installed) must gone /etc/kedge/login.conf ;; *) must there /etc/kedge/login.conf ;; esac
done
begin 'login.conf stays while the module of another architecture reads it'
pam '' sshd i386-linux-gnu
run libpam-kedge.postrm purge
must ended 0; must there /etc/kedge/login.conf
begin 'what is removed and not purged leaves all that was written'
for name in kedged kedge-netd kedge-timed kedge-ssh libpam-kedge; do
        run $name.postrm remove
        must ended 0; must there /etc/kedge/login.conf; must there /etc/kedge/kedged.conf.d; must there /var/lib/kedge; must there /var/lib/kedge-netd; must uncalled userdel
done
begin 'a folder that is put together for another system is not this one'
for name in kedged kedge-netd kedge-timed kedge-ssh libpam-kedge; do
        DPKG_ROOT=/target run $name.postrm purge
        must ended 0; must there /etc/kedge/login.conf; must there /etc/kedge/kedged.conf.d; must there /var/lib/kedge; must there /var/lib/kedge-netd; must uncalled userdel
done
DPKG_ROOT=/target run kedge-netd.prerm remove
must uncalled kedge-netd; must uncalled deb-systemd-invoke
DPKG_ROOT=/target run libpam-kedge.prerm remove
must uncalled pam-auth-update
begin "tunnels' keys and links go with the purge of kedge-netd"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s /nowhere "$root/etc/systemd/system/multi-user.target.wants/kedge-wireguard-go@kedge0.service"
run kedge-netd.postrm purge
must ended 0; must gone /var/lib/kedge-netd; must called 'userdel _kedge-netd'
must gone /etc/systemd/system/multi-user.target.wants/kedge-wireguard-go@kedge0.service

begin 'what kedge-netd has made goes when it is removed, and stays in an upgrade'
run kedge-netd.prerm upgrade 9
must ended 0; must uncalled kedge-netd; must uncalled deb-systemd-invoke
answer kedge-netd 'exit 1'
run kedge-netd.prerm remove
must ended 0; must called 'kedge-netd --take-down'; must said 'some of what it made is left'
must called 'deb-systemd-invoke stop kedge-netd.socket kedge-netd.service kedge-wireguard-go@*.service'
begin 'an upgrade starts kedge-netd again, and tunnels that are switched on'
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s /nowhere "$root/etc/systemd/system/multi-user.target.wants/kedge-wireguard-go@kedge0.service"
run kedge-netd.postinst configure ''
must ended 0; must uncalled 'deb-systemd-invoke restart'; must called 'deb-systemd-invoke start kedge-wireguard-go@kedge0.service'
run kedge-netd.postinst configure 0.1
must ended 0; must called 'deb-systemd-invoke restart kedge-netd.service'
for name in libnss-kedge libpam-kedge; do
        begin "$name tells programs that are confined and run"
        run $name.postinst configure
        must ended 0; must called 'deb-systemd-invoke reload apparmor.service'
        begin "$name reloads no AppArmor that is not there"
        answer aa-enabled 'exit 1'
        run $name.postinst configure
        must ended 0; must uncalled deb-systemd-invoke
done

# What an installation alone brings.
begin 'logins ask nobody new because a package was installed'
for file in "$debian"/../pam-configs/*; do must grep -qx 'Default: no' "$file"; done
begin 'a name of ours that is not proven goes to nobody else'
must grep -qxF 'hosts after=files kedge [!UNAVAIL=return]' "$debian/libnss-kedge.nss"

[ "$bad" = 0 ] && echo "scripts: $count: ok"
exit "$bad"
