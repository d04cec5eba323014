import tomllib

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.config.lines import line_of, locate

LINES = '''# comment = 1
top = 1
"quoted key" . sub = 2   # dotted
multi = """
[not.a.table]
no = "key"
"""
raw = \'\'\'
[nor.this]\'\'\'
list = [ # comment with ] and "
  "a = 1", # b = 2
  [1, 2], { c = 3 },
]
inline = { d = 1, e = "}" }
[ table . one ]
key = "x # no comment"  # comment
[[array]]
name = 1
[table.'two.dots']
last = 1'''


def test_every_key_is_found_on_its_line() -> None:
    tomllib.loads(LINES)
    expected = {
        ("top",): 2, ("quoted key",): 3, ("quoted key", "sub"): 3, ("multi",): 4, ("raw",): 8, ("list",): 10,
        ("inline",): 14, ("table",): 15, ("table", "one"): 15, ("table", "one", "key"): 16, ("array",): 17,
        ("array", "name"): 18, ("table", "two.dots"): 19, ("table", "two.dots", "last"): 20,
    }  # fmt: skip
    assert locate(LINES) == expected


def test_a_key_in_an_inline_table_has_the_line_of_its_table() -> None:
    assert line_of(LINES, ("inline", "d")) == 14
    assert line_of(LINES, ("nowhere",)) is None


keys = st.text(min_size=1, max_size=8) | st.sampled_from(["a", "b.c", "vault", '"', "#"])
scalars = st.integers(-9, 9) | st.booleans() | st.text(max_size=20)
tables = st.recursive(
    st.dictionaries(keys, scalars | st.lists(scalars, max_size=3), max_size=4),
    lambda inner: st.dictionaries(keys, inner | scalars, max_size=4),
    max_leaves=8,
)


@given(tables)
def test_the_keys_found_are_those_that_toml_has(values: dict[str, object]) -> None:
    text = tomlkit.dumps(values)
    known = set()

    def walk(path: tuple[str, ...], table: dict[str, object]) -> None:
        for key, value in table.items():
            known.add((*path, key))
            if isinstance(value, dict):
                walk((*path, key), value)

    walk((), tomllib.loads(text))
    found = locate(text)
    assert set(found) == known
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())
