#!/bin/sh
# Arm a plain shutdown: arm.sh MINUTES [NAME]; 0 minutes disarms it. The last guard of the bill: it needs no
# Python, no network and none of our files, works before D-Bus and logind are up, and leaves alone what is armed.
set -eu
seconds=$(($1 * 60))
name="awsgpu-${2:-deadline}"
root="${AWSGPU_ROOT:-}"
halt="$(command -v shutdown)"

if [ -d "$root/run/systemd/system" ]; then
  if [ "$seconds" = 0 ]; then
    systemctl -q stop "$name.timer" || true
    exit 0
  fi
  systemctl -q is-active "$name.timer" && exit 0
  # --no-block and no default dependencies: at this stage of the boot the job would wait for us, and we for it.
  exec systemd-run --quiet --no-block --unit="$name" --on-active="${seconds}s" \
    --timer-property=AccuracySec=1s --timer-property=DefaultDependencies=no \
    --property=DefaultDependencies=no "$halt" -h now
fi

mkdir -p "$root/run/awsgpu"
mark="$root/run/awsgpu/$name.pid"
if [ -s "$mark" ] && ps -o args= -p "$(cat "$mark")" 2>/dev/null | grep -q "$name"; then
  [ "$seconds" = 0 ] || exit 0
  kill "$(cat "$mark")" && rm -f "$mark"
fi
[ "$seconds" = 0 ] && exit 0
# $1 and $2 belong to the inner shell.
# shellcheck disable=SC2016
nohup sh -c 'trap "kill \$!" TERM; sleep "$1" & wait $! && exec "$2" -h now' "$name" "$seconds" "$halt" </dev/null >/dev/null 2>&1 &
echo $! >"$mark"
