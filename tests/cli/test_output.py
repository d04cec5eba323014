"""What commands print: harmless, whatever the name."""

import pytest

from tuibackup.cli.output import Cell, print_hanging, print_table


def test_no_name_reaches_the_terminal_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder's name with a line break and an escape was printed raw behind a restore that was done."""
    name = "od\nd\x1b[31m"
    print_hanging(f"{name} ", name)
    print_table(["name"], [[name], [Cell(name)]])
    assert capsys.readouterr().out.count(r"od\x0ad\x1b[31m") == 4
