"""What commands share: the configuration, and ledger and vault opened when first asked for."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.cli import attended
from tuibackup.words import _, ngettext, use_language

if TYPE_CHECKING:
    from tuibackup.config import Config, Server
    from tuibackup.jobs.recorder import Recorder
    from tuibackup.ledger.store import Ledger
    from tuibackup.run.holds import Hold
    from tuibackup.run.operator import Operator
    from tuibackup.vault.layout import Vault


LOOK_PATIENCE = 2.0  # seconds to wait for another process that holds the ledger, only to look into it


class Context:
    """One call of the command line. Everything is loaded on first use, so that cheap commands stay cheap."""

    def __init__(self, config_path: Path | None = None, *, alone: bool = False) -> None:
        self.config_path = config_path
        self.alone = alone  # whether nothing else goes on in this process
        self.read_only = False  # whether nothing may be changed, not even the record
        self._missed = 0  # results of other processes that the ledger does not have
        self._fault = ""

    @cached_property
    def config(self) -> "Config":
        """The configuration in force. Raises ConfigError."""
        from tuibackup.config import find, load, places

        said = _("the folder of config.toml does not answer, {seconds} s")
        with ExitStack() as looking:
            for place in places(self.config_path):
                looking.enter_context(attended.depending_on(place.parent, said))
            config = load(find(self.config_path))
        use_language(config.language)
        attended.depends_on(config.vault.path, _("the backup disk does not answer, {seconds} s"))
        attended.depends_on(config.state, _("the state folder does not answer, {seconds} s"))
        return config

    def use(self, config: "Config") -> None:
        """Go on with this configuration, which is not, or not yet, that of the file."""
        self.__dict__["config"] = config
        use_language(config.language)

    def looks_after_disks(self) -> None:
        """This command says itself which of its disks do not answer, and does not hang in them."""
        attended.free_of(self.config.vault.path)
        attended.free_of(self.config.state)

    @cached_property
    def ledger(self) -> "Ledger":
        """The ledger, for reading; what a command did goes to `recorder`. Raises LedgerError."""
        from tuibackup.run.places import look_into_ledger

        ledger, _fault = look_into_ledger(self.config, read_only=self.read_only, patience=LOOK_PATIENCE)
        return ledger

    @cached_property
    def recorder(self) -> "Recorder":
        """Puts what this command does into the ledger."""
        from tuibackup.jobs.recorder import Recorder

        return Recorder(self.config, self.operator)

    def missed(self, number: int, fault: str) -> None:
        """Note that so many results of a job could not be recorded, and why."""
        self._missed += number
        self._fault = self._fault or fault

    @property
    def unrecorded(self) -> str:
        """The warning at the end if something could not be recorded; "" if everything was."""
        missed, fault = self._missed, self._fault
        if "recorder" in self.__dict__:
            missed, fault = missed + self.recorder.missed, fault or self.recorder.fault
        if not fault:
            return ""
        text = ngettext(
            "NOT RECORDED in the ledger: {fault}",
            "{number} results were NOT RECORDED in the ledger: {fault}",
            missed,
        )
        way_out = _("write down what was done, and mend this before the next run")
        return f"{text.format(number=missed, fault=fault)}; {way_out}"

    def close(self) -> None:
        """Close what is open."""
        for name in ("ledger", "recorder"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @cached_property
    def vault(self) -> "Vault":
        """The backup disk; never created by looking at it. Raises VaultError."""
        from tuibackup.run.places import open_vault

        self.require_disk()
        return open_vault(self.config, create=False)

    def holds(self, server: str | None = None) -> "Mapping[str, Hold]":
        """What is held, by snapshot. Where the ledger cannot be read, as the vault knows it. Raises VaultError."""
        from tuibackup.errors import LedgerError
        from tuibackup.run.holds import holds

        try:
            return holds(self.vault, self.ledger, server)
        except LedgerError:
            return holds(self.vault, None, server)

    def require_disk(self) -> None:
        """VaultError where the backup disk does not answer: nothing would come of waiting for it."""
        from tuibackup.vault.disk import require_answer

        require_answer(self.config.vault.path)

    @property
    def state(self) -> Path:
        """The state folder, even if no configuration was read."""
        if "config" in self.__dict__:
            return self.config.state
        from platformdirs import user_state_path

        return user_state_path("tuibackup")

    @cached_property
    def operator(self) -> "Operator":
        """The operator, for the record."""
        from tuibackup.run.operator import identify

        return identify()

    def server(self, name: str) -> "Server":
        """The configured server of that name. Raises UsageError with the nearest one."""
        return self.config.server(name)
