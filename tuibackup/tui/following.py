"""What a screen is that shows newer pictures while it is open."""

from tuibackup.overview.picture import Picture


class Following:
    """A screen that the app tells each new picture."""

    def follow(self, picture: Picture) -> None:
        raise NotImplementedError
