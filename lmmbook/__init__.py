"""What this book adds to its two packages: exercises, figures, its ledger, records and evidence."""
