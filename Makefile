# `make help` lists the targets. Everything runs in .venv, installed from the pins of constraints.txt.

PYTHON ?= python3
DATA ?= data
RUNS ?= runs
PYTHONS ?= $(PYTHON)
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BUILDER := $(VENV)/.builder-installed
EVERYTHING := $(VENV)/.everything-installed
SETUP := setup.cfg pyproject.toml constraints.txt
SS := $(DATA)/VPO/VPO-SS
TINY := $(RUNS)/tiny

.DEFAULT_GOAL := help
.PHONY: help install vpo-ss vpo-ms vpo-msmi single-plus manifests train eval report board docs test test-media prove-resume prove-latex prove-manifests prove-processes prove-notebook prove-kills fuzz mutants dist lint bench listen curves stereo clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(EVERYTHING) ## create .venv with both packages and everything the tests need

vpo-ss: $(BUILDER) ## build VPO-SS into data/ (synthetic; ARGS="--coco DIR --vggsound DIR" for the real one)
	$(BIN)/vpo-build --split ss --out $(DATA) $(ARGS)

vpo-ms: $(BUILDER) ## build VPO-MS likewise
	$(BIN)/vpo-build --split ms --out $(DATA) $(ARGS)

vpo-msmi: $(BUILDER) ## build VPO-MSMI (and VPO-MS, whose files it reads)
	$(BIN)/vpo-build --split msmi --out $(DATA) $(ARGS)

single-plus: $(BUILDER) ## build AVSBench-Single+ (synthetic; ARGS="--avsbench DIR" for the real one)
	$(BIN)/vpo-build --split avsbench-single-plus --out $(DATA) $(ARGS)

train: $(EVERYTHING) ## train the tiny preset on VPO-SS, on a CPU in minutes
	test -e $(SS)/manifest.meta.json || $(MAKE) vpo-ss
	$(BIN)/avs-bench train --preset tiny --data $(SS) --out $(TINY) $(ARGS)

eval: $(EVERYTHING) ## evaluate what `make train` trained on the test subset
	$(BIN)/avs-bench eval --run $(TINY) --data $(SS) --subset test $(ARGS)

report: $(EVERYTHING) ## print the table of what `make eval` measured
	$(BIN)/avs-bench report $(TINY) $(ARGS)

board: $(EVERYTHING) ## train seven small models and rank their submissions: runs/board/page (four minutes on two quiet cores)
	test -e $(SS)/manifest.meta.json || $(MAKE) vpo-ss
	$(BIN)/python -m benchmarks.sample_board --data $(DATA) --runs $(RUNS)/board --out $(RUNS)/board/page $(ARGS)

docs: $(EVERYTHING) ## build the guides and the reference as a site, strictly: build/docs/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

test: $(EVERYTHING) ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

test-media: $(EVERYTHING) ## run the tests that depend on ffmpeg with the one from PyPI, whatever is installed
	VPO_FFMPEG="$$($(BIN)/python -c 'import imageio_ffmpeg as f; print(f.get_ffmpeg_exe())')" \
	    $(BIN)/python -m pytest -q -n auto -m media $(ARGS)

prove-resume: $(EVERYTHING) ## kill a training run ten times, and compare it with one left alone
	$(BIN)/python -m pytest -q -s -m proof tests/bench/training/test_killed.py $(ARGS)

prove-kills: $(EVERYTHING) ## kill every other command twenty times, and fill the disk at ten points (minutes)
	AVS_TEST_KILLS=20 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -s -m "proof or not proof" \
	    tests/faults tests/builder/fetching/test_killed_shards.py tests/builder/fetching/test_shards.py \
	    $(ARGS)

fuzz: $(EVERYTHING) ## spoil every kind of input for ten minutes: no traceback, no hang, no write outside
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz $(ARGS)

prove-notebook: $(EVERYTHING) ## run docs/quickstart.ipynb in a kernel (half a minute)
	$(BIN)/python -m pytest -q -m proof tests/test_notebook.py $(ARGS)

prove-processes: $(EVERYTHING) ## long runs of several processes, every kill of a build, models in ONNX (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto -m proof \
	    tests/bench/training/test_distributed.py tests/bench/training/test_endings.py \
	    tests/bench/training/test_lost_process.py tests/bench/models/test_exporting.py \
	    tests/builder/fetching/test_crashes.py $(ARGS)

prove-manifests: $(EVERYTHING) ## build all published manifests again, and compare their bytes
	$(BIN)/python -m pytest -q -m "proof or not proof" \
	    tests/builder/build/test_published_manifests.py $(ARGS)

prove-latex: $(EVERYTHING) ## typeset a report with pdflatex (apt-get install texlive-latex-recommended poppler-utils)
	$(BIN)/python -m pytest -q -rs -m proof tests/bench/report/test_latex.py $(ARGS)

mutants: $(EVERYTHING) ## change the code in every small way and see that a test fails (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants.py $(ARGS)

dist: $(EVERYTHING) ## build wheel and sdist, and try each in an empty environment (PYTHONS="python3.11 …")
	$(BIN)/python tests/distributions.py --pythons $(PYTHONS)

lint: $(EVERYTHING) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

bench: $(EVERYTHING) ## measure each part, in one run, into benchmarks/RESULTS.md (one: make bench-metrics)
	$(BIN)/python benchmarks/run_all.py

listen: $(EVERYTHING) ## show whether each variant listens: docs/listening.md (90 minutes on two cores; ARGS="--seeds 1")
	$(BIN)/python -m benchmarks.listening $(ARGS)

curves: $(EVERYTHING) ## draw how models of `make listen` fall as sound and picture get worse: docs/robustness.md (twenty minutes)
	$(BIN)/python -m benchmarks.listening.robustness $(ARGS)

stereo: $(EVERYTHING) ## train a small model on one channel and on two: docs/instances.md (a quarter of an hour)
	$(BIN)/python -m benchmarks.listening.stereo $(ARGS)

bench-%: $(EVERYTHING)
	$(BIN)/python benchmarks/bench_$*.py $(ARGS)

manifests: $(BUILDER) ## write the published manifests of the synthetic datasets again
	rm -rf build/manifests
	for split in ss ms msmi avsbench-single-plus; do \
	    $(BIN)/vpo-build --split $$split --out build/manifests || exit 1; done
	for split in ss ms msmi; do \
	    folder=build/manifests/VPO/VPO-$$(echo $$split | tr a-z A-Z); \
	    cp $$folder/manifest.jsonl $$folder/manifest.meta.json manifests/synthetic-vpo-$$split/; done
	cd build/manifests/avsbench_data_single_plus && \
	    cp manifest.jsonl manifest.meta.json ../../../manifests/synthetic-avsbench-single-plus/

clean: ## remove .venv, caches, data/, runs/ and dist/
	rm -rf $(VENV) $(DATA) $(RUNS) build dist mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BUILDER): $(BIN)/python $(SETUP)
	$(PIP) --editable .
	@touch $@

$(EVERYTHING): $(BIN)/python $(SETUP)
	$(PIP) --editable ".[bench,dev,docs,onnx,ray,tensorboard]"
	@touch $@ $(BUILDER)
