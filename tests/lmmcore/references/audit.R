# The models of tests/audit_models.py by lme4 at its tightest tolerances; run in the folder that
# `python tests/audit_models.py FOLDER` wrote. Recorded in lmmbook/evidence/audit.json with lme4 1.1-31,
# R 4.2.2.
suppressMessages(library(lme4))
models <- read.delim("models.txt", header = FALSE, stringsAsFactors = FALSE)
control <- lmerControl(
  optimizer = "nloptwrap", calc.derivs = FALSE, check.scaleX = "ignore",
  optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, xtol_rel = 0, ftol_rel = 0, maxeval = 20000))
digits <- function(x) paste(sprintf("%.15g", x), collapse = ",")
for (i in seq_len(nrow(models))) for (method in c("REML", "ML")) {
  data <- read.csv(paste0(models[i, 1], ".csv"), stringsAsFactors = TRUE)
  fit <- suppressMessages(suppressWarnings(
    lmer(as.formula(models[i, 2]), data, REML = method == "REML", control = control)))
  cat(models[i, 1], method, digits(as.numeric(logLik(fit))), digits(sigma(fit)),
      digits(getME(fit, "theta")), digits(fixef(fit)), "\n")
}
