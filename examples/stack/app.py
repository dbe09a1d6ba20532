"""Counts visits in Redis, and tells everybody who listens on /live. Runs under any ASGI server."""

import asyncio
import os

from redis.asyncio import Redis

redis = Redis(port=int(os.environ["REDIS_PORT"]), decode_responses=True)


async def app(scope, receive, send):
    if scope["type"] == "http":
        await answer(scope, send)
    elif scope["type"] == "websocket":
        await receive()  # the client's wish to connect
        await send({"type": "websocket.accept"})
        await live(receive, send)
    else:
        raise NotImplementedError(scope["type"])


async def answer(scope, send):
    status, text = 404, "no such page"
    if scope["path"] == "/healthz":
        await redis.ping()
        status, text = 200, "ok"
    elif scope["path"] == "/api/visits":
        visits = await redis.incr("visits")
        await redis.publish("visits", visits)
        status, text = 200, str(visits)
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def live(receive, send):
    """Sends the count of visits, now and at each change; echoes what the client says."""
    lock = asyncio.Lock()

    async def say(text):
        async with lock:
            await send({"type": "websocket.send", "text": text})

    async def follow():
        async with redis.pubsub() as channel:
            await channel.subscribe("visits")
            await say(await redis.get("visits") or "0")
            async for message in channel.listen():
                if message["type"] == "message":
                    await say(message["data"])

    following = asyncio.create_task(follow())
    try:
        while (message := await receive())["type"] == "websocket.receive":
            await say(f"you said {message.get('text')}")
    finally:
        following.cancel()
