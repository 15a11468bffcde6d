"""Covariance structures: what the parameters of V are, and the derivatives of V by them."""
