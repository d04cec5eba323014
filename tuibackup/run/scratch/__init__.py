"""Scratch places on this machine that are removed afterwards, even if we are killed."""
