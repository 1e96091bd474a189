#!/bin/sh
# Makes the cluster and the shop's database in an empty directory, then becomes the server.
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username=shop --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "CREATE DATABASE shop" | postgres --single -D "$PGDATA" postgres
fi
exec "$@"
