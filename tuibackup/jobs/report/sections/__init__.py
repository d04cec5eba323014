"""The sections of a month's or a year's report, each made of its facts: a heading, and a table or sentences."""
