"""Each formula of the chapters by itself, dense and short: what all that is fast is held to.

- ``definition``: the likelihoods, scores and informations, as they are defined;
- ``identities``: the same by matrices of the size of the random effects;
- ``generalised_least_squares`` and ``mixed_model_equations``: beta and U, by three ways;
- ``error_contrasts``: the matrices A with A'X = 0 behind the restricted likelihood;
- ``one_way`` and ``balanced``: estimates in closed form;
- ``one_variance``: V = sigma2 I + tau2 K diagonalised;
- ``variance_steps``: the steps of Newton, Fisher, average information and EM in the variances.
"""
