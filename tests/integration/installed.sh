#!/usr/bin/env bash
# What `meson install` leaves is enough: in a folder of its own, the example program builds with pkg-config alone, loads
# our libraries from there, and the units start programs that are there.
# usage: installed.sh SOURCE_FOLDER BUILD_FOLDER PREFIX
set -u
source=$1
build=$2
prefix=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-installed.XXXXXX")
trap 'rm -rf "$work"' EXIT
bad=0

say() {
        echo "installed: $*"
        bad=1
}

meson install -C "$build" --no-rebuild --destdir "$work" >"$work/log" 2>&1 || { tail -5 "$work/log"; say "meson install fails"; exit 1; }
root=$work$prefix

# The .pc files name the prefix of a true installation; here it lies below a folder.
PKG_CONFIG_PATH=$(find "$root" -type d -name pkgconfig)
export PKG_CONFIG_PATH
lib=$(dirname "$PKG_CONFIG_PATH")
flags() { pkg-config --define-variable=prefix="$root" --cflags --libs "$@"; }

builds() { # compiler and its flags, source, packages...
        local compile=$1 from=$2 out=$work/program
        shift 2
        # shellcheck disable=SC2046,SC2086
        $compile -o "$out" "$from" $(flags "$@") 2>"$work/log" || { head -5 "$work/log"; say "$(basename "$from") does not build with $*"; return 1; }
        if LD_LIBRARY_PATH=$lib ldd "$out" | grep -E 'libkedge' | grep -qv "$lib/"; then
                say "$(basename "$from") loads libkedge from elsewhere"
        fi
}

if [ -e "$PKG_CONFIG_PATH/kedge-wolfssl.pc" ]; then
        builds "${CC:-cc} -std=gnu11 -Wall -Werror" "$source/docs/examples/plant-control.c" kedge-wolfssl
        LD_LIBRARY_PATH=$lib ldd "$work/program" | grep -q 'libkedge-wolfssl.so.1' || say "plant-control does not load libkedge-wolfssl.so.1"
        LD_LIBRARY_PATH=$lib KEDGE_RUNTIME_DIR=$work/none "$work/program" 0x6000000000000000000000000000000000000001 \
                plant-control.fleet >"$work/log" 2>&1
        code=$?
        [ "$code" = 6 ] || { cat "$work/log"; say "plant-control without an agent: exit code $code, not 6"; }
fi

cat > "$work/small.cc" <<'END'
#include <kedge/kedge.h>
int main() {
        kedge_client *client = nullptr;
        int r = kedge_client_new(&client);
        kedge_client_free(client);
        return r < 0;
}
END
builds "${CXX:-c++} -Wall -Werror" "$work/small.cc" kedge &&
        { LD_LIBRARY_PATH=$lib "$work/program" || say "a C++ program with libkedge does not run"; }
[ "$(ldd "$lib/libkedge.so" | awk '{ print $1 }' | grep -cvE '^(linux-vdso|libc\.so|/lib.*ld-linux|libasan|libubsan|libm\.so|libgcc_s|libdl|librt|libpthread)')" = 0 ] ||
        say "libkedge.so loads more than libc"

# One that systemd gives up on applies no revocation any more.
for unit in kedge-netd.service kedge-wireguard-go@.service; do
        grep -qx 'StartLimitIntervalSec=0' "$root/lib/systemd/system/$unit" || say "$unit is given up on when it ends often"
done

[ -e "$root/lib/systemd/catalog/kedge.catalog" ] || say "the texts of journalctl -x are not installed"

for unit in "$root"/lib/systemd/system/*.service; do
        program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
        case "$program" in
        "$prefix"/*) [ -x "$work$program" ] || say "$(basename "$unit") starts $program, which is not installed" ;;
        /usr/bin/wireguard-go) ;; # a package of its own
        *) say "$(basename "$unit") starts $program, which is not ours" ;;
        esac
        grep -q '@[a-z]*@' "$unit" && say "$(basename "$unit") still holds an @name@"
        page=$(sed -n 's/^Documentation=man:\([a-z.-]*\)(\([1-8]\)).*/man\2\/\1.\2/p' "$unit")
        [ -z "$page" ] || [ -e "$root/share/man/$page" ] || ! command -v rst2man >/dev/null ||
                say "$(basename "$unit") names the page $page, which is not installed"
done

