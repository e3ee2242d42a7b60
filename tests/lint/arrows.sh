#!/usr/bin/env bash
# The arrows of docs/HACKING.md: which room may include which. Reads every #include of ours in the
# product and fails on one that is not drawn here.
# usage: arrows.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2

# room : prefixes of "..." includes that it may use
allowed() {
        case "$1" in
        lib/base) echo "base/" ;;
        lib/core) echo "base/ core/" ;;
        lib/chain) echo "base/ core/ chain/" ;;
        lib/ini) echo "base/ ini/" ;;
        lib/wire) echo "base/ wire/ config.h" ;;
        lib/kedge) echo "base/ wire/ kedge/kedge.h kedge/ config.h" ;;
        lib/kedge-wolfssl) echo "base/ kedge/kedge.h kedge/wolfssl.h kedge-wolfssl/" ;;
        nss) echo "base/ wire/ nss/ config.h" ;;
        pam) echo "base/ wire/ pam/ config.h" ;;
        agent/ssh) echo "base/ core/sha256.h wire/ agent/ssh/ config.h" ;;
        agent/kedged) echo "base/ core/ chain/ wire/ ini/ agent/kedged/ config.h" ;;
        agent/fetch) echo "base/ wire/ agent/fetch/ config.h" ;;
        agent/timed) echo "base/ wire/ ini/ agent/timed/ config.h" ;;
        agent/netd) echo "base/ wire/ ini/ agent/netd/ config.h" ;;
        agent/kedgectl) echo "base/ core/ chain/ wire/ kedge/kedge.h agent/kedgectl/ agent/kedged/config.h agent/kedged/config_value.h agent/kedged/network.h config.h" ;;
        *) return 1 ;;
        esac
}

# room : library headers in <...> that are refused there
refused() {
        case "$1" in
        lib/base | lib/wire | lib/kedge | nss) echo "wolfssl/ secp256k1 systemd/ ini.h jansson.h ares.h curl/" ;;
        lib/ini) echo "wolfssl/ secp256k1 systemd/ jansson.h ares.h curl/ stdlib.h unistd.h time.h fcntl.h sys/" ;;
        lib/core) echo "systemd/ ini.h jansson.h ares.h curl/ stdio.h stdlib.h unistd.h time.h fcntl.h sys/" ;;
        lib/chain) echo "wolfssl/ secp256k1 systemd/ ini.h jansson.h ares.h curl/ stdio.h unistd.h time.h fcntl.h sys/" ;;
        lib/kedge-wolfssl) echo "secp256k1 systemd/ ini.h jansson.h ares.h curl/" ;;
        agent/kedged) echo "wolfssl/ secp256k1 ares.h curl/ netdb.h pwd.h grp.h" ;;
        pam) echo "wolfssl/ secp256k1 systemd/ ini.h jansson.h ares.h curl/ netdb.h assert.h" ;;
        agent/ssh) echo "wolfssl/ secp256k1 systemd/ ini.h jansson.h ares.h curl/ netdb.h" ;;
        agent/fetch) echo "secp256k1 ini.h pwd.h netdb.h" ;;
        agent/timed) echo "wolfssl/ secp256k1 ini.h jansson.h ares.h curl/ netdb.h pwd.h grp.h systemd/sd-bus.h netinet/ arpa/" ;;
        agent/netd) echo "secp256k1 ini.h jansson.h ares.h curl/ netdb.h pwd.h grp.h systemd/sd-bus.h" ;;
        agent/kedgectl) echo "wolfssl/ secp256k1 ini.h ares.h curl/" ;;
        esac
}

bad=0
say() {
        echo "arrows: $*"
        bad=1
}

starts_with_one_of() { # text, prefixes
        local p
        for p in $2; do
                case "$1" in "$p"*) return 0 ;; esac
        done
        return 1
}

# Without a process for each line: this runs a dozen times in broken.sh.
check_file() {
        local file=$1 room=$2 line name mine='^ *# *include *"([^"]*)"' libs='^ *# *include *<([^>]*)>'
        while IFS= read -r line; do
                if [[ $line =~ $mine ]]; then
                        name=${BASH_REMATCH[1]}
                        starts_with_one_of "$name" "$allowed_here" || say "$file: $room must not include \"$name\""
                        case "$name" in *..*) say "$file: \"$name\" climbs out of its room" ;; esac
                elif [[ $line =~ $libs ]]; then
                        name=${BASH_REMATCH[1]}
                        starts_with_one_of "$name" "$refused_here" && say "$file: $room must not use <$name>"
                fi
        done < <(grep -E '^ *# *include' "$file")
}

for file in $(find $(ls -d lib agent nss pam 2>/dev/null) -name "*.[ch]" | sort); do
        room=$file
        while room=${room%/*}; do
                allowed "$room" >/dev/null && break
                case "$room" in */*) ;; *) room= && break ;; esac
        done
        if [ -z "$room" ]; then
                say "$file: lies in no room that is drawn here"
        else
                allowed_here=$(allowed "$room") refused_here=$(refused "$room")
                check_file "$file" "$room"
        fi
done

[ "$bad" = 0 ] && echo "arrows: ok"
exit "$bad"
