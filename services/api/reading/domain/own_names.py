"""Which of a company's own fields a header names, and which keys new ones get. Pure.

Leads hold values by key, people know fields by label: what is stored under a key must be what its label says. So a
header is compared with labels, and keys follow from headers only where no other label has them.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from libs.fields.custom_values import LONGEST_KEY, OwnField
from libs.fields.more_fields import CUSTOM, MORE_FIELDS
from libs.fields.text import TEXT_LIMIT, tidy, trimmed, with_few_marks, without_marks
from libs.spreadsheets.columns import header_key

_NOT_IN_A_KEY = re.compile(r"[^a-z0-9]+")
_NAMELESS = "field_"
_LONGEST = LONGEST_KEY - len(_NAMELESS)
_DIGITS_OF_HASH = 8
_ACCENTS_OF_LATIN = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_BLANKS = re.compile(r"[\s_]+")
_BETWEEN_WORDS = re.compile(r"[ .:-]+")
_LOOKED_AT = 4 * TEXT_LIMIT
"""Characters of a header: composed, they are a label's."""

Form = Callable[[str], str]


def label_of(header: str) -> str:
    """Return the label of the field that a header makes; of a label it is the label itself."""
    return trimmed(tidy(trimmed(header)[:_LOOKED_AT])[:TEXT_LIMIT])


def label_key(label: str) -> str:
    """Return a label in the form in which labels are compared: without case, accents, and blanks around it.

    Its signs stay, for they may be all that tells two labels apart: *Valor* is not *Valor %*, *Q11* not *Q1.1*. So do
    the marks of other alphabets, which make another letter of one: й is not и.
    """
    plain = unicodedata.normalize("NFD", with_few_marks(label_of(label))).casefold()
    return unicodedata.normalize("NFC", _BLANKS.sub(" ", _ACCENTS_OF_LATIN.sub("", plain)).strip())


def names_by_turn(own: Sequence[OwnField]) -> Iterator[tuple[Form, Mapping[str, str]]]:
    """Yield fields by what names them, the surest names first, each time with the form that a header is looked for in.

    Labels, and keys as a template has them (``custom.budget``), just so and then as labels are compared; a lead's
    further fields, with and without what stands between their words (``company_name``, ``companyName``); whole keys.
    """
    said: dict[str, str] = {}
    for field in own:
        said.setdefault(label_of(field.label), CUSTOM + field.key)
    for field in own:
        for name in (CUSTOM + field.key, CUSTOM.replace(":", ".") + field.key):
            said.setdefault(name, CUSTOM + field.key)
    yield label_of, said
    yield label_key, {label_key(name): said[name] for name in reversed(said)}
    yield _together, {_together(field): field for field in MORE_FIELDS}
    yield label_key, {label_key(field.key): CUSTOM + field.key for field in reversed(own) if _is_a_name(field)}


def _together(name: str) -> str:
    return _BETWEEN_WORDS.sub("", label_key(name))


def _is_a_name(field: OwnField) -> bool:
    """Tell whether a field's key names it. One that is left of its label names others as well: *valor*, of *Valor %*,
    *Valor* itself.
    """
    return _says_all_of(field.label, field.key) or field.key != _plain_key(field.label)


def _says_all_of(label: str, key: str) -> bool:
    return label_key(key) == label_key(label)


def key_of(header: str) -> str:
    """Return the key of a field that is named by a header: its letters without accents, digits, underscores.

    A header that is too long for a key has its hash at the end: long questions differ in their last words.
    """
    return _own_key(header, _DIGITS_OF_HASH) if len(_letters(header)) > _LONGEST else _plain_key(header)


def new_keys(labels: Sequence[str], taken: Container[str]) -> list[str]:
    """Return a key for each of the labels, no two of which are alike: the same ones whatever their order.

    ``taken`` are keys of other labels. Which would share one with another label gets one of its own, unless the key
    says all of it: of *Valor* and *Valor %* the first one is ``valor``.
    """
    keys = [key_of(label) for label in labels]
    claims = Counter(keys)
    found = {
        label: key
        for label, key in zip(labels, keys, strict=True)
        if key not in taken and (claims[key] == 1 or _says_all_of(label, key))
    }
    used = set(found.values())
    for label in labels:
        if label not in found:
            longer = (_own_key(label, digits) for digits in range(_DIGITS_OF_HASH, LONGEST_KEY))
            found[label] = next(key for key in longer if key not in taken and key not in used)
            used.add(found[label])
    return [found[label] for label in labels]


def _own_key(header: str, digits: int) -> str:
    """Return a key that no other label has."""
    own = hashlib.sha256(label_key(header).encode()).hexdigest()[:digits]
    return f"{_plain_key(header)[: LONGEST_KEY - 1 - len(own)].rstrip('_')}_{own}"


def _plain_key(header: str) -> str:
    key = _letters(header)[:_LONGEST].rstrip("_")
    if key[:1].isalpha():
        return key
    # Of letters that are none of ours nothing is left; the same header is the same field in the next file all the same.
    return _NAMELESS + (key or hashlib.sha256(header_key(header).encode()).hexdigest()[:_DIGITS_OF_HASH])


def _letters(header: str) -> str:
    return _NOT_IN_A_KEY.sub("_", without_marks(trimmed(header)[:TEXT_LIMIT])).strip("_")
