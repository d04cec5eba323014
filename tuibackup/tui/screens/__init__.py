"""The screens of the cockpit: the main one and the dialogs above it."""
