#!/usr/bin/env bash
# Sees to it that the browser tests have a Chromium. Called by `make test`.
#
# Where none is found it is installed with apt-get, if we are root or sudo asks for no password. Otherwise this says what
# to do and ends well: the browser tests then skip with a reason, or fail if TRAINYARD_BROWSER=required.
# tests/conftest.py looks in the same places.
set -uo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

find_chromium() { .venv/bin/python -c 'import sys; sys.path.insert(0, "tests"); import browser; print(browser.find() or "")' 2>/dev/null; }

# Prints the prefix to run apt-get with ("" or "sudo"), or fails.
as_root() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" = 0 ]; then echo ""; return; fi
    command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null && echo "sudo -n"
}

install_chromium() {
    local prefix
    prefix="$(as_root)" || return 1
    say "Installing Chromium for the browser tests"
    # The list may be new enough already; an update that fails is then no reason to stop.
    $prefix apt-get update -qq >/dev/null 2>&1 || say "apt-get update did not go through; trying with the list that is here."
    $prefix env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
}

[ -n "$(find_chromium)" ] && exit 0
install_chromium
[ -n "$(find_chromium)" ] && exit 0
say "No Chromium is here and none could be installed, so the browser tests cannot run."
say "Install one with '.venv/bin/python -m playwright install chromium', or set TRAINYARD_CHROMIUM to the program's path."
exit 0
