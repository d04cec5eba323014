"""Step 3: the way to the database and the login."""
