"""An HTTP/2 client that frames as nobody else does, over one connection: raw.py PORT MANNER SEED

It asks for what the lines of standard input name (`METHOD PATH BODY-BYTES`), all at once, prints `ready` when it is connected, and
waits for an empty line first. Answers: `STATUS BODY-BYTES` in the order of the lines. Manners, joined by `+`:

bytes     each byte in a segment of its own
cuts      segments end anywhere
padded    padding on HEADERS and DATA
priority  priority fields in HEADERS, PRIORITY frames in between
parts     header blocks in many CONTINUATION frames, some of them empty
large     header fields that take the block beyond one frame
unindexed no dynamic table, no Huffman
shuffled  DATA of all streams interleaved at random
"""
import random
import socket
import sys
import time

import hpack
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
port, manners, seed = int(sys.argv[1]), set(sys.argv[2].split("+")), int(sys.argv[3])
chance = random.Random(seed)
connection = socket.create_connection(("127.0.0.1", port))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def send(data):
    """The bytes, cut as the manner asks."""
    if not manners & {"bytes", "cuts"}:
        connection.sendall(data)
        return
    while data:
        size = 1 if "bytes" in manners else chance.choice([1, 2, 5, 9, 10, 40, 300, 5000])
        connection.sendall(data[:size])
        data = data[size:]
        # Without a pause the kernel joins them again.
        time.sleep(0.0002)


def block(encoder, method, path):
    fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", f"127.0.0.1:{port}")]
    fields += [("user-agent", "raw"), ("x-number", str(chance.random()))]
    if "large" in manners:
        fields += [(f"x-large-{i}", "v" * 4000) for i in range(chance.randint(5, 9))]
    if "unindexed" in manners:
        return b"".join(b"\0" + text(name) + text(value) for name, value in fields)
    return encoder.encode(fields, huffman=chance.random() < 0.7)


def text(value):
    return number(len(value)) + value.encode()


def number(value):
    if value < 127:
        return bytes([value])
    value -= 127
    out = bytearray([127])
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + bytes([value]))


def head(stream, data, ends):
    """HEADERS, and CONTINUATION for what does not fit."""
    sizes = [0, 1, 3, 17, 200, 8000] if "parts" in manners else [16384]
    limit = max(chance.choice(sizes), 0)
    frame = frames.HeadersFrame(stream, data[: min(limit, 16000)])
    data = data[len(frame.data):]
    if ends:
        frame.flags.add("END_STREAM")
    if "padded" in manners and chance.random() < 0.7:
        frame.flags.add("PADDED")
        frame.pad_length = chance.randint(0, 255)
    if "priority" in manners and chance.random() < 0.7:
        frame.flags.add("PRIORITY")
        frame.depends_on, frame.stream_weight, frame.exclusive = 0, chance.randint(0, 255), chance.random() < 0.5
    parts = [frame]
    while data or ("parts" in manners and chance.random() < 0.3):
        part = frames.ContinuationFrame(stream, data[: min(chance.choice(sizes), 16384)])
        data = data[len(part.data):]
        parts.append(part)
    parts[-1].flags.add("END_HEADERS")
    return b"".join(part.serialize() for part in parts)


def content(stream, size):
    """DATA frames for so many bytes; the last ends the stream."""
    while True:
        part = frames.DataFrame(stream, b"b" * min(size, chance.randint(1, 4000)))
        size -= len(part.data)
        if "padded" in manners and chance.random() < 0.7:
            part.flags.add("PADDED")
            part.pad_length = chance.randint(0, 255)
        if size == 0:
            part.flags.add("END_STREAM")
        yield part.serialize()
        if size == 0:
            return


def ask(lines):
    encoder = hpack.Encoder()
    bodies = {}
    for index, line in enumerate(lines):
        method, path, size = line.split()
        stream = 2 * index + 1
        send(head(stream, block(encoder, method, path), size == "0"))
        if size != "0":
            bodies[stream] = content(stream, int(size))
        if "priority" in manners:
            send(frames.PriorityFrame(stream, depends_on=0, stream_weight=3).serialize())
        if "shuffled" not in manners and size != "0":
            send(b"".join(bodies.pop(stream)))
    while bodies:
        stream = chance.choice(list(bodies))
        part = next(bodies[stream], None)
        if part is None:
            del bodies[stream]
        else:
            send(part)


def take(count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def read(count):
    """Status and size of the answers on all streams."""
    decoder, statuses, sizes, ended = hpack.Decoder(), {}, {}, set()
    pending = b""
    while len(ended) < count:
        header = take(9)
        frame, length = frames.Frame.parse_frame_header(memoryview(header), strict=False)
        frame.parse_body(memoryview(take(length)))
        stream = frame.stream_id
        if isinstance(frame, (frames.HeadersFrame, frames.ContinuationFrame)):
            pending += frame.data
            if "END_HEADERS" in frame.flags:
                fields = dict(decoder.decode(pending))
                pending = b""
                status = fields.get(":status", "")
                if status and status[0] != "1":
                    statuses[stream] = status
        elif isinstance(frame, frames.DataFrame):
            sizes[stream] = sizes.get(stream, 0) + len(frame.data)
            if length:
                connection.sendall(frames.WindowUpdateFrame(0, length).serialize())
        elif isinstance(frame, frames.SettingsFrame) and "ACK" not in frame.flags:
            connection.sendall(frames.SettingsFrame(flags=["ACK"]).serialize())
        elif isinstance(frame, frames.RstStreamFrame):
            ended.add(stream)
        elif isinstance(frame, frames.GoAwayFrame):
            raise ConnectionError(f"GOAWAY {frame.error_code} {frame.additional_data}")
        if "END_STREAM" in frame.flags:
            ended.add(stream)
    for index in range(count):
        print(statuses.get(2 * index + 1, 0), sizes.get(2 * index + 1, 0))


def main():
    print("ready", flush=True)
    lines = []
    for line in sys.stdin:
        if not line.strip():
            break
        lines.append(line)
    # A connection is known by its first bytes: these are not cut.
    connection.sendall(PREFACE + frames.SettingsFrame(settings={4: 1 << 24}).serialize())
    ask(lines)
    read(len(lines))


main()
