"""What commands share: the configuration, and ledger and vault opened when first asked for."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.errors import UsageError
from tuibackup.words import _, use_language

if TYPE_CHECKING:
    from tuibackup.config import Config, Server
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Vault


class Context:
    """One call of the command line. Everything is loaded on first use, so that cheap commands stay cheap."""

    def __init__(self, config_path: Path | None = None) -> None:
        self.config_path = config_path

    @cached_property
    def config(self) -> "Config":
        """The configuration in force. Raises ConfigError."""
        from tuibackup.config import find, load

        config = load(find(self.config_path))
        use_language(config.language)
        return config

    @cached_property
    def ledger(self) -> "Ledger":
        """Raises LedgerError."""
        from tuibackup.ledger.store import Ledger

        return Ledger.open(self.config.ledger_url or self.config.state / "ledger.sqlite")

    @cached_property
    def vault(self) -> "Vault":
        """The backup disk; never created by looking at it. Raises VaultError."""
        from tuibackup.vault.layout import Vault

        return Vault.open(self.config.vault.path, self.config.state, create=False)

    @property
    def state(self) -> Path | None:
        """The state folder where a configuration was read, else None."""
        config: Config | None = self.__dict__.get("config")
        return config.state if config else None

    def server(self, name: str) -> "Server":
        """The configured server of that name. Raises UsageError with the nearest one."""
        servers = self.config.servers
        if name in servers:
            return servers[name]
        from difflib import get_close_matches

        from tuibackup.text import printable

        near = get_close_matches(name, servers, 1)
        way_out = _("did you mean {name}?").format(name=near[0]) if near else _("tuibackup status lists them")
        raise UsageError(
            _("there is no server {name} in {file}").format(name=printable(name), file=self.config.source),
            way_out,
        )
