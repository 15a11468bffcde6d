"""Wrong versions of lines and claims, each of which a check has to refuse."""
