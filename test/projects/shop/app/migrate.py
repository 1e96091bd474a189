"""Brings the database's tables to what the application wants; each step goes once."""
from store import database

STEPS = [
    "CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL)",
    "ALTER TABLE items ADD COLUMN added timestamptz NOT NULL DEFAULT now()",
]

with database() as connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS steps (number int PRIMARY KEY)")
    cursor.execute("SELECT coalesce(max(number), 0) FROM steps")
    done = cursor.fetchone()[0]
    for number, step in enumerate(STEPS, start=1):
        if number > done:
            cursor.execute(step)
            cursor.execute("INSERT INTO steps VALUES (%s)", (number,))
    print(f"{len(STEPS) - done} steps", flush=True)
