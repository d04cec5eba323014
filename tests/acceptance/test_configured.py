"""Who changed the configuration and what in it is in the record, also what an editor did: by the installed command."""

import json
import sqlite3
from typing import Any

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal

SERVER = """
[servers.{name}]
host = "10.0.0.5"
user = "tuibackup"
password_command = "echo {secret}"
folders = [{folders}]
"""
SECRETS = ("rahasia-satu", "rahasia-dua", "T0KEN-IN-URL", "T0KEN-LAGI")


def changed(site: Site) -> list[dict[str, Any]]:
    """The entries of kind config, the oldest first."""
    with sqlite3.connect(site.state / "ledger.sqlite") as database:
        rows = database.execute(
            "SELECT operator, server, body FROM entry WHERE kind = 'config' ORDER BY seq"
        ).fetchall()
    database.close()
    return [{"operator": who, "server": server, "body": json.loads(body)} for who, server, body in rows]


def server(name: str, secret: str, *folders: str) -> str:
    return SERVER.format(name=name, secret=secret, folders=", ".join(map(json.dumps, folders)))


@pytest.mark.long
def test_what_an_editor_changed_is_noticed_once_without_secrets_and_is_nobodys(site: Site) -> None:
    def save(settings: str, *servers: str) -> list[dict[str, Any]]:
        before = len(changed(site)) if site.state.exists() else 0
        site.settings, site.servers = settings, {str(number): text for number, text in enumerate(servers)}
        site.write_config()
        site.tuibackup("status")
        site.tuibackup("status")  # nothing is told twice
        return changed(site)[before:]

    hook = '[notify]\npost = ["https://hooks.example/{}"]\n'
    first = hook.format("T0KEN-IN-URL") + "[run]\nparallel = 2\n"
    assert save(first, server("siakad", SECRETS[0], "/var/www", "/srv/a")) == [], (
        "the first look knows no other"
    )
    then = hook.format("T0KEN-LAGI") + "[run]\nparallel = 4\n"
    one, two = save(then, server("siakad", SECRETS[1], "/var/www", "/srv/b"))
    assert (one["server"], two["server"]) == (None, "siakad")
    assert one["operator"] == two["operator"] == "unknown", "whoever looked is not accused"
    assert one["body"]["noticed_by"]["name"]
    assert {"key": "run.parallel", "before": 2, "after": 4} in one["body"]["changes"]
    assert {
        "key": "notify.post",
        "before": ["https://hooks.example/…"],
        "after": ["https://hooks.example/…"],
    } in one["body"]["changes"], "that it changed is told, and not what it is"
    assert [change["key"] for change in two["body"]["changes"]] == ["password_command", "folders"]
    assert "folders +/srv/b -/srv/a" in two["body"]["detail"]
    gone, came = sorted(
        save(then, server("akademik", SECRETS[1], "/var/www", "/srv/b")),
        key=lambda e: e["server"] != "siakad",
    )
    assert gone["body"]["detail"].startswith("renamed in the configuration, to akademik; its snapshots stay")
    assert came["body"]["detail"].startswith("renamed in the configuration, from siakad")
    told = save(then, server("lms", SECRETS[0], "/srv/lms"))
    texts = {entry["server"]: entry["body"]["detail"] for entry in told}
    assert texts["lms"].startswith("added to the configuration")
    assert texts["akademik"].startswith("taken out of the configuration; its snapshots stay")
    # A file that is refused tells nothing, not even what was written into it.
    site.config.write_text(site.config.read_text() + '\n[servers.x]\nhost = "h"\npassword = "rahasia-dua"\n')
    site.tuibackup("status")
    for path in (*site.state.rglob("*"), *site.vault.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            for secret in SECRETS:
                assert secret.encode() not in content, (path, secret)
    said = site.tuibackup("log", "--read-only").out
    assert not any(secret in said for secret in SECRETS)


@pytest.mark.long
def test_a_change_by_edit_is_its_operators_and_one_before_it_is_not(site: Site) -> None:
    site.servers["x"] = server("lms", SECRETS[0], "/srv/lms")
    site.write_config()
    site.tuibackup("note", "the first look")
    site.settings = "[run]\nparallel = 3\n"
    site.write_config()
    with Terminal([str(TUIBACKUP), "edit", "lms"], site.environment(), columns=100, cwd=site.home) as seat:
        seat.wait_for("What is to be done with lms?", seconds=30)
        seat.send("remove\r")
        seat.wait_for("Take lms out of the configuration?", seconds=30)
        seat.send("yes\r")
        assert seat.wait() == 0
    by_hand, by_edit = changed(site)
    assert (by_hand["operator"], by_hand["server"]) == ("unknown", None)
    assert by_hand["body"]["changes"] == [{"key": "run.parallel", "before": None, "after": 3}]
    assert by_edit["operator"] != "unknown"
    assert by_edit["server"] == "lms"
    assert by_edit["body"]["detail"] == "taken out of the configuration; its snapshots stay"
    assert {change["key"] for change in by_edit["body"]["changes"]} >= {"host", "folders"}
    site.tuibackup("status")
    assert len(changed(site)) == 2, "it is not noticed a second time"
