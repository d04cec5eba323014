"""What is typed to filter the log, and which entries it leaves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuibackup.ledger import Kind, Ledger
from tuibackup.overview.logfilter import LogFilter, parse
from tuibackup.overview.logpages import LogPages
from tuibackup.words import use_language

NOW = datetime(2026, 11, 29, 8, 0).astimezone()


def test_words_with_a_colon_are_what_entries_must_be_and_the_rest_is_text() -> None:
    found = parse("port 9 server:lms kind:run outcome:failed since:7d until:2026-11-28", NOW)
    assert (found.text, found.server, found.kinds, found.outcome) == ("port 9", "lms", ("run",), "failed")
    assert found.since == NOW.replace(hour=0) - timedelta(days=7)
    assert found.until == NOW.replace(hour=0), "to the end of that day"
    for nonsense in ("kind:nothing", "outcome:", "since:soon", "10.0.0.5:22", "a:b"):
        assert parse(nonsense, NOW) == LogFilter(nonsense)
    use_language("id")
    try:
        assert parse("jenis:proses hasil:gagal sejak:2026-11-01", NOW).outcome == "failed"
    finally:
        use_language("en")


def test_the_page_holds_what_fits_and_the_state_of_the_ledger(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        old = datetime.now(UTC) - timedelta(days=30)
        for server, kind, outcome, time in (
            ("lms", Kind.RUN, "failed", old),
            ("lms", Kind.RUN, "failed", None),
            ("lms", Kind.RUN, "done", None),
            ("siakad", Kind.RUN, "failed", None),
            ("lms", Kind.RESTORE, "failed", None),
        ):
            body = {"outcome": outcome, "clocks": {"files": {"outcome": "failed"}}}
            ledger.append(kind, body, operator="andi", server=server, time=time)
        pages = LogPages(ledger)
        for typed, wanted in (
            ("server:lms outcome:failed kind:run since:2d", [2]),
            ("outcome:failed until:2d", [1]),
            ("outcome:failed", [5, 4, 2, 1]),
            ("kind:restore", [5]),
        ):
            news = pages.news(typed)
            assert news
            assert [row.sequence for row in news.below] == wanted, typed
        assert news.state.told(NOW) == ""
        ledger.append(Kind.VERIFY, {"what": "ledger", "outcome": "failed"}, operator="andi")
        ledger.append(Kind.SEAL, {}, operator="siti")
        news = pages.news("")
        assert news
        assert "NOT as it was written" in news.state.told(NOW)
        assert news.state.told(NOW).endswith(" by siti")
