#!/usr/bin/env bash
# Debian packages that only tests want; tests that miss theirs say SKIP. Quick where all is there. No service is started.
# usage: tests/install.sh [PACKAGE ...]     these instead of what tests/run.sh wants
set -uo pipefail
packages=(iproute2 slurmctld slurmd slurm-client munge gridengine-master gridengine-exec gridengine-client)
[ $# -eq 0 ] || packages=("$@")
command -v dpkg-query > /dev/null || exit 0
missing=()
for p in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${Status}' "$p" 2> /dev/null)" = "install ok installed" ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
$sudo true 2> /dev/null || { echo "cannot install ${missing[*]} without root: their tests are skipped"; exit 0; }
echo "installing ${missing[*]}"
# Debian's packages ask this file whether to start what they bring: no. One that is there already is left alone.
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy > /dev/null && $sudo chmod +x $policy && ours=1
fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null ||
    echo "not all could be installed: tests that miss them are skipped"
[ -z "$ours" ] || $sudo rm -f $policy
