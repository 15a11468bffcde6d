"""Each formula of the chapters as it stands there: dense and short, for small models."""
