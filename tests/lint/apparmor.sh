#!/usr/bin/env bash
# Each AppArmor profile is read by AppArmor's parser; one that a unit names is there, each comes with a package, which loads it.
# usage: apparmor.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
profiles=packaging/apparmor
bad=0
say() { echo "apparmor: $*"; bad=1; }

parser=$(PATH=$PATH:/usr/sbin:/sbin command -v apparmor_parser) && [ -d /etc/apparmor.d/abstractions ] || { echo "skipped: apparmor is not installed"; exit 77; }
base=$(mktemp -d "${TMPDIR:-/tmp}/kedge-apparmor.XXXXXX")
trap 'rm -rf "$base"' EXIT
cp -r /etc/apparmor.d/{abi,abstractions,tunables} "$base/"
for snippet in nameservice authentication; do
        mkdir -p "$base/abstractions/$snippet.d"
        cp "$profiles/$snippet.d/kedge" "$base/abstractions/$snippet.d/"
        printf 'abi <abi/3.0>,\ninclude <tunables/global>\nprofile other-%s {\n  include <abstractions/%s>\n}\n' $snippet $snippet >"$base/other-$snippet"
done
for file in "$profiles"/* "$base"/other-*; do
        [ -f "$file" ] || continue
        said=$("$parser" --base "$base" --skip-kernel-load --skip-cache "$file" 2>&1) || say "${file##*/}: $said"
done

for file in "$profiles"/*; do
        [ -f "$file" ] || continue
        name=${file##*/}
        grep -q "^profile $name " "$file" || say "$name: holds no profile of that name"
        grep -q "include if exists <local/$name>" "$file" || say "$name: without local/$name"
        package=$(basename "$(grep -l "^$file etc/apparmor.d\$" packaging/debian/*.install)" .install)
        grep -q "dh_apparmor --package=$package --profile-name=$name\$" packaging/debian/rules || say "$name: no package brings and loads it"
done
for unit in packaging/systemd/*.service.in; do
        name=$(sed -n 's/^AppArmorProfile=-//p' "$unit")
        [ -n "$name" ] && [ -f "$profiles/$name" ] || say "${unit##*/}: names no profile of ours"
done
[ $bad = 0 ] && echo "apparmor: ok"
exit $bad
