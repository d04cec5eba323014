"""What a server did not give back of what was sent to it, in sentences: warnings, not faults."""

from collections import Counter

from tuibackup.files.restore.compare import Comparison, Owned
from tuibackup.files.restore.target import ServerFolder
from tuibackup.files.shell.owners import names_of
from tuibackup.text import count, printable
from tuibackup.words import sentence, sentence_n


async def gaps_of(
    comparison: Comparison, target: ServerFolder, *, xattrs: bool, said: Counter[str]
) -> tuple[str, ...]:
    """`xattrs`: whether the snapshot has any; `said`: what the server's tar complained of. ConnectionLostError."""
    gaps: list[str] = []
    if times := comparison.times:
        gaps.append(
            sentence_n(
                "{count} name has another time than in the snapshot",
                "{count} names have another time than in the snapshot",
                times,
            )
        )
        if target.plain:
            gaps.append(sentence("the tar of this server gives whole seconds, and no times to links"))
    if foreign := await _foreign(comparison.owned, target):
        gaps.append(
            sentence_n(
                "{count} name has another owner than in the snapshot",
                "{count} names have another owner than in the snapshot",
                foreign,
            )
        )
        if not target.root:
            account = printable(target.probe.user or target.session.user)
            gaps.append(
                sentence(
                    "all of it belongs to {account}: only root, or sudo, can give it away", account=account
                )
            )
    if xattrs and not target.xattrs:
        gaps.append(
            sentence(
                "extended attributes and access lists are not restored: the tar of this server gives none"
            )
        )
    for words, often in said.items():
        again = f" (×{count(often)})" if often > 1 else ""
        gaps.append(sentence("its tar says: {said}", said=words + again))
    return tuple(gaps)


async def _foreign(owned: Counter[Owned], target: ServerFolder) -> int:
    """How many names belong to others than they did: by name where both have one, else by number."""
    names = await names_of(target.session, {one.uid for one in owned}, {one.gid for one in owned})
    foreign = 0
    for one, often in owned.items():
        user, group = names.of(one.uid, one.gid)
        same_user = one.uid == one.was_uid or (bool(user) and user == one.was_user)
        same_group = one.gid == one.was_gid or (bool(group) and group == one.was_group)
        foreign += 0 if same_user and same_group else often
    return foreign
