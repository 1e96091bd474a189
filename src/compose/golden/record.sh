#!/bin/sh
# Records what `docker compose config` 2.40 prints for each case: sh record.sh CASES, where that client and CASES are.
# A case is a folder: the files of a project, `args` (flags before `config`), `env` (variables); what is printed goes to
# `expected/`. The project stands at /project while it is recorded, and HOME is /home/user.
cd "$1" || exit 1
cases=$PWD
for case in */; do
  case=${case%/}
  [ -n "$2" ] && [ "$2" != "$case" ] && continue
  rm -rf /project "$cases/$case/expected"
  cp -a "$case" /project && mkdir "$cases/$case/expected"
  rm -f /project/args /project/env
  args=$(cat "$case/args" 2>/dev/null)
  run() {
    out=$cases/$case/expected/$1
    shift
    (cd /project && env -i PATH="$PATH" HOME=/home/user $(cat "$cases/$case/env" 2>/dev/null) docker compose $args config "$@" >"$out" 2>/tmp/err) ||
      { cp /tmp/err "$out.err"; rm -f "$out"; }
  }
  run yaml
  run json --format json
  run hash --hash '*'
  run no-interpolate --no-interpolate
  run no-normalize --no-normalize
  run no-paths --no-path-resolution
  run no-env --no-env-resolution
  run images --images
  run services --services
  run volumes --volumes
  run networks --networks
  run models --models
  run profiles --profiles
  run variables --variables
  run environment --environment
  sed -i '/^DOCKER_CLI_PLUGIN/d;/^OTEL/d' "$cases/$case/expected/environment"
done
