"""How often Python looks for garbage in a process: rarely, because messages leave none that must be looked for."""

import gc

NEW_OBJECTS = 50_000
"""Python looks for garbage when so many more objects were made than freed. Its default is 700."""


def collect_rarely() -> None:
    """Call once when everything is loaded.

    Python frees an object at once when nothing refers to it any more. It must look for garbage only because objects
    that refer to each other in a cycle are not freed so. A message is thousands of lists, none of them in a cycle, but
    each counts as a new object: by default Python would walk through them again and again, and now and then through
    all that was ever loaded (which ``freeze`` takes out of the search).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
