#!/usr/bin/env bash
# Every exported function has a place in a manual page of section 3, with its prototype; every function that such a
# page declares is exported; every public function is declared in a header with a comment of its own. Every program
# has a page; what may stand in the configuration or behind kedgectl is in theirs.
# usage: man.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
bad=0

say() {
        echo "man: $*"
        bad=1
}

exported=$(cat lib/*/*.sym 2>/dev/null | sed -n 's/^ *\(kedge_[a-z0-9_]*\);.*/\1/p' | sort -u)
pages=$(ls docs/man/*.3.rst 2>/dev/null)
[ -n "$exported" ] || say "no .sym file lists anything"
[ -n "$pages" ] || say "no page docs/man/*.3.rst"

# A declaration in a page is an indented line that begins with a type and holds "kedge_x(".
# shellcheck disable=SC2086
declared=$(grep -hE '^    [a-z].*\bkedge_[a-z0-9_]+\(' $pages /dev/null | grep -oE '\bkedge_[a-z0-9_]+\(' | tr -d '(' | sort -u)

for f in $exported; do
        printf '%s\n' "$declared" | grep -qxF "$f" || say "$f() is exported, but no page declares it"
        grep -hqE "^KEDGE_PUBLIC.*\b$f\(" lib/*/include/kedge/*.h || say "$f() is exported, but no header declares it"
done
for f in $declared; do
        printf '%s\n' "$exported" | grep -qxF "$f" || say "$f() stands in a page, but is not exported"
done

# In a header, a comment /** ... */ ends on the line before each public function.
for header in lib/*/include/kedge/*.h; do
        [ -e "$header" ] || continue
        awk -v file="$header" '
                /^KEDGE_PUBLIC/ && before !~ /\*\/$/ { print "man: " file ":" NR ": no comment says what a caller must know"; bad = 1 }
                { before = $0 }
                END { exit bad }' "$header" || bad=1
done

# Every page is built, every program has one.
for page in docs/man/*.rst; do
        [ -e "$page" ] || continue
        name=$(basename "$page" .rst)
        grep -q "'$name'" docs/man/meson.build || say "$page is not in docs/man/meson.build"
done
for program in $(grep -hoE "^[a-z_]+ = executable\('[a-z-]+'" agent/*/meson.build | sed "s/.*'\(.*\)'/\1/"); do
        compgen -G "docs/man/$program.[18].rst" >/dev/null || say "$program has no page of section 1 or 8"
done

# So does every interface of the bus, every module, every unit (in Documentation=), and every file of ours below /etc/kedge.
for interface in docs/dbus/*.xml; do
        [ -e "$interface" ] || continue
        interface=$(basename "$interface" .xml)
        [ -e "docs/man/$interface.5.rst" ] || say "the interface $interface has no page of section 5"
done
for unit in packaging/systemd/*; do
        [ -e "$unit" ] || continue
        page=$(sed -n 's/^Documentation=man:\([A-Za-z0-9_.-]*\)(\([0-9]\)).*/\1.\2/p' "$unit")
        [ -e "docs/man/$page.rst" ] || say "$unit names no page of ours in Documentation="
done
for page in $(sed -nE 's,^[^A-Za-z]*(/etc/kedge/)?([a-z]+\.conf): .*,\2,p' packaging/examples/*.conf 2>/dev/null | sort -u); do
        [ -e "docs/man/$page.5.rst" ] || say "$page has no page of section 5"
done

# The packages hold every page.
if [ -d packaging/debian ]; then
        packaged=$(sed 's,.*/,,' packaging/debian/*.manpages)
        for page in $(cd docs/man && ls ./*.[1-8].rst | sed 's,^\./,,; s/\.rst$//'); do
                case "$page" in *.3) continue ;; esac # by their folder
                printf '%s\n' "$packaged" | grep -qxF "$page" || say "no package holds $page (packaging/debian/*.manpages)"
        done
fi

# What the programs take is in their pages: the keys of the configuration, the verbs and options of kedgectl.
stands() { # word, page, what it is
        grep -qwF -e "$1" "$2" || say "$3 $1 is not in $2"
}
for key in $(sed -n 's/^ *{ SECTION_[A-Z]*, "\([A-Za-z]*\)".*/\1/p' agent/kedged/config.c); do
        stands "$key" docs/man/kedged.conf.5.rst "the key"
done
for key in $(sed -n 's/^ *{ SECTION_[A-Z]*, "\([A-Za-z]*\)".*/\1/p' agent/kedged/login_config.c); do
        stands "$key" docs/man/login.conf.5.rst "the key"
        stands "$key" packaging/examples/login.conf "the key"
done
for key in $(sed -n 's/^ *{ OF_[A-Z]*, "\([A-Za-z]*\)".*/\1/p' agent/kedged/net_config.c); do
        stands "$key" docs/man/net.conf.5.rst "the key"
        stands "$key" packaging/examples/net.conf "the key"
done
for key in $(sed -n '/^} keys\[\]/,/^};/s/^ *{ "\([A-Za-z]*\)",.*/\1/p' agent/timed/conf.c); do
        stands "$key" docs/man/timed.conf.5.rst "the key"
        stands "$key" packaging/examples/timed.conf "the key"
done
for option in $(sed -n 's/^ *{ "\([a-z-]*\)", [a-z]*_argument,.*/--\1/p' agent/timed/main.c); do
        stands "$option" docs/man/kedge-timed.8.rst "the option"
done
for key in $(sed -n '/^} keys\[\]/,/^};/s/^ *{ "\([A-Za-z]*\)",.*/\1/p' agent/netd/conf.c); do
        stands "$key" docs/man/netd.conf.5.rst "the key"
        stands "$key" packaging/examples/netd.conf "the key"
done
for option in $(sed -n 's/^ *{ "\([a-z-]*\)", [a-z]*_argument,.*/--\1/p' agent/netd/main.c); do
        stands "$option" docs/man/kedge-netd.8.rst "the option"
done
for id in $(sed -n 's/^#define MESSAGE_ID_.*"\([0-9a-f]*\)"$/\1/p' agent/kedged/message_id.h); do
        stands "$id" docs/man/kedged.8.rst "the message"
        stands "$id" packaging/journal/kedge.catalog "the message"
done
for option in $(sed -nE 's/.*strn?cmp\(word, "([a-z]+)=?".*/\1/p' pam/args.c 2>/dev/null); do
        stands "$option" docs/man/pam_kedge.8.rst "the option"
done
for program in authorized_keys known_hosts; do
        for option in $(sed -n 's/^ *"  \(--[a-z]*\).*/\1/p' "agent/ssh/$program.c"); do
                stands "$option" "docs/man/kedge-${program//_/-}.8.rst" "the option"
        done
done
for verb in $(sed -n 's/^ *{ "\([a-z]*\)", ".*verb_.*/\1/p' agent/kedgectl/main.c); do
        stands "$verb" docs/man/kedgectl.1.rst "the verb"
done
for option in $(sed -n 's/^ *{ "\([a-z-]*\)", [a-z]*_argument,.*/--\1/p' agent/kedgectl/options.c); do
        stands "$option" docs/man/kedgectl.1.rst "the option"
done

[ "$bad" = 0 ] && echo "man: ok"
exit "$bad"
