"""An HTTP/2 server on h2 (hyper-h2) that sends back what it got: echo.py PORT

The response has the request's `x-` fields and its content as they came, and in `x-traceparents` how many `traceparent` there were.
Anything that h2 finds wrong ends the process.
"""
import asyncio
import os
import sys
import traceback

import h2.config
import h2.connection
import h2.events
import h2.settings

CONFIG = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.streams, self.waiting = {}, {}
        self.connection = h2.connection.H2Connection(CONFIG)
        codes = h2.settings.SettingCodes
        self.connection.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                codes.MAX_HEADER_LIST_SIZE: 1 << 20,
                codes.MAX_CONCURRENT_STREAMS: 1000,
                codes.INITIAL_WINDOW_SIZE: 65535,
            },
        )
        self.connection.initiate_connection()
        self.connection.decoder.max_header_list_size = 1 << 20
        self.flush()

    def flush(self):
        self.transport.write(self.connection.data_to_send())

    def data_received(self, data):
        try:
            for event in self.connection.receive_data(data):
                self.take(event)
            self.flush()
        except Exception:
            traceback.print_exc()
            os._exit(1)

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = (event.headers, bytearray())
        elif isinstance(event, h2.events.DataReceived):
            self.streams[event.stream_id][1].extend(event.data)
            self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(event.stream_id, *self.streams.pop(event.stream_id))
        elif isinstance(event, h2.events.WindowUpdated):
            for stream in list(self.waiting) if event.stream_id == 0 else [event.stream_id]:
                self.send(stream)
        elif isinstance(event, h2.events.StreamReset):
            self.streams.pop(event.stream_id, None)
            self.waiting.pop(event.stream_id, None)
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            for stream in list(self.waiting):
                self.send(stream)

    def answer(self, stream, headers, content):
        fields = [(":status", "200")] + [(name, value) for name, value in headers if name.startswith("x-")]
        fields.append(("x-traceparents", str(sum(name == "traceparent" for name, _ in headers))))
        self.connection.send_headers(stream, fields, end_stream=not content)
        if content:
            self.waiting[stream] = content
            self.send(stream)

    def send(self, stream):
        content = self.waiting.get(stream)
        while content:
            room = min(self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size)
            if room <= 0:
                return
            part, content = bytes(content[:room]), content[room:]
            self.connection.send_data(stream, part, end_stream=not content)
            self.waiting[stream] = content
        self.waiting.pop(stream, None)


async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
