#!/usr/bin/env bash
# Each lint must fail when the house is broken on purpose: one violation of each kind, in a copy.
# usage: broken.sh SOURCE_FOLDER
set -u
source=$(cd "${1:-.}" && pwd)
here=$source/tests/lint
work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-broken.XXXXXX")
trap 'rm -rf "$work"' EXIT
bad=0

fresh() {
        rm -rf "$work/tree"
        mkdir "$work/tree"
        (cd "$source" && cp -r lib agent nss pam "$work/tree/" && mkdir -p "$work/tree/tests" "$work/tree/docs")
}

must_fail() { # what, command...
        local what=$1
        shift
        if "$@" >/dev/null 2>&1; then
                echo "broken: not noticed: $what"
                bad=1
        fi
}

must_notice() { # what, part of what is said, command...
        local what=$1 says=$2 out
        shift 2
        if out=$("$@" 2>&1) || ! grep -qF "$says" <<<"$out"; then
                echo "broken: not noticed: $what"
                bad=1
        fi
}

fresh
"$here/arrows.sh" "$work/tree" >/dev/null || { echo "broken: arrows.sh fails on the tree as it is"; bad=1; }
"$here/length.sh" "$work/tree" >/dev/null || { echo "broken: length.sh fails on the tree as it is"; bad=1; }

sed -i '1i #include "chain/chain.h"' "$work/tree/lib/core/rlp.h"
must_fail "core includes chain" "$here/arrows.sh" "$work/tree"
fresh
sed -i '1i #include <stdio.h>' "$work/tree/lib/core/rlp.h"
must_fail "core includes stdio.h" "$here/arrows.sh" "$work/tree"
fresh
echo '#include "core/rlp.h"' > "$work/tree/nss/probe.c"
must_fail "nss includes core" "$here/arrows.sh" "$work/tree"
fresh
echo '#include <wolfssl/ssl.h>' > "$work/tree/lib/kedge/probe.c"
must_fail "libkedge includes wolfSSL" "$here/arrows.sh" "$work/tree"
fresh
mkdir "$work/tree/lib/attic" && echo > "$work/tree/lib/attic/a.c"
must_fail "a room that is not drawn" "$here/arrows.sh" "$work/tree"

fresh
yes '/* line */' | head -801 > "$work/tree/lib/base/long.h"
must_fail "a file of 801 lines" "$here/length.sh" "$work/tree"
fresh
printf '/* %090d */ /* */\n' 0 > "$work/tree/lib/base/wide.h"
must_notice "a line of 103 columns" "wide.h:1: more than 100 columns" "$here/length.sh" "$work/tree"
fresh
{ echo 'int f(void) {'; yes '        ;' | head -60; echo '}'; } > "$work/tree/lib/base/long.c"
must_fail "a function of 62 lines" "$here/length.sh" "$work/tree"

fresh
sed -i '/#include <stdint.h>/d; /#include <sys.socket.h>/d' "$work/tree/lib/kedge/include/kedge/kedge.h"
must_fail "a public header that needs another" "$here/headers.sh" "$work/tree" "$work"
fresh
cp -r "$source/docs/man" "$work/tree/docs/"
sed -i '/kedge_chain_time(/d' "$work/tree/docs/man/kedge.3.rst"
must_fail "a function without a manual page" "$here/man.sh" "$work/tree"
fresh
cp -r "$source/docs/man" "$work/tree/docs/"
sed -i '/kedge_chain_time;/d' "$work/tree/lib/kedge/libkedge.sym"
must_fail "a manual page without a function" "$here/man.sh" "$work/tree"

fresh
cp -r "$source/docs/man" "$work/tree/docs/"
sed -i 's/HeadShare/HeadPart/' "$work/tree/docs/man/kedged.conf.5.rst"
must_notice "a key without its place in the manual" "the key HeadShare" "$here/man.sh" "$work/tree"
sed -i 's/DenyUsers/Mallory/' "$work/tree/docs/man/login.conf.5.rst"
must_notice "a key of login.conf without its place" "the key DenyUsers" "$here/man.sh" "$work/tree"
sed -i 's/AddPerHour/AddPerDay/' "$work/tree/docs/man/net.conf.5.rst"
must_notice "a key of net.conf without its place" "the key AddPerHour" "$here/man.sh" "$work/tree"
sed -i 's/--ours/--theirs/' "$work/tree/docs/man/kedge-known-hosts.8.rst"
must_notice "a helper's option without its place" "the option --ours" "$here/man.sh" "$work/tree"
rm "$work/tree/docs/man/kedge-fetch.8.rst"
must_notice "a program without a manual page" "kedge-fetch has no page" "$here/man.sh" "$work/tree"
fresh
cp -r "$source/docs/man" "$source/docs/dbus" "$work/tree/docs/"
cp -r "$source/packaging" "$work/tree/"
"$here/man.sh" "$work/tree" >/dev/null || { echo "broken: man.sh fails on the tree as it is"; bad=1; }
sed -i '/timed.conf/d' "$work/tree/packaging/debian/kedge-timed.manpages"
must_notice "a page that no package holds" "no package holds timed.conf.5" "$here/man.sh" "$work/tree"
sed -i '/^Documentation=/d' "$work/tree/packaging/systemd/kedge-netd.socket"
must_notice "a unit without a page" "kedge-netd.socket names no page" "$here/man.sh" "$work/tree"
rm "$work/tree/docs/man/netd.conf.5.rst" "$work/tree/docs/man/org.kedge.Agent1.5.rst"
must_notice "a file of /etc/kedge without a page" "netd.conf has no page" "$here/man.sh" "$work/tree"
must_notice "an interface without a page" "org.kedge.Agent1 has no page" "$here/man.sh" "$work/tree"

