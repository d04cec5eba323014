"""How a server is read in step 2: the interface that every way of reading has, and the choice of one.

A way lists the folders, fetches the contents of files, and looks at files again; what it brings goes into the same
index and archives whatever it is. The download knows no more of a server than this.
"""

from tuibackup.config import Server
from tuibackup.files.contract import Source
from tuibackup.files.sftp.source import sftp_source
from tuibackup.files.shell.source import shell_source
from tuibackup.files.shell.tools import missing_tools
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session


def choose_source(session: Session, probe: Probe, server: Server) -> Source:
    """The best way to read `server`, of which `probe` says what it has. DownloadError where there is none."""
    if missing_tools(probe):
        return sftp_source(session, probe, server)
    return shell_source(session, probe, server)
