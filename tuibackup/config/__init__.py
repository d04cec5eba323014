"""config.toml: typed, validated settings, and writing them back with comments and order kept.

The contract is docs/manual.md's chapter on the configuration. Reading and writing this one file is the only
I/O of the ground floor. `settings` holds the types, `place` finds the file and judges who may write it,
`read` turns it into a `Config`, `write` changes it.
"""

from tuibackup.config.place import MissingConfigError, example, find, places
from tuibackup.config.read import load
from tuibackup.config.settings import (
    Config,
    Database,
    DrillSettings,
    RestoreSettings,
    RetentionSettings,
    RunSettings,
    SecretSource,
    Server,
    Standards,
    VaultSettings,
    VerifySettings,
)

__all__ = [
    "Config",
    "Database",
    "DrillSettings",
    "MissingConfigError",
    "RestoreSettings",
    "RetentionSettings",
    "RunSettings",
    "SecretSource",
    "Server",
    "Standards",
    "VaultSettings",
    "VerifySettings",
    "example",
    "find",
    "load",
    "places",
]
