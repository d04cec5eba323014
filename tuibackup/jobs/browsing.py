"""Looking into snapshots for a screen: each question goes to a helper process, so that a silent disk freezes nothing.

No thread of a face touches the backup disk (`overview/helper.py` says why); even the plan of a restore is made there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.overview.helper import Fault, Helper
from tuibackup.words import _, use_language

if TYPE_CHECKING:
    from tuibackup.jobs.look_inside import Found, Preview
    from tuibackup.jobs.process.ordering import Ordered, Wanted
    from tuibackup.jobs.retention.plan import RetentionPlan
    from tuibackup.overview.browse import About, Browser, Page, SnapshotLine

SILENT = 5.0  # seconds for which the helper may do nothing before the disk counts as silent
_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class _Asked:
    """A method of `Browser` of a server, with its values; without a server: of the look itself."""

    server: str
    method: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Refused:
    """The answer where there is none: the sentences of the error."""

    message: str
    way_out: str


class Browsing:
    """Create it before this process has threads. Its methods block, and may be called from any thread.

    They raise TuibackupError: the disk is silent, or what is asked for cannot be read.
    """

    def __init__(self, config: Config, *, read_only: bool = False) -> None:
        crashes = None if read_only else config.state
        self._helper: Helper[_Asked, Any] = Helper("tuibackup-browse", partial(_look, config), crashes)
        self._lock = Lock()

    def renew(self, config: Config) -> None:
        """Use this configuration from now on."""
        self._helper.begin(partial(_look, config))

    def close(self) -> None:
        """Let go of the helper, also of one that hangs."""
        self._helper.close()

    def snapshots(self, server: str) -> "tuple[SnapshotLine, ...]":
        """See `Browser`, here and below."""
        found: tuple[SnapshotLine, ...] = self._ask(server, "snapshots")
        return found

    def page(self, server: str, line: "SnapshotLine", path: bytes, offset: int, most: int) -> "Page":
        found: Page = self._ask(server, "page", line, path, offset, most)
        return found

    def locate(self, server: str, line: "SnapshotLine", path: bytes) -> "tuple[bytes, int]":
        found: tuple[bytes, int] = self._ask(server, "locate", line, path)
        return found

    def other(self, server: str, line: "SnapshotLine", path: bytes, by: int) -> "SnapshotLine | None":
        found: SnapshotLine | None = self._ask(server, "other", line, path, by)
        return found

    def about(self, server: str, line: "SnapshotLine", path: bytes) -> "About":
        found: About = self._ask(server, "about", line, path)
        return found

    def amount(self, server: str, line: "SnapshotLine", path: bytes) -> int:
        found: int = self._ask(server, "amount", line, path)
        return found

    def search(self, server: str, line: "SnapshotLine", text: str) -> "Found":
        found: Found = self._ask(server, "search", line, text)
        return found

    def preview(self, server: str, line: "SnapshotLine", path: bytes) -> "Preview":
        found: Preview = self._ask(server, "preview", line, path)
        return found

    def retention(self, server: str) -> "RetentionPlan":
        """See `plan_of`."""
        found: RetentionPlan = self._ask("", "retention", server)
        return found

    def recovery(self, server: str) -> str:
        """The page of what a server can be recovered from, as text."""
        found: str = self._ask("", "recovery", server)
        return found

    def order(self, wanted: "Wanted") -> "Ordered":
        """See `order_restore`."""
        found: Ordered = self._ask("", "order", wanted)
        return found

    def _ask(self, server: str, method: str, *values: object) -> Any:
        with self._lock:
            self._helper.answer(monotonic())  # one that nobody waited for is dropped
            answer = self._answer() if self._helper.ask(_Asked(server, method, values)) else None
        if answer is None:
            raise VaultError(_("the backup disk does not answer"), _("find out why it hangs, then try again"))
        if isinstance(answer, _Refused):
            raise TuibackupError(answer.message, answer.way_out)
        if isinstance(answer, Fault):
            raise TuibackupError(answer.line)
        return answer[0]

    def _answer(self) -> Any:
        while self._helper.owing < SILENT:
            if (answer := self._helper.answer(monotonic() + _LOOK)) is not None:
                return answer
        return None


class BrowseLook:
    """Answers in the helper; see `Helper`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._server = ""
        self._browser: Browser | None = None
        use_language(config.language)

    def close(self) -> None:
        if self._browser:
            self._browser.close()

    def __call__(self, asked: _Asked) -> Any:
        try:
            return (self._method(asked)(*asked.values),)
        except TuibackupError as error:
            return _Refused(error.message, error.way_out)

    def _method(self, asked: _Asked) -> Callable[..., Any]:
        if asked.method == "order":
            from tuibackup.jobs.process.ordering import order_restore

            return partial(order_restore, self._config)
        if asked.method == "retention":
            from tuibackup.jobs.retention.plan import plan_of

            return partial(plan_of, self._config)
        if asked.method == "recovery":
            return partial(_recovery, self._config)
        if asked.method in ("search", "preview"):
            from tuibackup.jobs import look_inside

            return partial(getattr(look_inside, asked.method), self._of(asked.server))
        method: Callable[..., Any] = getattr(self._of(asked.server), asked.method)
        return method

    def _of(self, server: str) -> "Browser":
        from tuibackup.overview.browse import Browser

        if self._browser is None or self._server != server:
            self.close()
            self._server, self._browser = server, Browser(self._config, server)
        return self._browser


def _recovery(config: Config, server: str) -> str:
    from tuibackup.jobs.recover.layout import as_text
    from tuibackup.jobs.recover.page import blocks
    from tuibackup.jobs.recover.sources import sources

    return as_text(blocks(config, sources(config, server), datetime.now().astimezone()))


def _look(config: Config) -> BrowseLook:
    return BrowseLook(config)
