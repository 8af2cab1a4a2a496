#!/bin/sh
# Set-up, first half: what the second half (__main__.py) itself stands on, Debian packages and a Python 3.11.
#
#   sh offline-bundle/deps/deps.sh run|check|test|bench
#
# As root, missing packages are installed; otherwise they are named, with the command, and the exit code is 3.
set -eu

level=${1:-test}
here=$(cd "$(dirname "$0")" && pwd)
tools_path="$PATH:/usr/sbin:/sbin"
missing=""

need() { # command, package
  PATH="$tools_path" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

base_of() { # the interpreter behind a name: the name may be a shim, or belong to the environment we are to make
  "$1" -c 'import sys, venv, ensurepip; print(sys._base_executable); sys.exit(sys.version_info[:2] != (3, 11))' \
    2>/dev/null
}

has_one() { # whether one of these files exists; a pattern without a match stands for itself
  for file in "$@"; do
    if [ -e "$file" ]; then return 0; fi
  done
  return 1
}

find_python() { # a name in PATH may stand for a version that is not there, so each one is tried
  old_ifs=$IFS
  IFS=:
  for folder in $PATH /usr/bin /usr/local/bin; do
    for name in python3.11 python3; do
      if [ -x "$folder/$name" ] && found=$(base_of "$folder/$name"); then
        IFS=$old_ifs
        echo "$found"
        return 0
      fi
    done
  done
  IFS=$old_ifs
  return 1
}

python=$(find_python) || missing="$missing python3.11 python3.11-venv"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
has_one /usr/lib/*/libgomp.so.1 /usr/lib64/libgomp.so.1 || missing="$missing libgomp1" # llama.cpp's threads
case $level in
  test)
    need strace strace
    need ip iproute2
    need g++ g++
    need curl curl
    need softhsm2-util softhsm2
    ;;
esac

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # shellcheck disable=SC2086  # a list of names
    apt-get install -q -y --no-install-recommends $missing || {
      echo "error: apt-get could not install:$missing" >&2
      echo "  Sekisho needs Python 3.11, as in Debian 12; on other systems put a python3.11 into PATH." >&2
      exit 3
    }
    python=$(find_python) || { echo "error: there is still no working python3.11." >&2; exit 3; }
  else
    echo "error: missing Debian packages:$missing" >&2
    echo "  Run: sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 3
  fi
fi

exec "$python" "$here" "$level"
