// y_t = mu + u_t + eps_t, u stationary AR(1) with standard deviation tau: the peer by TMB.
#include <TMB.hpp>

template <class Type>
Type objective_function<Type>::operator()() {
  DATA_VECTOR(y);
  PARAMETER(mu);
  PARAMETER_VECTOR(u);
  PARAMETER(log_tau);
  PARAMETER(log_sigma);
  PARAMETER(logit_rho);
  Type tau = exp(log_tau), sigma = exp(log_sigma), rho = 2.0 / (1.0 + exp(-logit_rho)) - 1.0;
  Type innovation = tau * sqrt(1.0 - rho * rho);
  Type negative = -dnorm(u(0), Type(0), tau, true);
  for (int t = 1; t < u.size(); t++) negative -= dnorm(u(t), rho * u(t - 1), innovation, true);
  return negative - sum(dnorm(y, mu + u, sigma, true));
}
