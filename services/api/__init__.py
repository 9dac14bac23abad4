"""api accepts uploads, validates them, and shows what became of them.

Three rooms, each over the next: ``http`` (calls and answers), ``accepting`` (from a wish to an import),
``reading`` (from a file of a stranger to chunks, in processes of their own).
"""
