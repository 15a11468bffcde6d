"""Models from columns: the matrices of a design, and what is done with rows that are incomplete.

- ``grouped``: from columns and grouping factors, subject by subject, and with errors of a known S;
- ``series``: effects or errors that follow each other in time;
- ``formula``: the same from lme4's formulas;
- ``missing``: rows with missing values, refused or dropped.
"""
