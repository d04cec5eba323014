"""How to go on when a command of the server's ends before its work is done: neither one file nor one tool may stop a
backup for ever.

First without the packer, which may lack processes or memory. Then, as long as files come, with what is left. When none
came, the first that is left is asked for alone; when tar ends over that too, it is left out and listed.
"""

from tuibackup.errors import DownloadError
from tuibackup.files.contract import UnbelievedError

_HOPELESS = 20  # files in a row over which tar ended: then it is not the files


class Retry:
    """Of one folder. While `alone`, one file is to be asked for."""

    def __init__(self) -> None:
        self.alone = False
        self._left_out = 0  # in a row

    def stream_ended(self) -> None:
        """A stream came to its end."""
        self.alone = False
        self._left_out = 0

    def gives_up_file(self, error: DownloadError, *, further: bool) -> bool:
        """A stream broke; `further` says whether it had brought a file. Whether the file asked for alone is given up.

        Raises `error` where going on is no use.
        """
        if further or isinstance(error, UnbelievedError):
            self.stream_ended()
            return False
        given_up = self.alone
        if given_up:
            self._left_out += 1
            if self._left_out >= _HOPELESS:
                raise error
        self.alone = not given_up
        return given_up
