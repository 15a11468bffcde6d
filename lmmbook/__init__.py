"""What this book adds to its two packages, lmmcore (estimates) and matrixproof (derivations).

- ``exercises``: ``check("id", answer)``: whether an answer is right, and why not
- ``figures``: what the chapters draw, one module a chapter
- ``ledger``: the book's accounts: results, statements of the sources, errata, slips
- ``evidence``: what other programs and certified data say, and how lmmcore compares
- ``demos``: programs that chapters show and nothing else needs
- ``records``: every result of the book, a file each, and ``recall``

Each imports from those below it only.
"""
