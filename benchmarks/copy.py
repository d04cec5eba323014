"""Copies beside their peers: `python -m benchmarks.copy --size 1GiB --rounds 3`.

One vault with a snapshot of files that do not compress goes to a folder, to another host over SFTP, and to an S3 store
(moto): by `tuibackup copy`, by `rclone copy` of the vault, and by `restic backup` of it into a fresh repository there.
Peers take turns within each round; whole processes are timed, ours from the start of the command to the end of all that
it started. Ours reads everything back (folder, SFTP) or has the store compare a hash (S3), and keeps a record; rclone
and restic do less, or other things (restic encrypts and packs anew).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Measured, measure
from tests.acceptance.site import TUIBACKUP, Site
from tests.stores import servers
from tests.stores.servers import KEY, SECRET, Store
from tuibackup.demo.sshd import PrivateSshd

_UNITS = {"MiB": 1 << 20, "GiB": 1 << 30}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--size", default="1GiB")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--scratch", default="/var/tmp")
    asked = words.parse_args()
    amount = int(asked.size[:-3]) * _UNITS[asked.size[-3:]]
    folder = Path(tempfile.mkdtemp(prefix="tuibackup-bench-", dir=asked.scratch))
    try:
        with PrivateSshd(folder / "sshd") as sshd, servers.moto(folder / "moto") as store:
            site = _site(folder, sshd, amount)
            results: dict[tuple[str, str], list[Measured]] = defaultdict(list)
            for number in range(asked.rounds):
                for place in ("folder", "sftp", "s3"):
                    for peer in ("tuibackup", "rclone", "restic"):
                        if peer != "tuibackup" and shutil.which(peer) is None:
                            continue
                        name = f"{place}-{peer}-{number}"
                        took = _one(site, peer, place, name, sshd, store)
                        if took.code:
                            sys.exit(f"{name} failed:\n{(folder / 'log').read_text()[-2000:]}")
                        told = f"… {name}: {took.seconds:.1f} s, CPU {took.cpu:.1f} s, {took.peak >> 20} MiB"
                        print(told, file=sys.stderr, flush=True)
                        results[place, peer].append(took)
                        shutil.rmtree(folder / name, ignore_errors=True)
                _forget(store)
            _print(results, amount)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _site(folder: Path, sshd: PrivateSshd, amount: int) -> Site:
    """A vault with one snapshot of `amount` bytes."""
    source = folder / "source"
    source.mkdir()
    with open("/dev/urandom", "rb") as random, (source / "large").open("wb") as file:
        for _ in range(amount >> 20):
            file.write(random.read(1 << 20))
    site = Site(folder)
    site.add("siakad", sshd, [source])
    done = site.tuibackup("run", "siakad", timeout=3600)
    assert done.code == 0, done.err
    shutil.rmtree(source)
    return site


def _one(site: Site, peer: str, place: str, name: str, sshd: PrivateSshd, store: Store) -> Measured:
    """Copy the vault there by that program."""
    there = site.folder / name
    there.mkdir()
    bucket = name.lower()
    if place == "s3":
        servers.make_bucket(store, bucket)
    key = site.folder / "key"
    key.write_text(store.credentials)
    key.chmod(0o600)
    ssh = f"ssh -p {sshd.port} -i {sshd.client_key} -o UserKnownHostsFile={site.home}/.ssh/known_hosts"
    env: dict[str, str] = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "RESTIC_PASSWORD": "x"}
    if peer == "tuibackup":
        to = {
            "folder": f'to = "{there}"',
            "sftp": f'to = "sftp://{sshd.user}@{sshd.host}:{sshd.port}{there}"\nkey = "{sshd.client_key}"',
            "s3": f'to = "s3://{bucket}/one"\nendpoint = "{store.endpoint}"\ncredentials_file = "{key}"',
        }[place]
        site.settings = f"[copies.{name}]\n{to}\n"
        site.write_config()
        return _measured(site, [str(TUIBACKUP), "copy"], {})
    if peer == "rclone":
        remote = {
            "folder": str(there),
            "sftp": f":sftp,host={sshd.host},port={sshd.port},user={sshd.user},key_file='{sshd.client_key}':{there}",
            "s3": f":s3,provider=Other,env_auth=true,endpoint='{store.endpoint}':{bucket}",
        }[place]
        return _measured(site, ["rclone", "copy", str(site.vault), remote], env)
    repository = {
        "folder": str(there / "restic"),
        "sftp": f"sftp:{sshd.user}@{sshd.host}:{there}/restic",
        "s3": f"s3:{store.endpoint}/{bucket}",
    }[place]
    command = ["restic", "-q", "--no-cache", "-r", repository]
    if place == "sftp":
        command += ["-o", f"sftp.command={ssh} {sshd.user}@{sshd.host} -s sftp"]
    subprocess.run([*command, "init"], env=site.environment(env), check=True, capture_output=True)
    return _measured(site, [*command, "backup", str(site.vault)], env)


def _measured(site: Site, command: list[str], env: Mapping[str, str]) -> Measured:
    words = ["env", "-i", *(f"{name}={value}" for name, value in site.environment(env).items()), *command]
    os.sync()
    return measure(words, site.folder / "log")


def _forget(store: Store) -> None:
    """moto keeps what it stores in memory: let it go after each round."""
    servers.reset(store)


def _print(results: Mapping[tuple[str, str], list[Measured]], amount: int) -> None:
    print("| to | with | seconds (each round) | MiB/s (median) | CPU seconds (median) | peak memory |")
    print("|---|---|---|---|---|---|")
    for (place, peer), took in results.items():
        seconds = [one.seconds for one in took]
        speed = amount / (1 << 20) / statistics.median(seconds)
        cpu = statistics.median(one.cpu for one in took)
        peak = max(one.peak for one in took) >> 20
        each = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"| {place} | {peer} | {each} | {speed:.0f} | {cpu:.1f} | {peak} MiB |")


if __name__ == "__main__":
    main()
