# shellcheck shell=bash
# Sourced by the other scripts: $python, and how this package is installed with it, by uv where that is there.
python="${PYTHON:-$(command -v python3 || command -v python || echo python3)}"
"$python" - <<'PY' || { echo "Python 3.11 or newer is needed; set PYTHON to one." >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

bin_of() { # where an environment has its commands: Windows has another name for it
  if [ -d "$1/Scripts" ]; then echo "$1/Scripts"; else echo "$1/bin"; fi
}

install_into() { # install_into FOLDER EXTRAS CONSTRAINTS: into an environment, made where there is none
  if command -v uv > /dev/null 2>&1; then
    [ -x "$(bin_of "$1")/python" ] || uv venv --quiet --python "$python" "$1"
    uv pip install --quiet --python "$(bin_of "$1")/python" --constraints "$3" -e ".[$2]"
  else
    [ -x "$(bin_of "$1")/pip" ] || "$python" -m venv --clear "$1"
    "$(bin_of "$1")/python" -m pip install --quiet --disable-pip-version-check --constraint "$3" -e ".[$2]"
  fi
}
