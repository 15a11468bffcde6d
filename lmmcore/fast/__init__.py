"""The same criterion by the structure of Z: groups, crossed factors, series, sums."""
