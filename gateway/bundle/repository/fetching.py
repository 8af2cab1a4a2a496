"""Where files of a repository come from: a folder, or HTTP. python-tuf bounds how long one is; here, how slow it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import urllib3
from tuf.api import exceptions as tuf
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

_CHUNK_BYTES = 1 << 20
_PATIENCE_SECONDS = 60.0
_LEAST_BYTES_PER_SECOND = 1000


class CutShort(tuf.DownloadError):
    """The connection ended before the file did."""


class FolderFetcher(FetcherInterface):
    """Reads ``file://`` addresses below one folder; no link and no ``..`` leads out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(self._folder.as_uri() + "/")  # python-tuf escapes names of roles, not of targets
        for path in (self._folder / name, self._folder / unquote(name)):
            if path.is_file() and path.resolve().is_relative_to(self._folder):
                return self._chunks(path)
        raise tuf.DownloadHTTPError("there is no such file", 404)

    @staticmethod
    def _chunks(path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


class HttpFetcher(Urllib3Fetcher):
    """HTTP and HTTPS: 30 s for each read, and after the first minute no less than 1,000 bytes a second on average."""

    def __init__(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        super().__init__(app_user_agent="sekisho")
        self._patience_seconds = patience_seconds

    def _chunks(self, response: urllib3.response.BaseHTTPResponse) -> Iterator[bytes]:
        begun, received = time.monotonic(), 0
        try:
            while chunk := response.read1(self.chunk_size):
                received += len(chunk)
                passed = time.monotonic() - begun
                if passed > self._patience_seconds and received < passed * _LEAST_BYTES_PER_SECOND:
                    raise tuf.SlowRetrievalError("too slow")
                yield chunk
        except urllib3.exceptions.TimeoutError as problem:
            raise tuf.SlowRetrievalError("no byte came") from problem
        except urllib3.exceptions.HTTPError as problem:
            raise CutShort("it ended early") from problem
        finally:
            response.close()
