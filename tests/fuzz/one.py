"""Fuzzes one target in this process: ``python -m tests.fuzz.one TARGET`` with libFuzzer's options, or files to repeat.

Coverage leads atheris to inputs that reach new lines. Changes are made of an archive's parts (``mutations``), or its
packing would hide all that is in them.
"""

import random
import sys
from pathlib import Path

SEED = 20261124
_OURS = 0.5
"""The share of changes that are not libFuzzer's."""


def main(name: str, arguments: list[str]) -> None:
    files = [Path(argument) for argument in arguments if not argument.startswith("-")]
    if files and all(file.is_file() for file in files):
        _repeat(name, files)
        return
    import atheris  # noqa: PLC0415 - a finding is repeated without it

    with atheris.instrument_imports(include=["libs", "services.api", "starlette.formparsers", "python_multipart"]):
        from tests.fuzz import mutations, targets  # noqa: PLC0415 - what is imported here is instrumented

    mutate = targets.MUTATORS[name]

    def custom_mutator(content: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        # libFuzzer knows what reached new lines, ``mutations`` what a format is made of.
        ours = mutations.byte_changes(name, chance)
        change = ours if chance.random() < _OURS else lambda part: atheris.Mutate(part, most)
        return mutate(content, change, seed)[:most]

    def one(content: bytes) -> None:
        targets.check(name, content)

    atheris.Setup([sys.argv[0], *arguments], one, custom_mutator=custom_mutator)
    atheris.Fuzz()


def _repeat(name: str, files: list[Path]) -> None:
    from tests.fuzz import targets  # noqa: PLC0415 - not before atheris has begun, above

    for file in files:
        targets.check(name, file.read_bytes())
        print(f"{file}: no finding")
    targets.forget()


def changed_seeds(name: str, found: list[bytes], count: int, *, begin: int = 0) -> list[bytes]:
    """Return so many changed seeds, the same ones each time: what is done where there is no atheris."""
    from tests.fuzz import mutations, targets  # noqa: PLC0415 - as above

    chance = random.Random(f"{SEED} {name} {begin}")
    change = mutations.byte_changes(name, chance)
    return [targets.MUTATORS[name](chance.choice(found), change, chance.getrandbits(32)) for _ in range(count)]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
