"""What an address of MongoDB must say, beside what the driver checks."""

from urllib.parse import unquote

from libs.common.addresses.wrong_address import RAW_CHARACTERS, WrongAddress


def database_of(url: str) -> str:
    """Return the database that ``mongodb://hosts/database?options`` names, or ``mongodb+srv://…``.

    Raises ``WrongAddress`` when it names none: whose data is where must be said, not guessed.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in {"mongodb", "mongodb+srv"}:
        raise WrongAddress("an address of MongoDB begins with mongodb:// or mongodb+srv://")
    path = rest.partition("?")[0].partition("/")[2]
    if "@" in path:
        raise WrongAddress(RAW_CHARACTERS)
    if not path:
        raise WrongAddress("the address names no database; it stands after the hosts: mongodb://host:port/database")
    return unquote(path)
