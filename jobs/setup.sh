#!/usr/bin/env bash
# Install what building needs where it is missing (Debian and its kin), and build in b/. Run by demo.sh and tests/run.sh.
# usage: jobs/setup.sh [configure arguments]     --packages alone: install, but do not build
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(gcc make autoconf automake pkg-config libopenmpi-dev openmpi-bin libopenblas-dev libhdf5-dev libyaml-dev
    libjansson-dev libutf8proc-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev libtiff-dev libcairo2-dev
    libxxhash-dev libzip-dev libcurl4-openssl-dev libssl-dev)
if command -v dpkg-query > /dev/null; then
    missing=()
    for p in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${Status}' "$p" 2> /dev/null)" = "install ok installed" ] || missing+=("$p")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        echo "installing ${missing[*]}"
        sudo=
        [ "$(id -u)" = 0 ] || sudo=sudo
        $sudo apt-get update -qq
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
    fi
else
    echo "not a Debian machine: needed are ${packages[*]} or their like" >&2
fi

[ "${1:-}" != --packages ] || exit 0
if [ ! -e configure ] || [ configure -ot configure.ac ]; then autoreconf -i; fi
mkdir -p b
cd b
if [ ! -e Makefile ] || [ $# -gt 0 ]; then ../configure -q "$@"; fi
make -s -j"$(nproc)"
