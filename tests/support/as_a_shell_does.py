"""Starts a command as an interactive shell would: Ctrl-C is heard, also when whoever runs the tests ignores it.

``python as_a_shell_does.py COMMAND…``; with ``TAKE_TERMINAL`` its standard input is the terminal of its session.
"""

import fcntl
import os
import signal
import sys
import termios

signal.signal(signal.SIGINT, signal.SIG_DFL)
if os.environ.pop("TAKE_TERMINAL", ""):
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
