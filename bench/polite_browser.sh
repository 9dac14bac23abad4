#!/bin/sh
# Runs the machine's browser behind everything else: people have theirs on a machine of their own.
# Linux divides the processors among sessions before it does among threads, and a browser that is driven has a session of
# its own. Its threads set how nice they are by themselves.
if [ -e /proc/self/autogroup ]; then
    echo 19 >/proc/self/autogroup
    exec "$LEADFLOW_BENCH_BROWSER" "$@"
fi
exec chrt --idle 0 "$LEADFLOW_BENCH_BROWSER" "$@"
