"""The two stores: items in PostgreSQL, counts in Redis."""
import os

import psycopg2
import redis


def database():
    with open("/run/secrets/db_password") as secret:
        return psycopg2.connect(os.environ["DATABASE"], password=secret.read().strip(), connect_timeout=5)


def cache():
    return redis.Redis.from_url(os.environ["CACHE"], decode_responses=True, socket_timeout=5)
