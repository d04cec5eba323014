"""Jobs as processes of their own, as runs are: ordered by a face, carried out detached, told in a journal."""
