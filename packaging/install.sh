#!/bin/sh
# Puts the binary and the systemd units in place. The links that make this engine the host's `docker` are only made when asked
# for, and never over something that is there already.
set -eu

usage() {
  cat <<'END'
Usage: packaging/install.sh [OPTIONS]

Installs dhow: /usr/bin/dhow, dhow.service and dhow.socket (enabled and started where systemd runs).

  --docker-socket    link /var/run/docker.sock to /run/dhow.sock, unless a docker.sock is there
  --docker-cli       link /usr/bin/docker to dhow, unless a docker is in the PATH
  --group NAME       members of NAME may use the socket (they are as good as root)
  --no-start         enable the units, do not start them
  --root DIR         install below DIR (for packages and images); starts nothing
  --uninstall        stop the containers and the engine, remove the binary, the units and our links; /var/lib/dhow stays
END
}

here=$(cd "$(dirname "$0")" && pwd)
root='' group='' socket=no cli=no start=yes uninstall=no
while [ $# -gt 0 ]; do
  case $1 in
    --docker-socket) socket=yes ;;
    --docker-cli) cli=yes ;;
    --group) group=${2:?--group needs a name}; shift ;;
    --no-start) start=no ;;
    --root) root=${2:?--root needs a directory}; start=no; shift ;;
    --uninstall) uninstall=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

units=$root/etc/systemd/system
say() { echo "dhow: $*"; }
systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
ours() { [ -L "$1" ] && [ "$(readlink "$1")" = "$2" ]; }

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
  echo "install.sh: needs root" >&2
  exit 1
fi

if [ "$uninstall" = yes ]; then
  if systemd; then
    if systemctl --quiet is-active dhow.service; then /usr/bin/dhow daemon stop --all || true; fi
    systemctl --quiet disable --now dhow.socket dhow.service || true
  fi
  rm -rf "$units/dhow.service" "$units/dhow.socket" "$units/dhow.socket.d" "$root/usr/bin/dhow"
  rm -f "$units/sockets.target.wants/dhow.socket" "$units/multi-user.target.wants/dhow.service"
  rm -f "$root/etc/tmpfiles.d/dhow-docker-socket.conf"
  if ours "$root/usr/bin/docker" dhow; then rm "$root/usr/bin/docker"; fi
  if ours "$root/var/run/docker.sock" /run/dhow.sock; then rm "$root/var/run/docker.sock"; fi
  if systemd; then systemctl daemon-reload; fi
  say "removed; /var/lib/dhow is kept"
  exit 0
fi

binary=$here/../dist/dhow
[ -x "$binary" ] || binary=$here/dhow
if [ ! -x "$binary" ]; then
  echo "install.sh: no binary beside me: npm run build makes dist/dhow" >&2
  exit 1
fi
if [ -n "$group" ] && ! grep -q "^$group:" "$root/etc/group"; then
  echo "install.sh: there is no group $group: groupadd --system $group" >&2
  exit 1
fi

# A new name and a rename: the running engine keeps its old file.
install -D -m 0755 "$binary" "$root/usr/bin/.dhow.new"
mv -f "$root/usr/bin/.dhow.new" "$root/usr/bin/dhow"
install -D -m 0644 "$here/dhow.service" "$units/dhow.service"
install -D -m 0644 "$here/dhow.socket" "$units/dhow.socket"
if [ -n "$group" ]; then
  mkdir -p "$units/dhow.socket.d"
  printf '[Socket]\nSocketGroup=%s\n' "$group" >"$units/dhow.socket.d/group.conf"
fi
say "installed /usr/bin/dhow and its units"

if [ "$cli" = yes ]; then
  if [ -z "$root" ] && found=$(command -v docker) && ! ours "$found" dhow; then
    say "$found is there: no docker link made"
  else
    ln -sfn dhow "$root/usr/bin/docker"
    say "/usr/bin/docker is dhow"
  fi
else
  say "for a docker command: install.sh --docker-cli"
fi
if [ "$socket" = yes ]; then
  if [ -e "$root/var/run/docker.sock" ] && ! ours "$root/var/run/docker.sock" /run/dhow.sock; then
    say "/var/run/docker.sock is there: no link made (is a dockerd running?)"
  else
    # /run is empty after a boot: tmpfiles.d(5) makes the link again, where nothing else is.
    mkdir -p "$root/etc/tmpfiles.d"
    echo 'L /run/docker.sock - - - - /run/dhow.sock' >"$root/etc/tmpfiles.d/dhow-docker-socket.conf"
    if [ -z "$root" ]; then ln -sfn /run/dhow.sock /var/run/docker.sock; fi
    say "/var/run/docker.sock leads to /run/dhow.sock"
  fi
else
  say "for /var/run/docker.sock: install.sh --docker-socket"
fi

if [ -n "$root" ]; then
  mkdir -p "$units/sockets.target.wants" "$units/multi-user.target.wants"
  ln -sfn /etc/systemd/system/dhow.socket "$units/sockets.target.wants/dhow.socket"
  ln -sfn /etc/systemd/system/dhow.service "$units/multi-user.target.wants/dhow.service"
elif systemd; then
  systemctl daemon-reload
  systemctl enable --quiet dhow.socket dhow.service
  if [ "$start" = yes ]; then
    systemctl restart dhow.socket dhow.service
    say "the engine runs: dhow version"
  fi
else
  say "no systemd here: the first dhow command starts the engine"
fi
