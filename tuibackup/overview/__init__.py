"""What the faces show: one picture out of configuration, ledger, vault and journals."""
