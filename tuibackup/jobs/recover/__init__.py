"""Recover a lost server: the page to follow, and what of it can be carried out onto another one."""
