"""The record itself: is it as it was written, out of here in a form that others can check, sealed."""
