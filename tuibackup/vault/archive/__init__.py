"""Archives: the tar in zstd frames that a run writes, and how one file is read out of it."""
