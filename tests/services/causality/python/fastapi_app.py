"""FastAPI, with aiohttp's client."""
from contextlib import asynccontextmanager

from fastapi import FastAPI

from async_calls import Clients, work


@asynccontextmanager
async def lifespan(application):
    application.state.clients = Clients()
    yield
    await application.state.clients.close()


app = FastAPI(lifespan=lifespan)


@app.get("/serve/{identity}")
async def handle(identity: str):
    await work(app.state.clients, identity)
    return "ok"
