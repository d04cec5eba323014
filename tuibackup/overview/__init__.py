"""What the faces show: one picture made from configuration, ledger, vault and journals."""
