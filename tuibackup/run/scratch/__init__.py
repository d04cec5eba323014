"""Scratch places on this machine that are gone afterwards, whatever ends us."""
