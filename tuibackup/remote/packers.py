"""What packs a stream at its source: the commands whose output `unpack` takes apart here."""

ZSTD = "zstd -q -1 -c"
GZIP = "gzip -q -1 -c"


def zstd(level: int, job: int) -> str:
    """zstd in jobs of `job` bytes that know nothing of each other, if it can: then they are stored as they come."""
    return (
        f"jobs='-T1 -B{job} --zstd=ovlog=1'; zstd -q -1 -c $jobs </dev/null >/dev/null 2>&1 || jobs=;"
        f" exec zstd -q -{level} -c $jobs"
    )
