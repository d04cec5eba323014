"""Step 1: hop by hop to the server, with its host keys, our keys and passwords."""
