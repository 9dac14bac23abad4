"""Signs that a person sees a sheet otherwise than it is read.

They stand by themselves because each format's reader names them, and who asks the readers imports those.
"""

from typing import Final, Literal, get_args

Sign = Literal["hidden_rows"]
HIDDEN_ROWS: Final = "hidden_rows"
ALL_SIGNS: Final = frozenset(get_args(Sign))