fresh
mkdir -p "$work/tree/packaging" && cp -r "$source/packaging/completion" "$work/tree/packaging/"
sed -i 's/--heads/--tails/' "$work/tree/packaging/completion/zsh/_kedgectl"
must_notice "an option without its completion" "the word --heads is not in" "$here/completion.sh" "$work/tree"
sed -i 's/doctor//' "$work/tree/packaging/completion/bash/kedgectl"
must_notice "a verb without its completion" "doctor is not in" "$here/completion.sh" "$work/tree"

fresh
cp -r "$source/docs" "$source/README.md" "$work/tree/"
mkdir -p "$work/tree/tests/lint" "$work/tree/packaging" && cp "$here/arrows.sh" "$work/tree/tests/lint/"
echo 'See `lib/core/nothing.c`.' >> "$work/tree/docs/ARCHITECTURE.md"
must_notice "a document names a file that is not there" "nothing.c, which is not there" "$here/docs.sh" "$work/tree"
sed -i 's/^base <- wire <- nss /base <- core <- nss /' "$work/tree/docs/HACKING.md"
must_notice "an arrow is drawn that arrows.sh refuses" "lets nss use core/" "$here/docs.sh" "$work/tree"

guide() { # sed expression, what, part of what is said: the operator's guide, changed
        fresh
        cp -r "$source/docs" "$source/README.md" "$work/tree/"
        mkdir "$work/tree/tests/packages" && cp "$source/tests/packages/guide.py" "$work/tree/tests/packages/"
        sed -i "$1" "$work/tree/docs/operators-guide.md"
        must_notice "$2" "$3" "$here/guides.sh" "$work/tree"
}
guide 's/kedgectl doctor/kedgectl medic/' "a verb that is none" "kedgectl medic"
guide 's/kedgectl setup --undo/kedgectl setup --redo/' "an option that is none" "names --redo"
guide 's/man net.conf/man nets.conf/' "a manual page that is not there" "nets.conf"
guide 's/`StaleMax=/`StaleMost=/; s/`EndSessions=/`EndSession=/' "a key that is none" "EndSession="
guide 's/`the agent does not run`/`the agent is asleep`/' "a symptom that no program shows" "the agent is asleep"
guide 's/<!-- test: exit 5 -->/<!-- test: exits 5 -->/' "a comment that steers nothing" "exits 5"
guide 's/^<!-- test: write .*net.conf -->$//' "a block that nobody runs" "nothing says what to do with this block"
guide 's/^```console$/```console now/' "a block that is written in another way" "this is read by nobody"

fresh
mkdir -p "$work/tree/tests/lint/mutations"
printf 'lib/core/rlp.c\tno such text\t0\tunit rlp\n' > "$work/tree/tests/lint/mutations/a.txt"
must_notice "a guard whose text is gone" "stands 0 times" "$here/guards.sh" "$work/tree"

fresh
printf '/* %s: later */\n' "TO""DO" > "$work/tree/lib/base/later.h"
must_fail "unfinished work" "$here/words.sh" "$work/tree"

cat > "$work/impure.c" <<'EOF'
#include <stdlib.h>
void *impure(void);
void *impure(void) { return malloc(1); }
EOF
cc -c "$work/impure.c" -o "$work/impure.o" && ar rc "$work/libimpure.a" "$work/impure.o"
ar rc "$work/libpure.a"
must_notice "core allocates" "lib/core uses malloc" "$here/pure.sh" "$work/libimpure.a" "$work/libpure.a"
must_notice "chain allocates otherwise" "lib/chain uses malloc" "$here/pure.sh" "$work/libpure.a" "$work/libimpure.a"

echo 'int main(int argc, char **argv) { char b[64] = { 0 }; b[argc] = argv[0][0]; return b[1]; }' > "$work/soft.c"
soft() { # what is said, compiler arguments that take one protection away
        local says=$1
        shift
        cc -O1 -fstack-protector-strong -pie -fPIE -Wl,-z,relro,-z,now "$@" -o "$work/soft" "$work/soft.c" &&
                must_notice "built with $*" "$says" "$here/hardening.sh" no "$work/soft"
}
soft 'no PIE' -no-pie -fno-pie
soft 'no RELRO' -Wl,-z,norelro
soft 'no NOW' -Wl,-z,lazy
soft 'the stack may hold code' -Wl,-z,execstack
soft 'no stack protector' -fno-stack-protector
must_notice "nothing fortified" "no checked libc calls" "$here/hardening.sh" yes "$work/soft"

profiles() { # what, what is said, file, sed's words
        rm -rf "$work/tree/packaging" && cp -r "$source/packaging" "$work/tree/"
        sed -i "$4" "$work/tree/packaging/$3"
        must_notice "$1" "$2" "$here/apparmor.sh" "$work/tree"
}
if "$here/apparmor.sh" "$source" >/dev/null 2>&1; then
        profiles "a profile that is none" "kedged:" apparmor/kedged 's/network unix stream,/network unix stream/'
        profiles "a snippet that is none" "other-nameservice:" apparmor/nameservice.d/kedge '$s/,$//'
        profiles "a profile without its local part" "without local/kedge-fetch" apparmor/kedge-fetch '/include if exists/d'
        profiles "a profile that is not loaded" "no package brings and loads it" debian/rules '/profile-name=kedge-timed$/d'
        profiles "a unit without a profile" "names no profile of ours" systemd/kedged.service.in /AppArmorProfile/d
fi

[ "$bad" = 0 ] && echo "broken: every lint notices"
exit "$bad"
