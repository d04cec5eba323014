"""Sentences of runs and jobs: English in every record, with what they were made of; each face has its own language."""

import copy
import gettext
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from tuibackup import words
from tuibackup.errors import TuibackupError
from tuibackup.parts import given_back, parts_of, plain, read_parts, with_parts
from tuibackup.run.journal import events as ev
from tuibackup.sop import Outcome, Step
from tuibackup.words import Sentence, _, joined, number, sentence, sentence_n, use_language

INDONESIAN = {
    "{folder} is missing on {server}": "{folder} tidak ada di {server}",
    "mount it": "pasang dahulu",
    "{count} file": "{count} berkas",
    "it holds {files}": "isinya {files}",
}


class Catalogue(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return INDONESIAN.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return INDONESIAN[msgid1]


@pytest.fixture
def indonesian(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_language("id")
    monkeypatch.setattr(words, "_catalogue", Catalogue())
    yield
    use_language("en")


def an_error() -> TuibackupError:
    return TuibackupError(
        sentence("{folder} is missing on {server}", folder="/srv", server="siakad"), sentence("mount it")
    )


def finding(reason: str) -> ev.StepFinding:
    return ev.StepFinding(time="t", run="r", server="s", step=Step.DOWNLOAD, subject="/srv", reason=reason)


@pytest.mark.usefixtures("indonesian")
def test_a_text_is_english_and_is_shown_in_the_language_in_use() -> None:
    error = an_error()
    assert str(error) == "/srv is missing on siakad; mount it"
    for shown in (_(str(error)), f"{error}", _("{error}").format(error=error)):
        assert shown == "/srv tidak ada di siakad; pasang dahulu"


@pytest.mark.usefixtures("indonesian")
def test_numbers_and_plurals_are_of_the_language_in_use() -> None:
    held = sentence("it holds {files}", files=sentence_n("{count} file", "{count} files", 14210))
    assert held == "it holds 14,210 files"
    assert _(held) == "isinya 14.210 berkas"
    assert number(9.8) == "9,8"
    assert sentence_n("{count} file", "{count} files", 1) == "1 file"


@pytest.mark.usefixtures("indonesian")
def test_an_event_keeps_english_and_the_parts() -> None:
    line = ev.encode(finding(str(an_error())))
    assert json.loads(line)["reason"] == "/srv is missing on siakad; mount it"
    assert json.loads(line)["said"]["reason"]["values"]["part1"] == {
        "message": "{folder} is missing on {server}",
        "values": {"folder": "/srv", "server": "siakad"},
    }
    event = ev.decode(line)
    assert event == finding(str(an_error()))
    assert ev.encode(event) == line
    assert isinstance(event, ev.StepFinding)
    assert _(event.reason) == "/srv tidak ada di siakad; pasang dahulu"


@pytest.mark.usefixtures("indonesian")
def test_sentences_are_kept_wherever_they_stand_in_a_record() -> None:
    clock = ev.ClockResult(outcome=Outcome.FAILED, detail=str(an_error()))
    document = with_parts({"clocks": {"files": plain(clock)}, "problems": ["a", sentence("mount it")]})
    assert set(document["said"]) == {"clocks.files.detail", "problems.1"}
    read = read_parts(json.loads(json.dumps(document)))
    assert _(read["problems"][1]) == "pasang dahulu"
    assert _(read["clocks"]["files"]["detail"]) == "/srv tidak ada di siakad; pasang dahulu"


@pytest.mark.usefixtures("indonesian")
def test_a_sentence_goes_from_one_process_to_another() -> None:
    for same in (pickle.loads(pickle.dumps(str(an_error()))), copy.deepcopy(str(an_error()))):
        assert isinstance(same, Sentence)
        assert _(same) == "/srv tidak ada di siakad; pasang dahulu"


@pytest.mark.parametrize(
    "parts",
    [
        "no parts", {}, {"message": 4}, {"message": "{folder}", "values": {}}, {"message": "mount it"},
        {"message": "{folder.x}", "values": {"folder": "a"}}, {"message": "x", "values": 4},
        {"message": "{x}", "values": {"x": {"y": 1}}}, {"message": "{", "values": {"x": 1}}, None,
    ],
)  # fmt: skip
def test_what_somebody_wrote_into_a_record_is_shown_as_it_stands(parts: Any) -> None:
    event = finding("everything is fine")
    assert ev.encode(given_back(event, {"reason": parts})) == ev.encode(event)
    assert given_back(event, {"no.such.place": {"message": "x"}}) == event


def test_a_record_of_an_earlier_version_is_shown_as_it_is() -> None:
    line = b'{"event":"run-note","time":"t","run":"r","server":"s","text":"an ignored option"}\n'
    assert ev.decode(line).text == "an ignored option"  # type: ignore[union-attr]  # it is a note


def test_joining_keeps_sentences() -> None:
    assert joined("; ", ["a", "b"]) == "a; b"
    assert not isinstance(joined("; ", ["a", "b"]), Sentence)
    assert joined("; ", []) == ""
    assert joined("; ", ["a"]) == "a"
    mixed = joined("; ", ["a {x}", sentence("mount it")])
    assert mixed == "a {x}; mount it"
    assert set(parts_of({"x": mixed})) == {"x"}
