"""Step 4: the SQL of all databases at one instant, and whether it is good."""
