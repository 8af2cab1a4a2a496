#!/bin/sh
# Install Sekisho from this bundle. Needs a shell, Python 3.11, openssl 3 and OpenMP's runtime (libgomp1); verifies before
# it runs anything else.
#
#   ./install.sh --root-sha256 9f3a…            the SHA-256 comes by another way than the bundle
#   ./install.sh --root-sha256 9f3a… --check    only verifies
#   ./install.sh --help
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

refuse() { # what is wrong, the mend, the exit status
  echo "install.sh: $1 $2" >&2
  exit "$3"
}

python=
for name in "${PYTHON:-}" python3.11 python3; do
  if [ -n "$name" ] && found=$(command -v "$name") &&
    [ "$("$found" -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.11 ]; then
    python=$found
    break
  fi
done
[ -n "$python" ] || refuse "There is no Python 3.11 [bundle.python]." "Install it (Debian 12: python3), or name it: PYTHON=/path" 4

case $(openssl version 2>/dev/null || true) in
  "OpenSSL 3."* | "OpenSSL 4."*) ;;
  *) refuse "There is no openssl 3 [bundle.platform]." "Install it (Debian 12: openssl)." 4 ;;
esac

[ -f "$here/bootstrap.py" ] || refuse "bootstrap.py is missing [bundle.truncated]." "Unpack the whole bundle again." 3
exec "$python" -I -S "$here/bootstrap.py" "$here" "$@"
