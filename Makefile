# make book     build and verify the book, from nothing      -> _build/html/index.html
#               without the solutions: make book SOLUTIONS=no
# make test     what guards the change, a share of the rest    -> _build/test-report.xml
#               the share of another day: DAY=3; everything, each recording replayed: make test ALL=yes
# make test-machines    replays and tests the numbers as other processors compute them
# make pdf      the book as a PDF, offered on the built site -> _build/book.pdf  (needs LaTeX, says what)
# make serve    the site while you write: an edit is built and shown in seconds
# make links    whether other sites that the pages link to still answer (needs a network)
# make record   run the chapters, write chapters/*.ipynb     (one: make record CHAPTER=block-matrices)
# make exercises                               -> _build/notebooks/student and /instructor, with archives
# make lab      the student's notebooks in JupyterLab
# make mutate   put slips into every line and function that changed since, and see each noticed
#               part of it: make mutate CHAPTER=block-matrices or MODULE=profile
#               some of those that were tried, again: make mutate SAMPLE=200
# make test-versions VERSIONS=oldest    the package's tests with other versions of what it needs (or newest)
# make lint     ruff, and who imports whom      make lock     requirements.in -> requirements.txt      make clean
#
# Each sets up what it needs in $(VENV). Another interpreter: make book PYTHON=python3.12

PYTHON  ?= python3
VENV    ?= .venv
CHAPTER ?=
MODULE  ?=
SAMPLE  ?=
VERSIONS ?=
ARGS    ?=
ALL     ?=
DAY     ?=
SOLUTIONS ?= yes
# Debian's packages for make pdf
PDF_NEEDS := latexmk texlive-xetex texlive-latex-extra texlive-fonts-recommended texlive-lang-english \
             fonts-texgyre fonts-texgyre-math fonts-dejavu-core
RUN     := $(VENV)/bin/python

.PHONY: book test pdf pdf-needs serve links record exercises lab mutate test-machines test-versions lint lock setup clean
.DEFAULT_GOAL := book

setup:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "error: there is no $(PYTHON) here: install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("error: this book needs Python 3.11 or newer, but %s is Python %d.%d; another one: make PYTHON=python3.12 ..." % (sys.executable, v[0], v[1]))'
	@$(PYTHON) -m tools.setup $(VENV)

book: setup
	@LMMCORE_SOLUTIONS=$(SOLUTIONS) $(RUN) -m tools.book

pdf: setup
	@LMMCORE_SOLUTIONS=$(SOLUTIONS) $(RUN) -m tools.pdf

pdf-needs:
	@echo $(PDF_NEEDS)

serve: setup
	@$(RUN) -m tools.serve

links: setup
	@$(RUN) -m tools.book links

test: setup
	@LMMBOOK_ALL=$(ALL) LMMBOOK_DAY=$(DAY) $(RUN) -m tools.test $(ARGS)

test-machines: setup
	@$(RUN) -m tools.machines

record: setup
	@$(RUN) -m tools.record $(CHAPTER)

exercises: setup
	@$(RUN) -m tools.notebooks

lab: exercises
	@$(RUN) -m tools.lab

mutate: setup
ifeq ($(MODULE),)
	@$(RUN) -m tools.mutate_chapters "$(SAMPLE)" $(CHAPTER)
endif
ifeq ($(CHAPTER),)
	@$(RUN) -m tools.mutate_estimators "$(SAMPLE)" $(MODULE)
endif

test-versions: setup
	@$(RUN) -m tools.versions $(VERSIONS)

lint: setup
	@$(RUN) -m tools.lint

lock: setup
	@$(RUN) -m tools.lock

clean:
	rm -rf _build $(VENV)
