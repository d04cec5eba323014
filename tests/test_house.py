"""The house: no circle between files, and every room stands on a floor. What the floors allow is in pyproject.toml."""

import ast
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Which module imports which, also inside functions and for type checking only."""
    return grimp.build_graph("tuibackup", cache_dir=None)


def circles(graph: grimp.ImportGraph) -> list[set[str]]:
    """The modules that import one another, in a circle (Kosaraju)."""
    order: list[str] = []
    seen: set[str] = set()
    for start in sorted(graph.modules):
        stack = [(start, False)]
        while stack:
            module, done = stack.pop()
            if done:
                order.append(module)
            elif module not in seen:
                seen.add(module)
                stack.append((module, True))
                stack += [(other, False) for other in graph.find_modules_directly_imported_by(module)]
    found: list[set[str]] = []
    seen.clear()
    for start in reversed(order):
        circle, left = set(), [start]
        while left:
            if (module := left.pop()) not in seen:
                seen.add(module)
                circle.add(module)
                left += graph.find_modules_that_directly_import(module)
        if len(circle) > 1:
            found.append(circle)
    return found


def test_no_circle_between_files(imports: grimp.ImportGraph) -> None:
    found = circles(imports)
    assert not found, "these import one another: " + "; ".join(", ".join(sorted(one)) for one in found)


def test_a_circle_would_be_found() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("d", "e")):
        graph.add_import(importer=importer, imported=imported)
    assert circles(graph) == [{"b", "c"}]


@pytest.mark.parametrize("face", ["cli", "tui"])
def test_no_face_makes_an_entry_of_the_ledger(face: str) -> None:
    """A face hands its recorder to a job, and asks it afterwards what is missing."""
    making = {"record", "attempt"}
    for path in sorted((ROOT / "tuibackup" / face).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                whole = ast.unparse(node.func)
                wrong = (node.func.attr in making and "recorder" in whole) or whole.endswith("ledger.append")
                assert not wrong, f"{path.relative_to(ROOT)}:{node.lineno}: {whole}"


def test_every_room_stands_on_a_floor(imports: grimp.ImportGraph) -> None:
    """A room that no contract names may import from anywhere."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    floors = next(one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    standing = {room.strip() for floor in floors["layers"] for room in floor.split("|")}
    rooms = imports.find_children("tuibackup")
    assert rooms == standing, f"on no floor: {rooms - standing}; not there: {standing - rooms}"
