"""Become another program, in a session of its own: ``own_session.py COMMAND ARGUMENT...``.

Linux shares the CPU out among sessions before it does among processes (sched_autogroup), and each backend of
PostgreSQL begins one. Within one session of their supervisor all other programs of the stack together would
get what one backend gets; containers have a share each.
"""

import os
import sys

# Who leads a group of processes may not begin a session, and the supervisor has made this one a leader.
os.setpgid(0, os.getpgid(os.getppid()))
os.setsid()
# The command line is the stack's own.
os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 # nosec B606
