"""What is shown and kept: derivations, their display, their records."""