# The users that the units run as are made, and the examples are good.
for user in $(sed -n 's/^User=//p' "$root"/lib/systemd/system/*.service | sort -u); do
        grep -q "^u $user " "$root"/lib/sysusers.d/kedge*.conf || say "nobody makes the user $user"
done
"$root/libexec/kedge/kedge-timed" --config="$root/share/doc/kedge/examples/timed.conf" --check-config >"$work/log" 2>&1 ||
        { cat "$work/log"; say "the example timed.conf is not good"; }

"$root/libexec/kedge/kedge-netd" --config="$root/share/doc/kedge/examples/netd.conf" --check-config >"$work/log" 2>&1 ||
        { cat "$work/log"; say "the example netd.conf is not good"; }
sed -E 's/^# (\[|[A-Z][A-Za-z]*=)/\1/' "$root/share/doc/kedge/examples/netd.conf" >"$work/netd.conf"
"$root/libexec/kedge/kedge-netd" --config="$work/netd.conf" --check-config >"$work/log" 2>&1 ||
        { cat "$work/log"; say "the example netd.conf is not good when it is used"; }
[ -e "$root/lib/systemd/system/kedge-netd.socket" ] || say "kedge-netd.socket is not installed"

# The example login.conf is good as it stands, and with every line of it in use; and what is wrong in it is seen.
printf '[Chain diode]\nBackend=blockquick\nChainId=15\nUpstream=diode://0x%040d@127.0.0.1:1\n[Zone plant.internal]\nContract=0x%040d\n' \
        1 1 >"$work/kedged.conf"
check_config() { "$root/sbin/kedged" --config="$work/kedged.conf" --check-config >"$work/log" 2>&1; }
example=$root/share/doc/kedge/examples/login.conf
cp "$example" "$work/login.conf"
check_config || { cat "$work/log"; say "the example login.conf is not good"; }
sed -E 's/^# (\[|[A-Z][A-Za-z]*=)/\1/' "$example" >"$work/login.conf"
check_config || { cat "$work/log"; say "the example login.conf is not good when it is used"; }
echo 'Servces=sshd' >>"$work/login.conf"
check_config && say "a wrong key in login.conf is not seen"
rm "$work/login.conf"

# The same of net.conf.
example=$root/share/doc/kedge/examples/net.conf
cp "$example" "$work/net.conf"
check_config || { cat "$work/log"; say "the example net.conf is not good"; }
sed -E 's/^# (\[|[A-Z][A-Za-z]*=)/\1/' "$example" >"$work/net.conf"
check_config && grep -q '1 networks' "$work/log" || { cat "$work/log"; say "the example net.conf is not good when it is used"; }
echo 'Alow=icmp' >>"$work/net.conf"
check_config && say "a wrong key in net.conf is not seen"
rm "$work/net.conf"

# The lines for sshd and ssh call programs that are there, as a user that is made.
for lines in sshd-kedge ssh-kedge; do
        for program in $(grep -v '^ *#' "$root/share/doc/kedge/examples/$lines.conf" | grep -oE '/[^ "]*/kedge-[a-z-]+'); do
                [ -x "$work$program" ] || say "$lines.conf calls $program, which is not installed"
        done
done
user=$(sed -n 's/^ *AuthorizedKeysCommandUser //p' "$root/share/doc/kedge/examples/sshd-kedge.conf")
grep -q "^u ${user:-none} " "$root"/lib/sysusers.d/kedge*.conf || say "nobody makes the user $user of sshd-kedge.conf"

# What D-Bus and polkit read: the bus's daemon takes the policy, and the interface is the one that is documented.
policy=$root/share/dbus-1/system.d/org.kedge.Agent1.conf
printf '<busconfig><type>system</type><listen>unix:path=%s/bus</listen><include>%s</include></busconfig>' "$work" "$policy" >"$work/bus.conf"
[ -s "$policy" ] || say "there is no policy for the system bus"
if command -v dbus-daemon >/dev/null; then
        dbus-daemon --config-file="$work/bus.conf" --nofork --nopidfile --print-address=1 >"$work/address" 2>"$work/log" &
        bus=$!
        for _ in $(seq 100); do
                [ -s "$work/address" ] || ! kill -0 "$bus" 2>/dev/null || sleep 0.1
        done
        [ -s "$work/address" ] || { cat "$work/log"; say "dbus-daemon does not take the policy"; }
        kill "$bus" 2>/dev/null
        wait "$bus" 2>/dev/null
else
        echo "installed: dbus-daemon is not here: it was not asked about the policy"
fi
for file in share/polkit-1/actions/org.kedge.agent1.policy share/dbus-1/interfaces/org.kedge.Agent1.xml; do
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$root/$file" >"$work/log" 2>&1 || { tail -1 "$work/log"; say "$file is not XML"; }
done

# What systemd itself says of the units; of its own units and programs there are none below this root.
if command -v systemd-analyze >/dev/null; then
        for unit in "$root"/lib/systemd/system/*.service; do
                systemd-analyze verify --man=no --root="$work" "$unit" 2>&1 |
                        grep -vE 'Unit [a-z-]*\.(target|socket) not found|Command /(usr/)?bin/[a-z-]* is not executable' >"$work/log"
                [ -s "$work/log" ] && { cat "$work/log"; say "systemd does not like $(basename "$unit")"; }
                systemd-analyze security --offline=true --threshold=20 --root="$work" --no-pager "$unit" >"$work/log" 2>&1 ||
                        { tail -1 "$work/log"; say "$(basename "$unit") is exposed more than 2.0"; }
        done
else
        echo "installed: systemd-analyze is not here: the units are not looked at"
fi

# The networks that are shipped: two lines are a configuration. kedged looks for them where they are installed.
networks=share/kedge/networks.d
root_hash=0x$(printf '12%.0s' {1..32})
for network in mainnet sepolia hoodi; do
        printf '[Agent]\nNetworksDirectory=%s\n[Chain %s]\nCheckpoint=%s\n' "$root/$networks" "$network" "$root_hash" >"$work/k.conf"
        "$root/sbin/kedged" --config="$work/k.conf" --check-config >"$work/log" 2>&1 || { cat "$work/log"; say "two lines for $network are not enough"; }
done
printf '[Chain nowhere]\nBackend=ethereum\n' >"$work/k.conf"
"$root/sbin/kedged" --config="$work/k.conf" --check-config >"$work/log" 2>&1 && say "kedged takes a network that is nowhere"
grep -q "$prefix/$networks" "$work/log" || { cat "$work/log"; say "kedged does not look for networks in $prefix/$networks"; }

# What the shells complete.
for file in bash-completion/completions/kedgectl zsh/vendor-completions/_kedgectl; do
        [ -s "$root/share/$file" ] || say "$file is not installed"
done

[ "$bad" = 0 ] && echo "installed: ok"
exit "$bad"
