"""A source that lasts: over another connection where one is lost, and without a packer that fails.

What is asked is asked again then. Connections that are lost one after the other while nothing comes end it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tuibackup.config import Server
from tuibackup.errors import ConnectionLostError, DownloadError
from tuibackup.files.choose import choose_source
from tuibackup.files.contract import Source, ToolFailedError
from tuibackup.files.cut_streams import MAY_BE_CUT
from tuibackup.files.tally import Tally
from tuibackup.remote.linespeed import FAST, line_speed
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.words import sentence

_MUCH = 64 << 20  # bytes to fetch for which it is worth while to measure the line
# zstd's levels by the bytes a second that a line brings at least. Packed at 1 a tenth more has to pass than at 3, at 6
# a tenth less; the server pays half of what it pays at 3, and three times as much.
_LEVELS = ((FAST, 1), (8e6, 3), (0.0, 6))
_FRUITLESS = 10  # connections lost in a row while no new file came: then it is not the line

Reconnect = Callable[[int], Awaitable[tuple[Session, Probe]]]

T = TypeVar("T")


class LastingSource:
    """`now` is the source over the connection of the moment; `reconnected`, how often another one was made.

    `fetching`: files come, and `tally` counts them; a lost connection that brought some is progress. `say` tells a
    person that the packer is done without.
    """

    def __init__(
        self,
        source: Source,
        server: Server,
        reconnect: Reconnect | None,
        tally: Tally,
        say: Callable[[str], None],
    ) -> None:
        self.now = source
        self.reconnected = 0
        self.fetching = False
        self._server = server
        self._reconnect = reconnect
        self._tally = tally
        self._say = say
        self._fruitless = 0  # connections lost in a row while no new file came
        self._came = 0  # files, when one was lost the last time
        self._level: int | None = None  # at which the packer packs, where that was chosen
        self._plain = False  # the server's packer is left alone: it failed

    async def insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives; asked again over another connection where one is lost."""
        while True:
            try:
                return await ask()
            except MAY_BE_CUT as error:
                if await self.now.session.gone(error):
                    await self.connect_again()
                elif not (isinstance(error, ToolFailedError) and self.without_packer(error)):
                    raise

    def without_packer(self, error: DownloadError) -> bool:
        """Go on without the packer that may have been at fault; False where there is none."""
        plainer = self.now.without_packer()
        if plainer is None:
            return False
        self._say(sentence("{error}: trying again without compression on the server", error=error.message))
        self.now, self._plain = plainer, True
        return True

    async def measure_line(self, wanted_bytes: int) -> None:
        """Before so much is fetched: let the server pack it as well as the line deserves."""
        if wanted_bytes < _MUCH or self.now.at_level(3) is None:
            return
        speed = await self.insist(lambda: line_speed(self.now.session))
        if speed is not None:
            self._level = next(level for least, level in _LEVELS if speed >= least)
            self.now = self.now.at_level(self._level) or self.now

    async def connect_again(self) -> None:
        """Another connection in the place of the lost one. Raises ConnectionLostError when that is no use."""
        name = self._server.name
        # An inventory begins anew: however far it came, that is no progress.
        further = self.fetching and self._tally.items > self._came
        self._fruitless = 0 if further else self._fruitless + 1
        self._came = max(self._came, self._tally.items) if self.fetching else 0
        if self._reconnect is None:
            raise ConnectionLostError(sentence("connection to {name} lost", name=name))
        if self._fruitless > _FRUITLESS:
            raise ConnectionLostError(
                sentence(
                    "connection to {name} lost {fruitless} times in a row and no new file came",
                    name=name,
                    fruitless=self._fruitless,
                ),
                sentence("check the line or the firewall"),
            )
        source = choose_source(*await self._reconnect(self._fruitless), self._server)
        if self._plain:
            source = source.without_packer() or source
        elif self._level is not None:
            source = source.at_level(self._level) or source
        self.now = source
        self.reconnected += 1
