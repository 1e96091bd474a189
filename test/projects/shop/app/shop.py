"""The pages. Items are read through Redis: whoever adds one throws the copy there away."""
import json
import os

from flask import Flask, jsonify, request

from store import cache, database

app = Flask(__name__)


@app.get("/health")
def health():
    cache().ping()
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM items")
    return "well\n"


@app.get("/items")
def items():
    counts = cache()
    kept = counts.get("items")
    if kept is None:
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT name FROM items ORDER BY id")
            kept = json.dumps([row[0] for row in cursor.fetchall()])
        counts.set("items", kept)
        source = "database"
    else:
        source = "cache"
    return jsonify(items=json.loads(kept), source=source, views=counts.incr("views"), greeting=os.environ["GREETING"])


@app.post("/items")
def add():
    name = request.get_json()["name"]
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO items (name) VALUES (%s) RETURNING id", (name,))
        number = cursor.fetchone()[0]
    cache().delete("items")
    return jsonify(id=number), 201
