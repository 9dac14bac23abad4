"""How often a process looks for garbage: rarely, because its messages make none that needs looking for."""

import gc

NEW_OBJECTS = 50_000


def collect_rarely() -> None:
    """Call once when everything is loaded.

    A message is thousands of lists, none of them in a cycle: they go when the message goes. By default Python walks
    through them, and now and then through all that was ever loaded, every 700 new ones.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
