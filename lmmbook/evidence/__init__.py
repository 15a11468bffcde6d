"""What other programs and certified data sets say, recorded, and how lmmcore compares."""
