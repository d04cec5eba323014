"""Textual's end of the terminal: takes its pictures and gives it keys. Textual's own driver is not used.

That one queues thirty writes and blocks in the thirty-first, asks the terminal for what nothing here needs, and stops
alone where a shell stops a whole group of processes.
"""

import asyncio
import codecs
import contextvars
import os
import select
import signal
import sys
import termios
import time
from contextlib import suppress
from typing import Any

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size

from tuibackup.tui.field import Field
from tuibackup.tui.private import OwnOutput, messages_of, picture
from tuibackup.tui.wire.able import able
from tuibackup.tui.wire.frame import Frame, frame
from tuibackup.tui.wire.keyboard import Keyboard
from tuibackup.tui.wire.output import Output
from tuibackup.tui.wire.painter import ANSWER, Painter
from tuibackup.tui.wire.watch import Watch

# The other screen, no cursor, pastes with brackets around them, no wrapping at the last column.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?7l"
_LEAVE = "\x1b[m\x1b[?7h\x1b[?2004l\x1b[?25h\x1b[?1049l"
_MOUSE_ON, _MOUSE_OFF = "\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"
_LEAVING = 2.0  # seconds in which a terminal must take the last bytes
_ENDING = 5.0  # and in which the process must have ended
_ANSWERING = 1.0  # in which it must answer a question, so that the shell does not get the answer


class TerminalDriver(Driver):
    """Pictures to the terminal, keys and sizes from it; suspends with ctrl+z; ends with it."""

    _app: "TerminalApp"

    def __init__(
        self,
        app: "TerminalApp",
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stdin__ is not None
        assert sys.__stdout__ is not None
        self._in, self._out = sys.__stdin__.fileno(), sys.__stdout__.fileno()
        self._context = contextvars.copy_context()  # Textual draws only where it knows its app
        self._modes: list[Any] | None = None  # of the terminal, before
        self._terminal_size = Size()  # which Textual follows a little later
        self._keyboard = Keyboard()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._giving_up: asyncio.TimerHandle | None = None
        self._output = Output(self._out, lambda: self._in_loop(self._painter.go_on))
        self._painter = Painter(
            self._picture,
            self._output.send,
            lambda: self._output.idle,
            self._loop.call_later,
            able(self._out),
        )
        self._watch = Watch(
            self._in, lambda: self._in_loop(app.gone), lambda number: self._in_loop(self._signalled, number),
            also=(signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT),
        )  # fmt: skip
        app.frame_changed = self._painter.changed
        app.terminal = self

    def _in_loop(self, function: Any, *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nothing is shown any more
            self._loop.call_soon_threadsafe(function, *arguments, context=self._context)

    # Pictures

    def _picture(self) -> Frame | None:
        found = picture(self._app)
        if found is None or self._app.size != self._terminal_size:
            return None
        return frame(found.lines, found.width, found.colours)

    def redraw(self) -> None:
        """Send everything again: something else wrote on the terminal."""
        self._painter.forget()

    def write(self, data: str) -> None:
        """Textual's other bytes: the bell, the clipboard."""
        self._output.send(data)

    # The terminal's modes

    def start_application_mode(self) -> None:
        with suppress(termios.error):
            self._modes = termios.tcgetattr(self._in)
        self._enter()
        self._loop.add_reader(self._in, self._read)
        self._resized()

    def _enter(self) -> None:
        if self._modes is not None:
            raw = [*self._modes[:6], [*self._modes[6]]]
            raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
            raw[1] &= ~termios.OPOST  # a newline goes down only
            raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            with suppress(termios.error):
                termios.tcsetattr(self._in, termios.TCSANOW, raw)
        self._output.send(_ENTER + (_MOUSE_ON if self._mouse else ""))

    def _leave(self) -> None:
        self._output.send((_MOUSE_OFF if self._mouse else "") + _LEAVE)
        self._output.drain(_LEAVING)
        self._await_answer()
        if self._modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._in, termios.TCSANOW, self._modes)
                termios.tcflush(self._in, termios.TCIFLUSH)

    def _await_answer(self) -> None:
        """Read the answers to the last questions, or the shell would show them."""
        missing, data = self._painter.unanswered, b""
        end = time.monotonic() + _ANSWERING
        while data.count(ANSWER.encode()) < missing:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                return
            try:
                more = os.read(self._in, 4096)
            except OSError:
                return
            if not more:
                return
            data += more

    def disable_input(self) -> None:
        self._loop.remove_reader(self._in)

    def stop_application_mode(self) -> None:
        self._watch.end_within(_ENDING, self._app.return_code or 0)
        self.disable_input()
        self._leave()

    def close(self) -> None:
        self._output.close()

    # Signals

    def _signalled(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self._resized()
        elif number == signal.SIGTSTP:
            self.suspend()
        elif number == signal.SIGCONT:
            self._enter()
            self._resized()

    def suspend(self) -> None:
        """Give the terminal to the shell and stop, as ctrl+z does elsewhere; `fg` continues.

        The whole group stops, or a `sudo` around it would stay in front. Where no shell is there to come back from, the
        kernel lets it go on at once.
        """
        self._leave()
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(0, signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)
        self._signalled(signal.SIGCONT)

    def _resized(self) -> None:
        try:
            columns, lines = os.get_terminal_size(self._out)
        except OSError:
            return
        size = Size(columns or 80, lines or 24)  # a serial line has no size
        self._terminal_size = size
        self.process_message(events.Resize(size, size))
        self._painter.forget()  # also if the size is the same again: the terminal has cut or moved its lines

    # Keys

    def _read(self) -> None:
        try:
            data = os.read(self._in, 4096)
        except OSError:
            data = b""
        if not data:  # the terminal is gone; the watch knows it too
            self.disable_input()
            return
        self._typed(self._keyboard.feed(self._decoder.decode(data)))

    def _typed(self, keys: Any) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        for key in keys:
            if key == ANSWER:
                self._painter.answered()
                continue
            for message in messages_of(key):
                self.process_message(message)
        patience = self._keyboard.patience
        if patience is not None:
            self._giving_up = self._loop.call_later(patience, lambda: self._typed(self._keyboard.give_up()))


class TerminalApp(OwnOutput, App[None], inherit_bindings=False):
    """An app on this driver; `terminal` is None where it runs without one, in tests."""

    terminal: TerminalDriver | None = None

    async def on_event(self, event: events.Event) -> None:
        """Textual's own; the next key comes once a field has taken this one."""
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded and self.screen_stack
        field = self.focused if typed else None
        await super().on_event(event)
        if isinstance(field, Field):
            await field.has_taken()

    def gone(self) -> None:
        """End in an orderly way, because the terminal or the login is gone."""
        self.exit()
