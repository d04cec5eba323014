"""What records keep beside their English: of each sentence the `message` and the `values` that it was made of.

A record (an event, the body of an entry, a document of --json) has them under `said`, by where the sentence stands in
it: "reason", "files.detail", "needs.3.2". What reads a record gives them back to its sentences.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tuibackup.words import Sentence, put_together

SAID = "said"


def parts_of(record: object) -> dict[str, dict[str, Any]]:
    """The parts of all sentences in `record`, by their places."""
    return {place: _parts(sentence) for place, sentence in _sentences(record, "")}


def with_parts(document: dict[str, Any]) -> dict[str, Any]:
    """`document` and, where it holds sentences, their parts."""
    parts = parts_of(document)
    return {**document, SAID: parts} if parts else document


def given_back(record: Any, parts: Mapping[str, Any]) -> Any:
    """`record` with sentences in the places of `parts`; what another version wrote otherwise stays a plain text."""
    for place, told in parts.items():
        record = _put(record, place.split("."), told)
    return record


def read_parts(document: Any) -> Any:
    """A document as it was read, with its sentences; the reverse of `with_parts`, which keeps `said`."""
    parts = document.get(SAID) if isinstance(document, dict) else None
    return given_back(document, parts) if isinstance(parts, dict) else document


def plain(record: Any) -> Any:
    """A struct as dicts and lists, whose sentences are still sentences."""
    from msgspec import to_builtins  # late: who only prints JSON needs none of it

    return given_back(to_builtins(record, enc_hook=as_text), parts_of(record))


def as_text(value: Any) -> Any:
    """The hook of msgspec's encoders, which know only `str` itself."""
    if isinstance(value, Sentence):
        return value.english()
    raise NotImplementedError(type(value))


def _is_struct(value: object) -> bool:
    return hasattr(value, "__struct_fields__")


def _sentences(value: Any, place: str) -> Iterator[tuple[str, Sentence]]:
    if isinstance(value, Sentence):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name != SAID:
                yield from _sentences(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _sentences(inner, f"{place}.{number}" if place else str(number))
    elif _is_struct(value):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        for name, shown in names:
            yield from _sentences(getattr(value, name), f"{place}.{shown}" if place else shown)


def _parts(sentence: Sentence) -> dict[str, Any]:
    parts: dict[str, Any] = {"message": sentence.message}
    if sentence.plural:
        parts |= {"plural": sentence.plural, "number": sentence.number}
    if sentence.values:
        parts["values"] = {
            name: _parts(value) if isinstance(value, Sentence) else value
            for name, value in sentence.values.items()
        }
    return parts


def _sentence(parts: Any) -> Sentence:
    values = {
        name: _sentence(value) if isinstance(value, dict) else value
        for name, value in parts.get("values", {}).items()
    }
    return put_together(parts["message"], values, parts.get("plural", ""), parts.get("number", 0))


def _put(value: Any, place: list[str], parts: Any) -> Any:
    if not place:
        return _as_said(value, parts)
    name, *rest = place
    if isinstance(value, dict) and name in value:
        return {**value, name: _put(value[name], rest, parts)}
    if isinstance(value, list | tuple) and name.isdecimal() and int(name) < len(value):
        number = int(name)
        return type(value)((*value[:number], _put(value[number], rest, parts), *value[number + 1 :]))
    if _is_struct(value) and name in value.__struct_encode_fields__:
        from msgspec.structs import replace

        field = value.__struct_fields__[value.__struct_encode_fields__.index(name)]
        return replace(value, **{field: _put(getattr(value, field), rest, parts)})
    return value


def _as_said(text: Any, parts: Any) -> Any:
    """`text` with its parts, if they are its: whoever changed a record shows what he wrote, in any language."""
    try:
        sentence = _sentence(parts)
    except (LookupError, ValueError, TypeError, AttributeError):
        return text
    return sentence if sentence == text else text
