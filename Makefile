# make help lists the targets. Everything that is built lands in _build/, everything that is installed in .venv/.
SHELL     := /bin/bash
PYTHON    ?= python3
VENV      ?= .venv
DATASET   ?= stanford40
DATA      ?=
WEIGHTS   ?=
PROPOSALS ?=
PRESET    ?= reduced
SEED      ?= 0
DIM       ?= 64
SWEEP     ?= full
MINUTES   ?=
PROCESSES ?=
WORKERS   ?= 2
REPLACE   ?=

BIN       := $(VENV)/bin
STAMP     := $(VENV)/.installed
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
PAPERMILL := $(BIN)/papermill --log-level WARNING $(if $(CI),--no-progress-bar,--progress-bar)
# A plotting backend that is set in the shell would leave the notebooks without pictures.
unexport MPLBACKEND

.DEFAULT_GOAL := help
.PHONY: help install replace book test reproduce rivals train-full bench clean

# $(call stage,FOLDER): a copy of all that a notebook reads or writes, so that no run touches the sources.
stage = rm -rf $(1) && mkdir -p $(1) && cp -R book notebooks figures results _config.yml _toc.yml $(1)/ \
	&& ln -s "$(CURDIR)/actret_core" $(1)/actret_core

# $(call execute,FOLDER,OPTIONS): run every notebook in the staged FOLDER, in order, and stop at the first error.
execute = for notebook in $(NOTEBOOKS); do \
	echo "== $$notebook"; \
	$(PAPERMILL) $$notebook $(1)/$$notebook --cwd $(1)/notebooks $(2) || exit 1; \
	done

# $(call absolute,PATH): the path from the root, by Python, since older systems have no realpath.
absolute = "$$($(BIN)/python -I -c 'import os, sys; print(os.path.realpath(sys.argv[1]))' "$(1)")"

# $(prepare): sets $$data, $$weights and $$proposals (empty if they lie beside the photographs), and downloads or computes
# what is not given: photographs, proposals, weights.
prepare = data="$(DATA)"; weights="$(WEIGHTS)"; proposals="$(PROPOSALS)"; \
	if [ -z "$$data" ]; then \
		data=".cache/$(DATASET)"; $(BIN)/python -m actret_core download "$(DATASET)" --to "$$data" || exit 1; \
	fi; \
	[ -d "$$data" ] || { echo "DATA=$$data is no folder; name the one that holds JPEGImages/" >&2; exit 1; }; \
	[ -z "$$weights" ] || [ -f "$$weights" ] || { echo "WEIGHTS=$$weights is no file" >&2; exit 1; }; \
	if [ -z "$$proposals" ] && ! ls "$$data"/proposals*.json* >/dev/null 2>&1; then \
		$(BIN)/python -m actret_core detect --dataset "$(DATASET)" --data "$$data" || exit 1; \
	fi; \
	data=$(call absolute,$$data) || exit 1; \
	[ -z "$$weights" ] || weights=$(call absolute,$$weights) || exit 1; \
	[ -z "$$proposals" ] || [ "$$proposals" = none ] || proposals=$(call absolute,$$proposals) || exit 1; \
	weights=$${weights:-ResNet50_Weights.IMAGENET1K_V2}

# $(where): the options that name the data set and its files; after $(prepare)
where = --dataset "$(DATASET)" --data "$$data" --weights "$$weights" \
	$(if $(PROPOSALS),--proposals "$$proposals")

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo "  Another Python: PYTHON=python3.12. Another environment: VENV=folder."

install: $(STAMP)  ## create .venv with the pinned packages

# The folder of another clone whose actret is installed in $(VENV), if any: installing would replace it.
other = $(shell [ ! -x "$(BIN)/python" ] || "$(BIN)/python" -I -c 'import os, sys, importlib.util as u; \
	spec = u.find_spec("actret_core"); own = os.path.realpath(sys.argv[1]); \
	path = os.path.dirname(os.path.dirname(os.path.realpath(spec.origin))) if spec and spec.origin else own; \
	print("" if path == own else path)' "$(CURDIR)")

$(STAMP): pyproject.toml constraints.txt $(if $(other),replace)
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with PYTHON=" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV): a few GB, a few minutes, only once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[book,test]"
	@# without this line, every kernel of a notebook prints a warning about its local sockets
	@mkdir -p $(VENV)/etc/ipython && echo 'c.IPKernelApp.log_level = "CRITICAL"' > $(VENV)/etc/ipython/ipython_kernel_config.py
	@touch $@

replace:
	@[ "$(REPLACE)" = 1 ] || { \
		echo "$(VENV) holds the actret of $(other), which this clone would replace."; \
		echo "Give this clone an environment of its own (VENV=folder), or replace the other one (REPLACE=1)."; \
		exit 1; \
	} >&2

book: install  ## run every notebook on the embedded default and build the site
	@$(call stage,_build/stage)
	@$(call execute,_build/stage)
	@rm -rf _build/html _build/.doctrees
	$(BIN)/jupyter-book build _build/stage --path-output . -W --keep-going --quiet
	@$(BIN)/python -m pytest -q tests/book/test_site.py
	@echo; echo "The book is ready. Open it in a browser:"
	@$(BIN)/python -I -c 'import pathlib; print(" ", pathlib.Path("_build/html/index.html").absolute().as_uri())'

# tests/conftest.py puts the longest files first
test: install  ## run all tests, and every notebook against its saved outputs: WORKERS=2
	@$(call stage,_build/nbval)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "slow or not slow" \
		tests --nbval --nbval-current-env $(if $(NOTEBOOKS),_build/nbval/notebooks)

reproduce: install  ## run every notebook on a real data set: DATASET=stanford40 DATA=folder WEIGHTS=file
	@out="_build/reproduce/$(DATASET)"; $(prepare); \
	$(call stage,"$$out"); \
	$(call execute,"$$out",-r DATASET "$(DATASET)" -r DATA "$$data" -r WEIGHTS "$$weights" \
		$(if $(PROPOSALS),-r PROPOSALS "$$proposals")); \
	echo "The executed notebooks and their figures are in $$out/"

rivals: install  ## train and record every method: PRESET=reduced or full, SEED=0, DIM=64, DATASET= DATA= WEIGHTS=
	@$(prepare); $(BIN)/python -m actret_core sweep rivals --preset $(PRESET) --seed $(SEED) --dim $(DIM) $(where)

# one process for each GPU, or a single one; photographs and proposals are fetched before they start
train-full: install  ## train and record all tables at the paper's setting, best first: DATASET= DATA= WEIGHTS= MINUTES= SWEEP=full
	@$(prepare); processes="$(PROCESSES)"; \
	processes=$${processes:-$$($(BIN)/python -c 'import torch; print(max(torch.cuda.device_count(), 1))')}; \
	$(BIN)/python -m torch.distributed.run --standalone --nproc_per_node="$$processes" -m actret_core sweep "$(SWEEP)" \
		$(if $(MINUTES),--minutes "$(MINUTES)") --dim $(DIM) $(where)

bench: install  ## time re-ranking, evaluation and search beside public code, and training; called again, it resumes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(BIN)/python -m benchmarks

clean:  ## remove what was built; .venv and downloads stay
	rm -rf _build .pytest_cache
