"""An event socket that sends captured events as fast as they are taken; a process of its own.

``python -m benchmarks.esl_server MIX COUNT`` prints its port. A client signs in and says ``event
json …`` or ``event plain …``; it then gets exactly COUNT events, round and round the captures.
"""

from __future__ import annotations

import socket
import sys

from .esl_frames import load

#: Frames are sent in pieces of about this size, as a busy switch's socket buffer holds them.
_PIECE = 256 * 1024


def main() -> None:
    mix, count = sys.argv[1], int(sys.argv[2])
    frames = {form: load(mix, form) for form in ("json", "plain")}
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            with client:
                try:
                    _serve(client, frames, count)
                except OSError:
                    continue


def _serve(client: socket.socket, frames: dict[str, list[bytes]], count: int) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"Content-Type: auth/request\n\n")
    waiting = b""
    while data := client.recv(65536):
        waiting += data
        while b"\n\n" in waiting:
            command, _, waiting = waiting.partition(b"\n\n")
            command = command.strip()
            if not command:
                continue
            client.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
            if command.startswith(b"event "):
                _send(client, frames[command.split()[1].decode()], count)


def _send(client: socket.socket, frames: list[bytes], count: int) -> None:
    sent = 0
    piece = bytearray()
    while sent < count:
        piece += frames[sent % len(frames)]
        sent += 1
        if len(piece) >= _PIECE or sent == count:
            client.sendall(piece)
            piece.clear()


if __name__ == "__main__":
    main()
