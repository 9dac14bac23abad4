"""Forms in which one phone may already stand in the platform."""

_MOBILE_DIGITS = 11
_FIRST_DIGITS_OF_OLD_MOBILES = "6789"


def both_forms(country_code: str, national: str) -> tuple[str, ...]:
    """Return the national numbers under which the platform may hold this phone, the canonical one first.

    Brazilian mobiles got their ninth digit between 2012 and 2016 (Anatel, resolution 553): 11 98123-4567 was
    11 8123-4567, and patients and chats from before lack it. Landlines never changed, and no mobile of eight
    digits began with 0 to 5.

    ``country_code`` is the ISO code ("BR"), ``national`` the canonical national number (DDD and subscriber).
    """
    if (
        country_code == "BR"
        and len(national) == _MOBILE_DIGITS
        and national[2] == "9"
        and national[3] in _FIRST_DIGITS_OF_OLD_MOBILES
    ):
        return national, national[:2] + national[3:]
    return (national,)
