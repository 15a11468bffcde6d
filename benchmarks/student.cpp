// Intercept and slope of each subject, Student-t errors with 4 degrees of freedom: the peer by TMB.
#include <TMB.hpp>

template <class Type>
Type objective_function<Type>::operator()() {
  DATA_VECTOR(y);
  DATA_VECTOR(x);
  DATA_IVECTOR(g);
  PARAMETER_VECTOR(beta);
  PARAMETER(log_sigma);
  PARAMETER_VECTOR(log_sd);
  PARAMETER(chol);
  PARAMETER_MATRIX(u);
  Type nu = 4.0, sigma = exp(log_sigma), length = sqrt(1.0 + chol * chol);
  Type negative = 0.0;
  for (int i = 0; i < u.rows(); i++)
    for (int j = 0; j < 2; j++) negative -= dnorm(u(i, j), Type(0), Type(1), true);
  for (int i = 0; i < y.size(); i++) {
    Type a = exp(log_sd(0)) * u(g(i), 0);
    Type b = exp(log_sd(1)) * (chol * u(g(i), 0) + u(g(i), 1)) / length;
    Type t = (y(i) - beta(0) - a - (beta(1) + b) * x(i)) / sigma;
    negative -= dt(t, nu, true) - log_sigma;
  }
  return negative;
}
