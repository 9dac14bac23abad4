"""What a value must be, and the one form in which it is stored: names, phones, CPFs, e-mail addresses, tags.

Pure: text goes in, a value or ``InvalidValue`` comes out.
"""
