"""What is unprotected, in words. One place for all faces: `status`, `discover`, the cockpit's list, a server's page."""

from datetime import datetime

from tuibackup.discover.found import Discovery, FoundDatabase
from tuibackup.overview.coverage import Acceptance, Coverage, Unprotected
from tuibackup.overview.picture import days
from tuibackup.text import count, printable, size
from tuibackup.words import _, ngettext

_NAMED = 5  # that are told one by one in a sentence


def looked_word(coverage: Coverage, now: datetime) -> str:
    """When somebody looked at the server last: "looked 3d ago", "looked today", "never looked"."""
    if coverage.looked is None:
        return _("never looked")
    age = age_days(coverage, now) or 0
    return _("looked {age} ago").format(age=days(age)) if age > 0 else _("looked today")


def age_days(coverage: Coverage, now: datetime) -> int | None:
    """How many calendar days ago somebody looked; None for never."""
    if coverage.looked is None:
        return None
    return max(0, (now.astimezone().date() - coverage.looked.astimezone().date()).days)


def in_a_line(coverage: Coverage, now: datetime) -> str:
    """All of it in one sentence: "/srv/moodledata (data of Moodle), database ojs · looked 3d ago"."""
    names = [
        f"{name_of(one)} ({used_by(one)})" if used_by(one) else name_of(one) for one in coverage.unprotected
    ]
    named = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        named = _("{names} and {number} more").format(names=named, number=count(len(names) - _NAMED))
    if not named:
        named = _("nothing") if coverage.looked else ""
    return " · ".join(part for part in (named, looked_word(coverage, now)) if part)


def counted(coverage: Coverage) -> str:
    """ "2 folders and 1 database": how many are unprotected; "" for none."""
    folders = sum(one.folder is not None for one in coverage.unprotected)
    databases = len(coverage.unprotected) - folders
    parts = []
    if folders:
        parts.append(ngettext("{count} folder", "{count} folders", folders).format(count=count(folders)))
    if databases:
        parts.append(
            ngettext("{count} database", "{count} databases", databases).format(count=count(databases))
        )
    return _(" and ").join(parts)


def name_of(one: Unprotected) -> str:
    """ "/srv/moodledata", "database ojs"."""
    return printable(one.name) if one.folder else _("database {name}").format(name=printable(one.name))


def used_by(one: Unprotected) -> str:
    """What needs it, in a few words: "data of Moodle", "site of nginx kampus.example"."""
    if one.database:
        if not one.database.application:
            return ""
        return printable(one.database.application)
    assert one.folder
    application = printable(one.folder.application)
    by = ", ".join(map(printable, one.folder.named_by[:2]))
    match one.folder.what:
        case "data":
            return _("data of {application}").format(application=application or by)
        case "application":
            return application
        case "site":
            return application or _("site of {server}").format(server=by)
        case "service":
            return _("service {name}").format(name=by)
        case "volume":
            return _("volume of {project}").format(project=by)


def amount(one: Unprotected) -> str:
    """ "812 files, 1.2 GiB", "at least …" where counting was ended; "" where it was not counted."""
    folder = one.folder
    if folder is None or folder.bytes is None:
        return ""
    if folder.files is None:
        text = size(folder.bytes)
    else:
        files = ngettext("{number} file", "{number} files", folder.files).format(number=count(folder.files))
        text = f"{files}, {size(folder.bytes)}"
    return _("at least {amount}").format(amount=text) if folder.more else text


def why(one: Unprotected) -> str:
    """Why no backup holds it, and the way out."""
    match one.reason:
        case "folder":
            return _("in no folder of the configuration")
        case "excluded":
            return _('left out by exclude = ["{pattern}"]').format(pattern=printable(one.by))
        case "unreadable":
            return _(
                "in the configuration, but the account may not read it; tuibackup check shows the way out"
            )
        case "no-database":
            return _("this server has no database in the configuration")
        case "database-excluded":
            return _("left out by exclude of the database")
        case "unseen":
            return _(
                "the account of the backup does not see it: it needs SELECT there, or the database is gone"
            )
        case "other-kind":
            kind = printable(one.database.kind if one.database else "")
            return _("{kind}: tuibackup dumps MariaDB and MySQL only; back it up into a folder").format(
                kind=kind
            )


def accepted_words(said: Acceptance) -> str:
    """ "accepted by Andi on 2026-11-29: old site, nobody needs it"."""
    return _("accepted by {owner} on {day}: {reason}").format(
        owner=printable(said.owner), day=f"{said.time.astimezone():%Y-%m-%d}", reason=printable(said.reason)
    )


def elsewhere_words(database: FoundDatabase) -> str:
    """A database of an application here that is on another machine."""
    return _(
        "database {name} of {application} is on {host}: it belongs to the backup of that machine"
    ).format(
        name=printable(database.name),
        application=printable(database.application),
        host=printable(database.host),
    )


def cut_words(found: Discovery) -> tuple[str, ...]:
    """What the look could not see, a sentence each."""
    texts = []
    if found.cut == ("shell",):
        texts.append(_("this server has no find that can be used: its folders could not be looked at"))
    elif found.cut == ("awk",):
        texts.append(_("this server has no awk: its configuration could not be read"))
    elif found.cut:
        texts.append(
            _("not all was looked at, there is too much of it: {what}").format(what=", ".join(found.cut))
        )
    if found.unread:
        shown = ", ".join(map(printable, found.unread[:_NAMED]))
        more = f", … {count(len(found.unread) - _NAMED)}" if len(found.unread) > _NAMED else ""
        texts.append(_("the account may not read: {names}").format(names=shown + more))
    if found.login not in ("", "done"):
        texts.append(
            _("its databases could not be looked at: {reason}").format(reason=printable(found.login))
        )
    return tuple(texts)
