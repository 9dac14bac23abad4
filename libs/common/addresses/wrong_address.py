"""What an address that cannot be used is refused with, whatever server it is of."""


class WrongAddress(ValueError):
    """The address cannot be used. The text says why, for the operator, and repeats no password."""


RAW_CHARACTERS = "characters such as @ / ? & % in the user or the password are written as %40 %2F %3F %26 %25"
