"""Programs that chapters show and nothing else needs."""
