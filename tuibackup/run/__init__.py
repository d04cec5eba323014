"""The procedure: plan → four steps → outcome; events, journal, locks, processes. Reads like the SOP page."""
