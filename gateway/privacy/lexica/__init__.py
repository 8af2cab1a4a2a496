"""Words for special categories of personal data, one module per class.

Each module has ``STRONG`` (one such word makes the class: what it says is said of people only) and ``WEAK`` (two
different ones do). Entries are separated by ``|``; ``*`` stands for any letters,
``?`` at the end for a plural's s that may follow. Words of scripts without spaces count wherever they stand,
        all others as whole words.

A word belongs here only when a plant does not say it of machines: no "union" (European Union, union joint), "cross",
"orientation", "race", "health", "condition", "cell", "therapy" or "Ausfall" alone.
"""
