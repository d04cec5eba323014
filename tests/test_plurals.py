"""No text has a number before a noun that is always in the plural: "1 entries", "1 names" are gone and stay gone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import tuibackup

_NOUNS = (
    "archives|attempts|bytes|characters|checksums|columns|databases|days|differences|dumps|entries|errors|files|findings"
    "|folders|frames|hops|hours|items|keys|lines|links|members|messages|minutes|months|names|objects|parts|passphrases"
    "|passwords|paths|programs|queries|questions|rows|rules|runs|seconds|servers|sessions|snapshots|statements|steps"
    "|tables|times|users|versions|views|warnings|weeks|words|years"
)
_COUNTED = re.compile(rf"\{{[^{{}}]*\}}(?: (?:new|more|other|changed|such))? (?:{_NOUNS})\b(?! nothing)")
_CHOOSES = {"ngettext", "sentence_n", "numbered"}  # these take both forms
# Their numbers are never 1: limits of ours, and counts that begin at two.
_MANY = {
    '"{}" is longer than {} years',
    "{}: lists more than {} names in one folder",
    "{}: has more than {} folders side by side; that is too many to list over SFTP",
    "connection to {} lost {} times in a row and no new file came",
    "key {}: {} passphrases were tried, and none was right",
    "tried {} times in {}",
    "; tried {} times in {}",
    "{} is the beginning of {} runs",
    "reconnected {} times",
    "the note has {} characters; {} are possible",
    "this text has {} characters; {} are possible",
    "{} seconds",
    "{}: this machine's clock is {} minutes ahead of the store's",
    "{}: this machine's clock is {} minutes behind the store's",
    "{} of {} snapshots that are due are read now; the next call goes on with the others",
    "the journal of {} is not there any more: journals are kept for {} days",
}


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Texts with gaps and the lines they stand in, but for docstrings and those in a call that chooses a form."""
    passed: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) in _CHOOSES
        ):
            passed |= {id(inner) for argument in node.args for inner in ast.walk(argument)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(id(node.value))
    for node in ast.walk(tree):
        if id(node) in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            passed |= {id(inner) for inner in node.values}
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def counted(text: str) -> bool:
    return bool(_COUNTED.search(text)) and re.sub(r"\{[^{}]*\}", "{}", text) not in _MANY


def test_every_number_before_a_noun_chooses_its_form() -> None:
    root = Path(tuibackup.__file__).parent
    found = [
        f"{path.relative_to(root)}:{line}: {text!r}"
        for path in sorted(root.rglob("*.py"))
        for line, text in texts(ast.parse(path.read_text()))
        if counted(text)
    ]
    assert not found, "\n".join(["use ngettext, or sentence_n where it is recorded:", *found])


def test_the_scan_finds_what_it_is_for() -> None:
    wrong = ['f"{count(n)} files"', '_("{number} names cannot be read")', 'f"of {n} new files"']
    right = ['ngettext("{n} file", "{n} files", n)', "f\"{numbered(n, 'file')} more\"", 'f"{n} of 3"']
    for sources, expected in ((wrong, True), (right, False)):
        for source in sources:
            assert any(counted(text) for _line, text in texts(ast.parse(f"x = {source}"))) is expected, source
