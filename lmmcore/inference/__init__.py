"""What is asked of a fit: intervals, tests, degrees of freedom, bootstrap, simulation."""
