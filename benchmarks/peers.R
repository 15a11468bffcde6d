# One program, one case: Rscript peers.R PROGRAM FOLDER FORMULA SECONDS TIMES
# FOLDER holds the columns as little-endian doubles, NAME.real or NAME.factor. Prints one line of JSON.
arguments <- commandArgs(TRUE)
program <- arguments[1]; folder <- arguments[2]; formula <- if (program != "TMB") as.formula(arguments[3])
seconds <- as.numeric(arguments[4]); times <- as.integer(arguments[5])

column <- function(file) {
  values <- readBin(file, "double", file.size(file) / 8, endian = "little")
  if (endsWith(file, ".factor")) factor(values) else values
}
files <- list.files(folder, pattern = "[.](real|factor)$", full.names = TRUE)
data <- lapply(files, column)
names(data) <- sub("[.][a-z]+$", "", basename(files))

package <- if (program == "TMB") "TMB" else program
suppressWarnings(suppressPackageStartupMessages(library(package, character.only = TRUE)))
if (program == "TMB") dyn.load(dynlib(file.path(folder, "..", "ar1")))

fit <- function() {
  if (program == "lme4") {
    return(as.numeric(logLik(lmer(formula, data = as.data.frame(data)))))
  }
  if (program == "glmmTMB") {
    return(as.numeric(logLik(glmmTMB(formula, data = as.data.frame(data), REML = TRUE))))
  }
  # restricted likelihood: the mean is integrated out with the random effects
  start <- list(mu = mean(data$y), u = numeric(length(data$y)),
                log_tau = 0, log_sigma = 0, logit_rho = 1)
  objective <- MakeADFun(list(y = data$y), start, random = c("mu", "u"), DLL = "ar1", silent = TRUE)
  -nlminb(objective$par, objective$fn, objective$gr, control = list(rel.tol = 1e-12))$objective
}

cpu <- c(); peak <- NA
for (i in seq_len(times)) {
  cpu[i] <- sum(system.time(value <- suppressMessages(fit()))[c("user.self", "sys.self")])
  if (i == 1) {
    line <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
    peak <- as.numeric(gsub("[^0-9]", "", line)) / 1024
  }
  if (i > 1 && sum(cpu) > seconds) break
}
cat(sprintf('{"version": "%s", "cpu": [%s], "peak_mb": %.0f, "log_likelihood": %.10f}\n',
            packageVersion(package), paste(sprintf("%.4f", cpu), collapse = ", "), peak, value))
