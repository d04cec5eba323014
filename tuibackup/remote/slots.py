"""How many commands a server runs at a time over one connection (sshd's MaxSessions): learned from its refusals."""

import asyncio
from types import TracebackType

PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)  # seconds: what we have just ended may still count there
_DOUBT = 2  # pauses after which a refusal beside other commands is believed


class Slots:
    """`most` is None as long as the server refused nothing."""

    def __init__(self) -> None:
        self.most: int | None = None
        self.taken = 0
        self._freed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether another would be refused."""
        return self.most is not None and self.taken >= self.most

    async def free(self) -> None:
        """Wait until another one may be tried."""
        while self.full:
            self._freed.clear()
            await self._freed.wait()

    def refused(self, times: int) -> bool:
        """The server refused another one, `times` in a row; whether it may still be tried again in a moment."""
        if self.taken and times >= _DOUBT:
            self.most = self.taken
        return times < (_DOUBT if self.taken else len(PAUSES))

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.taken -= 1
        self._freed.set()
