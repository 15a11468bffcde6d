"""From tables and formulas to a model: y, X, Z and the names of their columns."""
