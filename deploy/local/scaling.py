"""What ``make scale`` says while it works. Pure."""

from collections.abc import Sequence


def what_will_happen(service: str, before: Sequence[str], names: Sequence[str]) -> str:
    """Return the first line, for a service that runs as the processes ``before`` and is to run as ``names``."""
    starting = [name for name in names if name not in before]
    stopping = [name for name in before if name not in names]
    change = f"Scaling {service} from {len(before)} to {_processes(len(names))}"
    if starting:
        return f"{change}: starting {', '.join(starting)} …"
    if stopping:
        return f"{change}: stopping {', '.join(stopping)}; what is in hand is finished first …"
    return f"{service} runs as {_processes(len(names))} already."


def is_ready(name: str, seconds: float) -> str:
    return f"  {name} is ready ({seconds:.1f} s)"


def has_stopped(name: str, seconds: float) -> str:
    return f"  {name} has stopped ({seconds:.1f} s)"


def what_runs(service: str, names: Sequence[str]) -> str:
    """Return the last line."""
    return f"Running: {' '.join(names) or f'no {service}'}"


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
