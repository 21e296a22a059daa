#!/usr/bin/env bash
# Installs one requirements file into .venv, which it makes when it is missing. Called by the Makefile.
#
#   tools/install.sh requirements.txt
#   tools/install.sh requirements-dev.txt
#
# What is installed is remembered in a stamp file named after the *content* of the requirements files, this script, the
# Python and whether there is a GPU: a second run reads the stamp and does nothing, a changed pin installs again, and an
# install that was broken off leaves no stamp and is taken up again.
#
# With an NVIDIA GPU (nvidia-smi works) PyTorch comes in its CUDA build and XGBoost is swapped for its CUDA build, without
# the second copy of NCCL that its wheel asks for: that copy and PyTorch's share one path, and each would overwrite the
# other. Without a GPU, on Linux, set TORCH_INDEX_URL to an index with CPU builds to spare some gigabytes of CUDA libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted="${1:?usage: tools/install.sh REQUIREMENTS_FILE}"
venv=.venv
python="$venv/bin/python"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; }

has_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 python; do
        if new_enough "$name"; then command -v "$name"; return; fi
        if [ "$name" = "${PYTHON:-}" ]; then
            say "PYTHON=$name does not start, or is not Python 3.11, 3.12 or 3.13. Set it to one of these, or leave it unset."
            exit 1
        fi
    done
    say "Trainyard needs Python 3.11, 3.12 or 3.13, and found none of them."
    say "Install one, or name it: make app PYTHON=/path/to/python3.11"
    exit 1
}

make_venv() {
    if [ -x "$python" ] && new_enough "$python"; then return; fi
    local base
    base="$(find_python)"
    say "Making $venv with $base"
    rm -rf "$venv"
    if ! "$base" -m venv "$venv"; then
        rm -rf "$venv"
        say "$base cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"
        exit 1
    fi
}

# The stamp's name: equal exactly when an install would do the same thing again.
stamp_for() {
    "$python" - "$1" "$gpu" <<'PY'
import hashlib, pathlib, sys
name, gpu = sys.argv[1:]
files = sorted({"requirements.txt", name, "tools/install.sh"})
parts = [sys.version, gpu, *(pathlib.Path(f).read_text() for f in files)]
print(f".venv/.installed-{pathlib.Path(name).stem}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}")
PY
}

# A person sees what is being fetched; a log does not fill with it.
if [ -t 2 ]; then manner="--progress-bar on"; else manner="-qq --progress-bar off"; fi
pip_install() { "$python" -m pip install $manner "$@" >&2; }

install_torch_for_cpu() {
    [ -n "${TORCH_INDEX_URL:-}" ] || return 0
    say "Taking a CPU build of PyTorch from TORCH_INDEX_URL"
    pip_install --extra-index-url "$TORCH_INDEX_URL" "$(grep '^torch==' requirements.txt)" ||
        say "TORCH_INDEX_URL gave no PyTorch; going on with the ordinary index."
}

# A local CPU wheel (torch==X+cpu) beats the index's CUDA build of the same version, so pip is asked without local folders.
install_torch_for_gpu() {
    if "$python" -m pip show torch 2>/dev/null | grep -q '^Version:.*+cpu'; then "$python" -m pip uninstall --quiet --yes torch; fi
    env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL "$python" -m pip install -qq "$(grep '^torch==' requirements.txt)"
}

# Both builds live in one folder, so both go before the one that is wanted comes.
# From Python 3.12 there is an XGBoost that shares PyTorch's NCCL, so there its dependencies can come along.
swap_xgboost_for_gpu() {
    "$python" -m pip uninstall --quiet --yes xgboost-cpu xgboost
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        pip_install xgboost==3.4.1
    else
        pip_install --no-deps xgboost==3.2.0
    fi
}

# A .venv that has served on a machine with a GPU: its XGBoost lies where the -cpu build is about to go.
clear_gpu_xgboost() {
    if [ "$(uname -s)" = Linux ] && "$python" -m pip show --quiet xgboost 2>/dev/null; then
        "$python" -m pip uninstall --quiet --yes xgboost-cpu xgboost
    fi
}

check_gpu_builds() {
    "$python" - <<'PY' || say "Training goes on without the GPU. Remove .venv and run the command again to retry."
import sys, torch, xgboost
usable = torch.cuda.is_available() and xgboost.build_info().get("USE_CUDA")
if not usable:
    sys.exit(f"The GPU cannot be used: torch {torch.__version__} sees CUDA: {torch.cuda.is_available()}; "
             f"xgboost {xgboost.__version__} built with CUDA: {bool(xgboost.build_info().get('USE_CUDA'))}.")
PY
}

make_venv
if has_gpu; then gpu=cuda; else gpu=cpu; fi
stamp="$(stamp_for "$wanted")"
[ -e "$stamp" ] && exit 0

say "Installing $wanted into $venv (once; some minutes)"
if [ "$gpu" = cuda ]; then install_torch_for_gpu; else clear_gpu_xgboost; install_torch_for_cpu; fi
pip_install -r "$wanted"
if [ "$gpu" = cuda ] && [ "$(uname -s)" = Linux ]; then swap_xgboost_for_gpu; check_gpu_builds; fi
"$python" -m pip check >&2 || say "pip check found the above; going on."
rm -f "$venv"/.installed-*
: >"$stamp"
: >"$(stamp_for requirements.txt)" # whatever was asked for, this file is part of it
say "Installed."
