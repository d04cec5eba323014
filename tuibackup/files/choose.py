"""How a server is read in step 2: the interface that every way of reading has, and the choice of one.

A way lists the folders, fetches the contents of files, and looks at files again; what it brings goes into the same
index and archives whatever it is. The download knows no more of a server than this.
"""

from tuibackup.config import Server
from tuibackup.files.contract import Way
from tuibackup.files.sftp.source import sftp_way
from tuibackup.files.shell.source import shell_way
from tuibackup.files.shell.tools import lacking
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session


def choose(session: Session, probe: Probe, server: Server) -> Way:
    """The best way to read `server`, of which `probe` says what it has. DownloadError where there is none."""
    if lacking(probe):
        return sftp_way(session, probe, server)
    return shell_way(session, probe, server)
