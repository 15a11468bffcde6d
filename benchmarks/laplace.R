# One program, one Laplace fit, again and again: Rscript laplace.R PROGRAM FILE TIMES [FOLDER of student.so]
# FILE is a data set of lmmcore. Prints one line of JSON: CPU seconds of the whole fit.
arguments <- commandArgs(TRUE)
program <- arguments[1]; data <- read.csv(arguments[2]); times <- as.integer(arguments[3])
suppressPackageStartupMessages(library(program, character.only = TRUE))
if (program == "TMB") dyn.load(dynlib(file.path(arguments[4], "student")))

fit <- function() {
  if (program != "TMB") {
    for (name in c("INDEX", "BROOD", "LOCATION", "YEAR")) data[[name]] <- factor(data[[name]])
    formula <- TICKS ~ YEAR + cHEIGHT + (1 | INDEX) + (1 | BROOD) + (1 | LOCATION)
    fitter <- if (program == "lme4") glmer else glmmTMB
    return(as.numeric(logLik(suppressWarnings(fitter(formula, data, family = poisson)))))
  }
  start <- list(beta = c(250, 10), log_sigma = 3, log_sd = c(3, 2), chol = 0,
                u = matrix(0, length(unique(data$Subject)), 2))
  columns <- list(y = data$Reaction, x = data$Days, g = as.integer(factor(data$Subject)) - 1L)
  objective <- MakeADFun(columns, start, random = c("u", "beta"), DLL = "student", silent = TRUE)
  -nlminb(objective$par, objective$fn, objective$gr, control = list(rel.tol = 1e-12))$objective
}

cpu <- c()
for (i in seq_len(times)) cpu[i] <- sum(system.time(value <- fit())[c("user.self", "sys.self")])
cat(sprintf('{"version": "%s", "cpu": [%s], "log_likelihood": %.8f}\n', packageVersion(program),
            paste(sprintf("%.4f", cpu), collapse = ", "), value))
