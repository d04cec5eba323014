"""Exclude patterns, each tried with the real `find` on a real tree."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.config.patterns import check
from tuibackup.files.exclude import Excludes, basic, find_arguments

TREE = [
    "a.log",
    "b.txt",
    "cache/x",
    "cache/deep/y",
    "app/cache/x",
    "app/cache.php",
    "app/logs/a.log",
    "app/logs/new\nline.log",
    "app/tmp",
    "tmp/file",
    "[odd]",
    "x^y",
    "x-y",
    "x]y",
    "x\\y",
    "é/file",
    "(a|b)+{2}$.txt",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree") / "a+b (1)"
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def kept(tree: Path, *patterns: str, folder: str = "/var/www/siakad") -> set[str]:
    """What GNU's find keeps; BusyBox's must say the same."""
    out, emptied = find_arguments(patterns, folder.encode(), os.fsencode(tree))
    command: list[bytes] = [b"find", os.fsencode(tree), b"-regextype", b"posix-extended"]
    command += [b"(", *out, b")", b"-prune", b"-o"] if out else []
    command += [b"-printf", rb"%P\0"]
    command += [b"(", *emptied, b"-prune", b"-o", b"-true", b")"] if emptied else []
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={"LC_ALL": "C"})
    found = set(result.stdout.decode().split("\0")) - {""}
    assert kept_by_busybox(tree, basic(out), basic(emptied)) == found
    return found


def kept_by_busybox(tree: Path, out: list[bytes], emptied: list[bytes]) -> set[str]:
    command: list[bytes] = [b"busybox", b"find", os.fsencode(tree)]
    command += [b"(", *out, b")", b"-prune", b"-o"] if out else []
    command += [b"-print0"]
    command += [*emptied, b"-prune"] if emptied else []
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={"LC_ALL": "C"})
    names = result.stdout.decode().split("\0")
    return {name.removeprefix(f"{tree}/") for name in names} - {"", str(tree)}


def left_out(tree: Path, *patterns: str, folder: str = "/var/www/siakad") -> set[str]:
    return kept(tree) - kept(tree, *patterns, folder=folder)


CACHE = {"cache/x", "cache/deep", "cache/deep/y"}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.log", {"a.log", "app/logs/a.log", "app/logs/new\nline.log"}),
        ("./*.log", {"a.log"}),
        ("**/cache/**", {*CACHE, "app/cache/x"}),
        ("cache/**", CACHE),
        ("cache", {*CACHE, "cache", "app/cache", "app/cache/x"}),
        ("./cache", {*CACHE, "cache"}),
        ("tmp/", {"tmp", "tmp/file"}),
        ("tmp", {"tmp", "tmp/file", "app/tmp"}),
        ("app/*/a.log", {"app/logs/a.log"}),
        ("app/**/a.log", {"app/logs/a.log"}),
        ("/var/www/siakad/app/logs", {"app/logs", "app/logs/a.log", "app/logs/new\nline.log"}),
        ("/var/www/siakad/tmp", {"tmp", "tmp/file"}),
        ("/srv/other/tmp", set()),
        ("/var/www/siakad", set()),
        ("x[]^]y", {"x]y", "x^y"}),
        ("x[!a-z^]y", {"x]y", "x-y", "x\\y"}),
        ("x[a\\-]y", {"x-y", "x\\y"}),
        ("x\\\\y", {"x\\y"}),
        ("\\[odd\\]", {"[odd]"}),
        ("[[]odd]", {"[odd]"}),
        ("(a|b)+{2}$.txt", {"(a|b)+{2}$.txt"}),
        ("b?txt", {"b.txt"}),
        ("b?", set()),
        ("é", {"é", "é/file"}),
        ("./?", set()),
        ("cache/?", {"cache/x"}),
        ("**/x", {"cache/x", "app/cache/x"}),
        ("[x", set()),
    ],
)
def test_patterns_leave_out_what_the_rules_say(tree: Path, pattern: str, expected: set[str]) -> None:
    assert left_out(tree, pattern) == expected


def test_everything_can_be_left_out_but_the_folder_itself(tree: Path) -> None:
    assert kept(tree, "**") == kept(tree, "*") == set()


def test_several_patterns_add_up(tree: Path) -> None:
    assert left_out(tree, "*.log", "tmp/", "cache/**") == left_out(tree, "*.log") | left_out(
        tree, "tmp/"
    ) | left_out(tree, "cache/**")


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab/*?[]!^-\\.x{}()|+$é"), min_size=1, max_size=8))
def test_any_pattern_is_either_refused_or_understood_by_find(tree: Path, pattern: str) -> None:
    try:
        check(pattern, ["/var/www/siakad"])
    except ValueError:
        return
    assert kept(tree, pattern) <= kept(tree)


def kept_by_us(tree: Path, *patterns: str, folder: str = "/var/www/siakad") -> set[str]:
    excludes = Excludes(patterns, folder.encode())
    found = set()

    def walk(place: Path, start: bytes) -> None:
        for child in place.iterdir():
            path = start + os.fsencode(child.name)
            if excludes.leaves_out(path, folder=child.is_dir()):
                continue
            found.add(os.fsdecode(path))
            if child.is_dir() and not excludes.empties(path):
                walk(child, path + b"/")

    walk(tree, b"")
    return found


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(st.sampled_from("ab/*?[]!^-\\.x{}()|+$é"), min_size=1, max_size=8),
            st.lists(st.sampled_from(["**", "*", "cache", "app", "c*", "x", "?", "./tmp", "*.log", "logs"]))
            .map("/".join)
            .filter(bool),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_our_own_matcher_and_find_agree(tree: Path, patterns: list[str]) -> None:
    understood = []
    for pattern in patterns:
        try:
            understood.append(check(pattern, ["/var/www/siakad"]))
        except ValueError:
            continue
    assert kept_by_us(tree, *understood) == kept(tree, *understood)


@pytest.mark.parametrize(
    "pattern", ["x[]^]y", "x[!a-z^]y", "x[a\\-]y", "[[]odd]", "x[\\d]y", "tmp/", "cache/**"]
)
def test_our_own_matcher_and_find_agree_on_odd_sets(tree: Path, pattern: str) -> None:
    assert kept_by_us(tree, pattern) == kept(tree, pattern)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TREE))
def test_an_escaped_name_leaves_out_exactly_itself(tree: Path, name: str) -> None:
    escaped = "".join("\\" + letter if letter in "*?[\\" else letter for letter in name)
    assert left_out(tree, "./" + escaped) == {name}
