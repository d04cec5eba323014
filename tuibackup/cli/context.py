"""What commands share: the configuration, and ledger and vault opened when first asked for."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.errors import UsageError
from tuibackup.words import _, use_language

if TYPE_CHECKING:
    from tuibackup.config import Config, Server
    from tuibackup.ledger.store import Ledger
    from tuibackup.run.operator import Operator
    from tuibackup.vault.layout import Vault


class Context:
    """One call of the command line. Everything is loaded on first use, so that cheap commands stay cheap."""

    def __init__(self, config_path: Path | None = None, *, alone: bool = False) -> None:
        self.config_path = config_path
        self.alone = alone  # whether nothing else goes on in this process

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
        from tuibackup.run.places import open_ledger

        return open_ledger(self.config)

    @cached_property
    def vault(self) -> "Vault":
        """The backup disk; never created by looking at it. Raises VaultError."""
        from tuibackup.run.places import open_vault

        return open_vault(self.config, create=False)

    @property
    def state(self) -> Path:
        """The state folder, also where no configuration was read."""
        if "config" in self.__dict__:
            return self.config.state
        from platformdirs import user_state_path

        return user_state_path("tuibackup")

    @cached_property
    def operator(self) -> "Operator":
        """Who sits here, for the record."""
        from tuibackup.run.operator import identify

        return identify()

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
            _('no server "{name}" in {file}').format(name=printable(name), file=self.config.source),
            way_out,
        )
