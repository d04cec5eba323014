"""Steps of a set-up that need no server: what they find is written here."""

from dataclasses import dataclass, replace

from msgspec import structs

from tuibackup.config import Server
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Taken, WrongAnswerError


@dataclass
class Canned:
    """Asks `prompt`; an answer in `wrong` cannot be used. The label of the draft collects what was answered."""

    prompt: Prompt
    found: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    final: bool = False

    @property
    def id(self) -> str:
        return self.prompt.step

    @property
    def title(self) -> str:
        return self.prompt.title

    async def ask(self, draft: Draft) -> Prompt:
        return self.prompt

    async def take(self, draft: Draft, answer: str) -> Taken:
        if answer in self.wrong:
            raise WrongAnswerError(f"{answer}: refused", "is sshd running there?")
        server = structs.replace(draft.server, label=f"{draft.server.label} {answer}".strip())
        shown = "right" if self.prompt.secret else answer
        return Taken(replace(draft, server=server), shown, self.found, self.warned, final=self.final)


def example() -> list[Canned]:
    """The first questions of a set-up, as a server may answer them."""
    yes_no = (Choice("yes", "accept it"), Choice("no", "it is another one"))
    return [
        Canned(
            Prompt("host", "host", "Which host?", detail=("an address, a name or an alias",)),
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2",),
            wrong=("10.0.0.9",),
        ),
        Canned(
            Prompt(
                "name", "name", "What is it to be called?", "siakad",
                check=lambda text: "no spaces in a name" if " " in text else "",
            )
        ),
        Canned(
            Prompt(
                "host-key", "host key", "Is this its host key?", "no", choices=yes_no, only=True, anew=True,
                detail=(
                    "10.10.0.5 port 22 is not known yet. It shows the host key",
                    "ssh-ed25519 SHA256:9fX3m0CkQbWq1oJmYH0cF5C7vY6xq2dXw3hJk1vZkQ4",
                    "compare on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                ),
            )
        ),
        Canned(Prompt("password", "password", "Password of tuibackup at 10.10.0.5:", secret=True)),
        Canned(
            Prompt(
                "folders", "folders", "Which folders?", "1",
                choices=(
                    Choice("1", "/var/www/siakad  281 MiB  not all of it may be read"),
                    Choice("2", "/srv/moodledata  4.1 GiB"),
                ),
                detail=("numbers of this list, or full paths, with spaces between; none: only its database",),
            ),
            ("/var/www/siakad: 23,257 files, 281 MiB",),
            ("/var/www/siakad/.env: permission denied",),
        ),
        Canned(
            Prompt(
                "sudo", "sudo", "Read through sudo what this account may not read?", "no", choices=yes_no, only=True,
                detail=("This needs a rule; as root on the server:",),
                paste=(
                    "echo 'tuibackup ALL=(root) NOPASSWD: /usr/bin/find, /usr/bin/tar' > /etc/sudoers.d/tuibackup",
                ),
            ),
            final=True,
        ),
    ]  # fmt: skip


def draft() -> Draft:
    return Draft(Server("", ""))
