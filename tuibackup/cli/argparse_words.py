"""argparse's own words in the language in use.

argparse asks the catalogue of the system for them, which is not ours. So its two functions are replaced: the one place
where its private parts are touched. A test sees to it that what it says is translated.
"""

import argparse

from tuibackup.words import _, later, ngettext

_WORDS = (
    later("usage: "),  # its translation has as many letters: argparse takes just so many away again

    later("argument %(argument_name)s: %(message)s"),
    later("ambiguous option: %(option)s could match %(matches)s"), later("expected one argument"),
    later("expected at most one argument"), later("expected at least one argument"),
    later("unrecognized arguments: %s"), later("not allowed with argument %s"),
    later("ignored explicit argument %r"), later("the following arguments are required: %s"),
    later("one of the arguments %s is required"), later("invalid %(type)s value: %(value)r"),
    later("invalid choice: %(value)r (choose from %(choices)s)"),
    ngettext("expected %s argument", "expected %s arguments", 2),
)  # fmt: skip


def speak() -> None:
    """From now on argparse says what it says as we do."""
    argparse._ = _  # type: ignore[attr-defined]  # see above
    argparse.ngettext = ngettext  # type: ignore[attr-defined]  # see above
