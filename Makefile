# Everything a newcomer needs; `make` alone lists it. CMake does the work (see CMakePresets.json).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build test test-all bench install clean format tidy

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
OUT ?= build/bench
need := tools/install_dependencies.sh
release := build/release

help:  ## list what there is to make
	@echo "limn explains what a vision network looked at."
	@echo
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Missing Debian packages are installed when run as root or with sudo, and named otherwise."

demo: build  ## explain the pictures of the demonstration; says where the page is
	$(release)/bin/limn demo --out build/demo

build:  ## build the command line, build/release/bin/limn
	@$(need) build
	@cmake --preset release --log-level=WARNING
	@cmake --build $(release) --target limn_cli -j $(JOBS)

node := build/node
without := $(if $(filter 1,$(SLOW)),,slow)$(if $(filter 0,$(PARITY)),|parity)
test:  ## build and run the tests; SLOW=1 runs the slow ones too, PARITY=0 leaves PyTorch out
	@$(need) build test $(if $(filter 0,$(PARITY)),,parity) $(if $(shell command -v npm),browser)
	@[ -n "$${LIMN_NODE_MODULES:-}" ] || tools/install_node_modules.sh $(node)
	@cmake --preset release -DLIMN_BUILD_TESTS=ON --log-level=WARNING
	@cmake --build $(release) -j $(JOBS)
	@echo "limn: running the tests; those that pass are not listed"
	@LIMN_NODE_MODULES=$${LIMN_NODE_MODULES:-$(CURDIR)/$(node)} ctest --test-dir $(release) -j 2 \
	    --output-on-failure --no-tests=error $(if $(without),-LE '^($(without))$$') \
	  | sed -u '/^ *Start *[0-9]/d; / Passed  /d'

test-all:  ## every test, slow ones and comparisons with PyTorch and onnxruntime too; takes hours
	@$(MAKE) test SLOW=1 PARITY=1

bench_with := --build $(release) --out $(OUT) $(if $(filter 1,$(QUICK)),--quick) $(if $(filter 1,$(FRESH)),--fresh)
bench:  ## build, then measure speed beside onnxruntime and PyTorch; QUICK=1 leaves out what has no aim, OUT=folder
	@$(need) build bench parity
	@cmake --preset release -DLIMN_BUILD_BENCHMARKS=ON --log-level=WARNING
	@cmake --build $(release) --target limn_cli limn_bench limn_bench_kernels -j $(JOBS)
	bench/compare.py $(bench_with) $(MODELS)

install: build  ## install the command line, the library and its headers to PREFIX (/usr/local)
	@cmake --build $(release) -j $(JOBS)
	cmake --install $(release) --prefix $(PREFIX)

clean:  ## remove everything that was built
	rm -rf build

format:  ## lay out the C++ sources by .clang-format
	@command -v clang-format-14 >/dev/null || $(need) develop
	git ls-files '*.h' '*.cpp' | xargs clang-format-14 -i

tidy:  ## lint the C++ sources that differ from the main branch; ALL=1 lints all of them
	@command -v clang-tidy-14 >/dev/null || $(need) develop
	@cmake --preset dev --log-level=WARNING
	@tools/tidy.sh build/dev $(if $(filter 1,$(ALL)),all)
