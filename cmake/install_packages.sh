#!/bin/bash
# Installs the packages of cmake/packages.txt for the uses named, if any is missing.
#
# Usage: cmake/install_packages.sh USE... (build, quickstart, test)
#
# Needs root, or sudo, only when something is missing. No service is started: a package that brings a daemon
# (Postfix) is installed under a policy that forbids it, and Postfix gets no configuration of its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

[ $# -gt 0 ] || { echo "usage: $0 USE..." >&2; exit 2; }
if ! command -v dpkg-query >/dev/null; then
  echo "install_packages: this is not a Debian system; install the packages of cmake/packages.txt by hand" >&2
  exit 1
fi

missing=()
for use in "$@"; do
  known=no
  while read -r for_what package; do
    [ "$for_what" = "$use" ] || continue
    known=yes
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done < "$here/packages.txt"
  [ $known = yes ] || { echo "install_packages: no package is listed for '$use'" >&2; exit 2; }
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install_packages: root is needed; run: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

# Debian keeps one mail transport agent: installing Postfix would take another one away.
if [[ " ${missing[*]} " == *" postfix "* ]]; then
  other=$(dpkg-query -W -f '${Package} ${db:Status-Status} ${Provides}\n' 2>/dev/null |
    awk '$2 == "installed" && /mail-transport-agent/ && $1 != "postfix" { print $1; exit }')
  if [ -n "$other" ]; then
    echo "install_packages: '$other' is this machine's mail server, and installing postfix would remove it." >&2
    echo "Run the tests in a container or on another machine." >&2
    exit 1
  fi
  echo "postfix postfix/main_mailer_type select No configuration" | "${as_root[@]}" debconf-set-selections
fi

policy=/usr/sbin/policy-rc.d
remove_policy=no
finish() { [ $remove_policy = no ] || "${as_root[@]}" rm -f "$policy"; }
trap finish EXIT
if [ ! -e "$policy" ]; then
  remove_policy=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -qq)
for attempt in 1 2 3; do
  if "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null; then
    exit 0
  fi
  echo "install_packages: attempt $attempt failed" >&2
  sleep $((attempt * 5))
done
echo "install_packages: the packages could not be installed" >&2
exit 1
