"""W by the structure of Z, for the one criterion of :mod:`lmmcore.criterion`.

``groups`` is for one factor, and ``sums`` for one whose rows do not fit in memory; ``crossed`` is
for factors of one effect each, ``vector_terms`` of several; ``series`` and ``errors`` are for
effects and errors that follow each other in time. ``choose`` picks one of them. ``blocks`` has the
algebra of many small matrices, ``frame`` coordinates in which rounding does least harm.
"""
