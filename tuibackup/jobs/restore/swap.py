"""The commands that put what was restored in the place of the original: for an operator to read, and to carry out."""

import shlex

from tuibackup.files.restore.target import ServerFolder
from tuibackup.jobs.restore.plan import ServerPlan
from tuibackup.text import printable
from tuibackup.vault.index.read import Index

_MOST = 20  # paths for which commands are shown


async def swap(plan: ServerPlan, index: Index, target: ServerFolder) -> tuple[str, ...]:
    """A command for each path that was chosen; none for names that cannot be shown as they are, or for too many.

    A link is replaced at once by one that leads to the new folder. Else two renames: the original stays beside.
    """
    tops = [top for top in index.tops if top != b"/"]
    if len(tops) != len(index.tops) or len(tops) > _MOST:
        return ()
    if any(printable(path) != path.decode(errors="surrogateescape") for path in (*tops, plan.folder)):
        return ()
    states = await target.states(tops)
    root = "sudo " if target.sudo else ""
    return tuple(
        _command(state, top.decode(), (plan.folder + top).decode(), root)
        for state, top in zip(states, tops, strict=False)
    )


def _command(state: str, original: str, restored: str, root: str) -> str:
    old, new, come = (shlex.quote(word) for word in (original, restored, f"{original}.restored"))
    if state == "link":
        return f"{root}ln -s {new} {come} && {root}mv -T {come} {old}"
    if state == "missing":
        return f"{root}mv {new} {old}"
    aside = shlex.quote(f"{original}.before-restore")
    return f"{root}mv {old} {aside} && {root}mv {new} {old}"
