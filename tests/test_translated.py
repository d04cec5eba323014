"""Nothing that a person reads is without Indonesian: what is marked for the catalogue has one, and all is marked."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po

import tuibackup
from tuibackup.words import LOCALE

ROOT = Path(tuibackup.__file__).parent
MARKS = {"_", "ngettext", "sentence", "sentence_n", "later"}
# Two words in small letters side by side, or one beside a gap: what people read has them, names and SQL have not.
SENTENCE = re.compile(r"(?:^|[\s(\"'])[a-z][a-z']+[,;:]? (?:[a-z]{2,}|\{)|\} [a-z]{2,} [a-z]{2,}")
# Commands, patterns, comments of files that we write, and lists of columns.
CODE = re.compile(
    r"\b(?:SELECT|INSERT|CREATE|EXISTS|LIKE)\b|[$|<>`\\]|&&|^\W*(?:--|#|//)|\.\w+, "
    r"|^(?:from \w\S+ import|systemctl|loginctl|pip|sudo|chmod|chown|test|exec|import|tuibackup|git|find|tar) "
)
# What looks like a sentence and is not for people. To errors of libraries their own words belong.
NOT_FOR_PEOPLE = {
    "AssertionError", "TypeError", "NotImplementedError",  # mistakes of ours
    "UnrenewableError",  # decides that a list is compared in another way; nobody is told
    "OperationalError", "InterfaceError", "ZstdError",  # as the library raises it
    "compile", "search", "match", "fullmatch", "findall", "startswith", "endswith", "partition",  # a server's words
    "rows", "execute", "cast", "TypeVar", "Literal", "GoneError",
}  # fmt: skip
EXCEPT = {
    "demo": "a playground for people who work on the program",
    "tui/actions.py": "writes docs/keys.md, which is English, and names keys",
    "database/objects/accounts.py": "writes comments into users.sql",
    "config/mend.py": "knows the words of tomllib",
    "discover": "names of products and of looks, between its own functions",
    "vault/restore/script.py": "writes restore.sh",
    "overview/metrics.py": "writes for Prometheus",
    "jobs/recover/rebuild.py": "commands for a new machine",
    "database/connect/packets.py": "what the neighbours catch and say in other words",
}
TEXTS = {
    " via {}": "as people type it",
    "content, time, …": "a sample, for the width of a column",
    "worst first": "the name of a list that is kept",
    "page {}": "the name of a question",
    "exception accepted": "a word of the ledger",
    "exception taken back": "a word of the ledger",
    "folder added": "a word of the ledger",
    "password stored": "a word of the ledger",
    "(not shown)": "stands in the ledger for a value",
    "time {}\nhost {}\nby {}\n": "what is signed, the same everywhere",
    "problem {}": "tells what was told before from what is new",
    "damaged {}": "likewise",
    "missing {}": "likewise",
    "unusual {}": "likewise",
    "post {} {}": "names a file of the queue",
    "apprise {} {}": "likewise",
    "file changed as we read it": "tar's words",
    "the server's tar {}": "stands in for tar's words, as bytes",
    "nobody reads what is printed": "then nobody reads this",
    "the connection was closed": "said in other words by connect/faults.py",
    "a NUL byte in a shell word": "a mistake of ours",
    "not an index of this version": "decides that a list is read in another way; nobody is told",
}


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Texts that look like sentences and are not marked, with the lines they stand in."""
    passed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in MARKS | NOT_FOR_PEOPLE:
                passed |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(id(node.value))  # a docstring
        elif isinstance(node, ast.Dict):  # keys are looked up
            passed |= {id(key) for key in node.keys}
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            passed |= {id(inner) for inner in ast.walk(node.annotation)}
        elif isinstance(node, ast.Compare | ast.Subscript | ast.pattern | ast.Assert):
            passed |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            passed |= {id(inner) for inner in node.values}
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if SENTENCE.search(text) and not CODE.search(text) and text not in TEXTS:
            yield node.lineno, text


def test_every_sentence_is_marked_for_the_catalogue() -> None:
    found = [
        f"{name}:{line}: {text!r}"
        for path in sorted(ROOT.rglob("*.py"))
        if not (name := str(path.relative_to(ROOT))).startswith(tuple(EXCEPT))
        for line, text in texts(ast.parse(path.read_text()))
    ]
    assert not found, "\n".join(["say it with `sentence`, or `_` in a face (CONTRIBUTING.md):", *found])


def test_the_scan_finds_what_it_is_for() -> None:
    wrong = [
        'raise VaultError(f"{path} is gone for good")', 'Finding(name, "is missing on the server")',
        'print("nothing to do here")', 'WHY = "the disk is full"', 'add_argument("--all", help="all the servers")',
    ]  # fmt: skip
    right = [
        'raise VaultError(sentence("{path} is gone for good", path=path))', '_("nothing to do here")',
        'rows("SELECT one FROM two")', 'name == "not a folder"', 'run("chmod go-w there")',
    ]  # fmt: skip
    for sources, expected in ((wrong, True), (right, False)):
        for source in sources:
            assert bool(list(texts(ast.parse(source)))) is expected, source


def marked(tree: ast.Module) -> Iterator[str]:
    """The texts of calls that mark them, also where the catalogue's tool does not look: inside an f-string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS and node.args:
            text = node.args[0]
            if isinstance(text, ast.Constant) and text.value:
                yield str(text.value)


def test_every_marked_text_has_indonesian() -> None:
    """scripts/catalogue names those that have none; it does not see those inside an f-string."""
    with (LOCALE / "id/LC_MESSAGES/tuibackup.po").open("rb") as file:
        translated = {
            message.id if isinstance(message.id, str) else message.id[0]
            for message in read_po(file, "id")
            if all([message.string] if isinstance(message.string, str) else message.string)
        }
    lacking = {
        f"{path.relative_to(ROOT)}: {text!r}"
        for path in ROOT.rglob("*.py")
        for text in marked(ast.parse(path.read_text()))
        if text not in translated
    }
    assert not lacking, "no Indonesian:\n" + "\n".join(sorted(lacking))
