"""What the keys of the registry do: a file a subject, a method `do_<id>` an action."""
