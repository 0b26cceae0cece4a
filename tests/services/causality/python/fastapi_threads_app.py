"""FastAPI with a plain `def`, which runs in a thread of anyio's pool."""
from fastapi import FastAPI

from threads import four

app = FastAPI()


@app.get("/serve/{identity}")
def serve(identity: str):
    return four(identity)
