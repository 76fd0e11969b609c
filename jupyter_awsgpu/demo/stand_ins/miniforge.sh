#!/bin/sh
# STAND-IN for Miniforge's installer, for the simulated AWS and the tests: the real one's flags and
# refusals, and in the end a Python environment of this host's own python3 where conda's would be.
set -eu
prefix="$HOME/miniforge3"
batch=0
update=0
while getopts "bfhkmp:stu" option; do
  case "$option" in
    b) batch=1 ;;
    p) prefix="$OPTARG" ;;
    u) update=1 ;;
    h)
      echo "usage: $0 [options]    (STAND-IN)"
      echo "-b  run in batch mode   -p PREFIX  install prefix   -u  update an existing installation"
      exit 0
      ;;
    f | k | m | s | t) ;;
    *)
      echo "ERROR: did not recognize option '$option', please try -h" >&2
      exit 1
      ;;
  esac
done
case "$prefix" in
  *" "*)
    echo "ERROR: Cannot install into directories with spaces." >&2
    exit 1
    ;;
esac
if [ "$batch" = 0 ]; then
  echo "Do you accept the license terms? [yes|no]"
  read -r answer || answer=no
  if [ "$answer" != yes ]; then
    echo "The license agreement wasn't approved, aborting installation." >&2
    exit 2
  fi
fi
if [ -e "$prefix" ] && [ "$update" = 0 ]; then
  echo "ERROR: File or directory already exists: '$prefix'" >&2
  echo "If you want to update an existing installation, use the -u option." >&2
  exit 1
fi
echo "PREFIX=$prefix    (STAND-IN)"
python3 -m venv "$prefix"
cat >"$prefix/bin/conda" <<'CONDA'
#!/bin/sh
# STAND-IN for conda: `env create -q -p PREFIX -f FILE` makes a venv and lets pip install what FILE names.
set -eu
case "$*" in
  --version) echo "conda 0.stand-in" ;;
  "env create -q -p "*" -f "*)
    prefix="$5" file="$7"
    if grep -qE '^ *- *defaults *$' "$file"; then
      echo "CondaToSNonInteractiveError: Terms of Service have not been accepted for the following channels. (STAND-IN)" >&2
      exit 1
    fi
    here="$(dirname "$0")"
    "$here/python3" -m venv "$prefix"
    sed -n '/^dependencies:/,/^[a-z]/s/^ *- *\([A-Za-z0-9_.-]*\)\([=<>].*\)\{0,1\}$/\1\2/p' "$file" |
      grep -vE '^(python|pip)([=<>]|$)' | sed 's/^\([^=<>]*\)=\([^=].*\)$/\1==\2.*/' >"$prefix/wanted.txt" || true
    "$prefix/bin/python3" -m pip install --quiet --no-input --disable-pip-version-check -r "$prefix/wanted.txt"
    ;;
  *)
    echo "conda (STAND-IN): not known here: $*" >&2
    exit 1
    ;;
esac
CONDA
chmod 755 "$prefix/bin/conda"
echo "installation finished."
