"""Janus' EchoTest behind the same pipe as the other engines: starts Janus, speaks its HTTP API, ends it."""

import argparse
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks import messages as m
from benchmarks.janus_config import MISSING, Janus, find_janus, write_config
from benchmarks.pin import pin

START_SECONDS: Final = 20.0
END_SECONDS: Final = 10.0
POLL_SECONDS: Final = 45.0
PLUGIN: Final = "janus.plugin.echotest"
TRIES_A_SECOND: Final = 10
MAX_EVENTS: Final = 20
ELSEWHERE: Final = ("198.51.100.1", 9)
"""An address of RFC 5737, which belongs to nobody."""


class JanusFailed(Exception):
    """Janus did not do what it was asked; says what it said."""


class Api:
    """One connection to Janus' HTTP API (session and handle requests, long polls)."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(m.HOST, port, timeout=POLL_SECONDS)
        self._numbers = count()

    def ask(self, path: str, verb: str, **more: object) -> dict[str, Any]:
        body = {"janus": verb, "transaction": str(next(self._numbers)), **more}
        answer: dict[str, Any] = self._exchange("POST", path, json.dumps(body))
        return answer

    def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._exchange("GET", path, None)
        return answer

    def poll(self, path: str) -> list[dict[str, Any]]:
        """The next events; after 30 s without one Janus answers `keepalive`."""
        events: list[dict[str, Any]] = self._exchange("GET", f"{path}?maxev={MAX_EVENTS}", None)
        return events

    def _exchange(self, method: str, path: str, body: str | None) -> Any:
        self._connection.request(method, f"/janus{path}", body)
        answer = json.loads(self._connection.getresponse().read())
        if isinstance(answer, dict) and answer.get("janus") == "error":
            raise JanusFailed(str(answer.get("error")))
        return answer

    def close(self) -> None:
        self._connection.close()


class Server:
    """All legs are handles of one session, whose events a thread polls for."""

    def __init__(self, port: int) -> None:
        self._api = Api(port)
        self._port = port
        self._session = f"/{self._api.ask('', 'create')['data']['id']}"
        self._handles: dict[int, int] = {}
        self._legs: dict[int, int] = {}
        threading.Thread(target=self._follow, daemon=True).start()

    def take(self, message: m.ToServer) -> None:
        match message:
            case m.Offered(leg, sdp):
                handle = int(self._api.ask(self._session, "attach", plugin=PLUGIN)["data"]["id"])
                self._handles[leg], self._legs[handle] = handle, leg
                self._api.ask(
                    f"{self._session}/{handle}",
                    "message",
                    body={"audio": True},
                    jsep={"type": "offer", "sdp": sdp},
                )
            case m.HungUp(leg):
                self._api.ask(f"{self._session}/{self._handles.pop(leg)}", "detach")
                _tell(m.HungUp(leg))

    def _follow(self) -> None:
        api = Api(self._port)
        while True:
            try:
                events = api.poll(self._session)
            except (OSError, http.client.HTTPException, ValueError, JanusFailed):
                return  # Janus has ended
            for event in events:
                self._take_event(event)

    def _take_event(self, event: dict[str, Any]) -> None:
        jsep = event.get("jsep")
        if jsep is not None and jsep.get("type") == "answer":
            _tell(m.Answered(self._legs[event["sender"]], jsep["sdp"]))
        elif "error_code" in event.get("plugindata", {}).get("data", {}):
            sys.stderr.write(f"Janus: {event['plugindata']['data']}\n")

    def close(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, JanusFailed):
            self._api.ask(self._session, "destroy")
        self._api.close()


@contextlib.contextmanager
def open_janus(janus: Janus, cpu: str, own_cpu: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Janus as a child process on `cpu`, and the port of its HTTP API. Ended by its process id."""
    with tempfile.TemporaryDirectory(prefix="trunkline-janus-") as name:
        port = _free_port()
        folder = Path(name)
        write_config(folder, janus, port)
        pin(cpu)
        process = subprocess.Popen(
            [janus.program, "--configs-folder", folder, "--config", folder / "janus.jcfg"],
            env=janus.environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        pin(own_cpu)
        try:
            yield process, port
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.create_server((m.HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _own_address() -> str:
    """Where packets to other machines would leave from. Nothing is sent. Raises OSError without any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(ELSEWHERE)
        return str(probe.getsockname()[0])


def _version(process: subprocess.Popen[bytes], port: int) -> str:
    """Wait until Janus answers. Raises JanusFailed."""
    for _ in range(round(START_SECONDS * TRIES_A_SECOND)):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return str(Api(port).get("/info")["version_string"])
        if process.poll() is not None:
            raise JanusFailed(f"Janus ended with status {process.returncode}")
        time.sleep(1 / TRIES_A_SECOND)
    raise JanusFailed(f"Janus did not answer within {START_SECONDS:.0f} s")


_writing = threading.Lock()


def _tell(message: m.FromServer) -> None:
    with _writing:
        os.write(1, msgspec.json.encode(message) + b"\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", default="")
    parser.add_argument("--own-cpu", default="")
    flags = parser.parse_args()
    janus = find_janus()
    if janus is None:
        _tell(m.Unavailable(MISSING))
        return
    try:
        host = _own_address()
    except OSError:
        _tell(m.Unavailable("Janus has no ICE on loopback, and this machine has no other address"))
        return
    decoder = msgspec.json.Decoder(m.ToServer)
    with open_janus(janus, flags.cpu, flags.own_cpu) as (process, port):
        try:
            version = _version(process, port)
        except JanusFailed as error:
            _tell(m.Unavailable(str(error)))
            return
        server = Server(port)
        _tell(m.Serving(process.pid, version, host))
        for line in sys.stdin.buffer:
            server.take(decoder.decode(line))
        server.close()


if __name__ == "__main__":
    main()
