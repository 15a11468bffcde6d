"""What judges the answers: one module a chapter, each with its ``EXERCISES``."""
