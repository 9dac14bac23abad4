"""Which quotas the api of this stack has, in words: the demo raises them, the next plain ``make up`` puts them back."""

from deploy.local.settings import DEMO_QUOTAS, Given


def what_changed(before: Given | None, now: Given) -> str | None:
    """Return a line about quotas that this ``up`` changes, None when it changes none or raises them for the demo."""
    if before is None or now.demo_quotas:
        return None
    changes = [
        f"{name} {old} → {new}"
        for name in DEMO_QUOTAS
        if (old := _effective(before, name)) != (new := _effective(now, name))
    ]
    if not changes:
        return None
    what = "The demo's raised quotas end" if before.demo_quotas else "Quotas change"
    again = "; `make demo` raises them again" if before.demo_quotas else ""
    return f"{what}: {', '.join(changes)}{again}."


def _effective(given: Given, name: str) -> str:
    """Return what the api gets: the user's own, else the demo's where it raised them, else the default."""
    return given.environment.get(name) or (DEMO_QUOTAS[name] if given.demo_quotas else _default(name))


def _default(name: str) -> str:
    from services.api.settings import Settings  # noqa: PLC0415 - the command line starts without it

    return str(Settings.model_fields[name.removeprefix("LEADFLOW_").lower()].default)
