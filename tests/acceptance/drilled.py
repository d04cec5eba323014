"""Where drills happen."""

from pathlib import Path

from tests.acceptance.site import Site


def drills_in(site: Site, place: Path, more: str = "") -> None:
    """Configure where drills happen."""
    site.settings = f'[drill]\nfolder = "{place}"\n{more}'
    site.write_config()
