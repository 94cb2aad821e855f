# Everything a developer runs. Each target sets up what it needs; nothing but the image needs Docker, and nothing needs an
# AWS account.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SAM_VENV := .venv-sam
SAM := $(SAM_VENV)/bin/sam
SAM_VERSION := 1.170.0
LINT_VENV := .venv-lint
LINTERS := $(LINT_VENV)/.installed
SBOM_VENV := .venv-sbom
SBOM := $(SBOM_VENV)/bin/cyclonedx-py
SBOM_VERSION := 7.5.0
AUDIT_VERSION := 2.10.1
REQUIREMENTS := pyproject.toml functions/requirements.txt endpoint_container/requirements.txt

.PHONY: help setup demo up test unit contract integration chaos end-to-end check lint types template packages operator openapi docs bench bench-engine image image-test image-base sbom audit clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Make .venv with every pinned dependency

$(INSTALLED): $(REQUIREMENTS)
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or say PYTHON=/path/to/python3.11."; exit 1; }
	@echo "Installing the pinned dependencies into $(VENV) (a minute or two) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q torch==$$(sed -n 's/^torch==//p' endpoint_container/requirements.txt)
	$(BIN)/python -m pip install -q -r functions/requirements.txt -r endpoint_container/requirements.txt -e '.[dev]'
	@touch $@

demo: setup ## Inspect photos from gateway to verdict, on this machine
	@$(BIN)/scrutineer demo

up: setup ## Start the local stack and leave it running
	@$(BIN)/scrutineer up

test: setup ## All tests
	$(BIN)/python -m pytest tests -n 2 --dist loadscope

unit contract integration end-to-end: setup ## One suite alone
	$(BIN)/python -m pytest tests/$(subst -,_,$@)

chaos: setup ## Every fault at length: 11,000 inspections, a quarter of an hour
	PYTHONPATH=functions POWERTOOLS_SERVICE_NAME=chaos POWERTOOLS_METRICS_NAMESPACE=Chaos $(BIN)/python -m tests.chaos

check: lint types template test ## Lint, types, template and tests

lint: setup ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy functions endpoint_container scrutineer benchmarks tests

template: setup $(SAM) $(LINTERS) ## sam validate, cfn-lint, checkov, the workflows' linters, sam build
	$(SAM) validate --lint --region eu-west-1
	$(BIN)/python -m pytest tests/unit/infrastructure
	$(BIN)/python -m tests.checkov_findings $(LINT_VENV)/bin/checkov
	$(LINT_VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(LINT_VENV)/bin/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(LINT_VENV)/bin/zizmor --offline --quiet --min-severity medium .github
	$(MAKE) --no-print-directory packages
	$(BIN)/python -m benchmarks.package --repeat 1

packages: setup $(SAM) ## sam build, as it is deployed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(SAM) build --build-dir .aws-sam/build

operator: $(SAM) ## Only what deploys and asks a gateway, without what tests and trains
	@test -x $(BIN)/scrutineer || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q -e .; }

# aws-sam-cli pins a boto3 of its own, so it lives apart.
$(SAM):
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python -m pip install -q aws-sam-cli==$(SAM_VERSION)

# What they pin fits neither here nor together with SAM.
$(LINTERS): infrastructure/lint/requirements.txt
	$(PYTHON) -m venv $(LINT_VENV)
	$(LINT_VENV)/bin/python -m pip install -q -r infrastructure/lint/requirements.txt
	@touch $@

openapi: setup ## Write the OpenAPI document from the code
	cd functions && ../$(BIN)/python -m documentation.build

docs: setup ## Write docs/reference.md from the code
	PYTHONPATH=functions $(BIN)/python docs/build.py

bench: setup ## The benchmarks, as tables
	PYTHONPATH=functions $(BIN)/python -m benchmarks.precheck
	PYTHONPATH=functions:endpoint_container $(BIN)/python -m benchmarks.fingerprints
	PYTHONPATH=functions $(BIN)/python -m benchmarks.cold_start
	PYTHONPATH=functions $(BIN)/python -m benchmarks.overhead
	PYTHONPATH=functions $(BIN)/python -m benchmarks.flow --quick
	PYTHONPATH=functions:endpoint_container $(BIN)/python -m benchmarks.injection --each 5
	$(BIN)/python -m benchmarks.engine

# BASE_IMAGE, TORCH_INDEX and PIP_CONF are told where the Dockerfile's own don't do: docs/image.md. Attestations would make an
# index of the image, which SageMaker refuses.
DOCKER ?= docker
IMAGE ?= scrutineer-endpoint
BUILD = DOCKER_BUILDKIT=1 BUILDX_NO_DEFAULT_ATTESTATIONS=1 $(DOCKER) build \
	$(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
	$(if $(TORCH_INDEX),--build-arg TORCH_INDEX=$(TORCH_INDEX)) \
	$(if $(PIP_CONF),--secret id=pip$(comma)src=$(PIP_CONF)) $(BUILD_FLAGS)
comma := ,

image: ## Build the endpoint container's image (needs a Docker engine)
	$(BUILD) --tag $(IMAGE) endpoint_container

image-test: setup image ## Build it, and run it as SageMaker and ECS do
	DOCKER="$(DOCKER)" IMAGE="$(IMAGE)" $(BIN)/python -m pytest tests/image

image-base: ## Make the image scrutineer-base, where no registry can be reached (needs root and debootstrap)
	DOCKER="$(DOCKER)" tests/image/base.sh scrutineer-base

sbom: $(SBOM) ## Write what is in the image and the functions' package to sbom/, as CycloneDX
	$(BUILD) --target sbom --output sbom endpoint_container
	$(PYTHON) -m venv --clear --without-pip sbom/.functions
	$(BIN)/python -m pip --python sbom/.functions/bin/python install -q -r functions/requirements.txt
	$(SBOM) environment --output-reproducible --output-file sbom/functions.cdx.json sbom/.functions/bin/python
	rm -r sbom/.functions

audit: $(SBOM) ## Look the pinned versions up among known vulnerabilities (asks pypi.org)
	$(SBOM_VENV)/bin/pip-audit --strict --disable-pip --no-deps -r endpoint_container/locked/torch.txt -r endpoint_container/locked/rest.txt
	$(SBOM_VENV)/bin/pip-audit --strict -r functions/requirements.txt

# Their dependencies are their own.
$(SBOM):
	$(PYTHON) -m venv $(SBOM_VENV)
	$(SBOM_VENV)/bin/python -m pip install -q cyclonedx-bom==$(SBOM_VERSION) pip-audit==$(AUDIT_VERSION)

bench-engine: setup ## The engine's benchmark alone; its table goes into docs/performance.md
	$(BIN)/python -m benchmarks.engine --write-docs

clean: ## Remove what setup and runs left
	rm -rf $(VENV) $(SAM_VENV) $(LINT_VENV) $(SBOM_VENV) sbom .local .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
