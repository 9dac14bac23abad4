"""Where the messages end that enroller cannot process."""

from libs.common.topics import DeadLetters

ENROLL_LETTERS = DeadLetters(topic="lead.enroll-dead-letter.v1", writers=("enroller",))
"""Nothing of an import has failed by them: its leads are there, and found by all but the search."""
