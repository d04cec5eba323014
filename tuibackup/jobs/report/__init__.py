"""The printed forms: what a month, a year, a run or a restore left in the record, on paper, for a file or a screen."""
