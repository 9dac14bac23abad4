"""A connection that was reset is a lost one also for who sends before aiokafka has heard of it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection, AIOKafkaProtocol
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from libs.common.kafka.lost_connections import notice_lost_connections

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def send_while_it_is_lost() -> BaseException | None:
    """Connect, have the other side reset the connection, and send at the moment when the transport knows it."""
    loop = asyncio.get_running_loop()
    sent: asyncio.Future[BaseException | None] = loop.create_future()
    connected = asyncio.Event()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await connected.wait()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = AIOKafkaConnection("127.0.0.1", port)

    class Losing(AIOKafkaProtocol):  # type: ignore[misc]
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            loop.call_soon(send)

    def send() -> None:
        try:
            answer = connection.send(ApiVersionRequest())
        except Exception as error:  # noqa: BLE001 - which one it is, is the question
            sent.set_result(error)
        else:
            answer.close()
            sent.set_result(None)

    # As AIOKafkaConnection.connect does it, without the questions that it asks of a broker.
    connection._closed_fut = loop.create_future()
    reader = asyncio.StreamReader(loop=loop)
    protocol = Losing(connection._closed_fut, reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", port)
    connection._reader, connection._protocol = reader, protocol
    connection._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    connection._read_task = connection._create_reader_task()
    connected.set()
    try:
        async with asyncio.timeout(10):
            return await sent
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
def test_who_sends_to_a_connection_that_was_just_reset_is_told_that_it_is_lost(
    run: Callable[[Coroutine[Any, Any, BaseException | None]], BaseException | None],
) -> None:
    """Services run on uvloop, whose closed transports raise RuntimeError: it would end the client's own tasks."""
    notice_lost_connections()  # as the place does where all clients are built
    assert isinstance(run(send_while_it_is_lost()), KafkaConnectionError)
