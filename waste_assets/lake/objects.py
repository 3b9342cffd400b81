"""Objects of an S3 bucket: listed, read, and put whole, also only where nobody else has meanwhile.

Credentials and the endpoint are found where every program finds them: environment, profile,
instance role; `AWS_ENDPOINT_URL_S3` names another server than Amazon's. Requests that a server
refuses for now (503) or that a connection drops are tried again. boto3 comes with the extra `team`.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from waste_assets.faults import Fault
from waste_assets.lake.lake import Overtaken

SCHEME = "s3://"
#: A put above this size goes in parts, each of this size; at most 10,000 of them: 640 GB.
_PART_BYTES = 64 << 20
#: Requests that are under way at once.
THREADS = 16
_TRIES = 8
#: What a server answers where a condition does not hold, or two conditional puts meet.
_OVERTAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_MISSING = ("NoSuchKey", "NoSuchBucket", "404")
_NO_OBJECT = "no such object"
#: The condition that there is nothing in the place.
ABSENT = ""


class BucketError(OSError):
    """The bucket cannot be used; the message says why."""


@dataclass(frozen=True)
class Object:
    """An object, as a listing describes it."""

    #: Its key after the prefix that was listed.
    name: str
    size: int
    #: Identity of its content; another content has another.
    etag: str
    #: When it was put, seconds since 1970.
    modified: int


@dataclass(frozen=True)
class Place:
    """A prefix of a bucket: `s3://bucket/prefix`."""

    bucket: str
    #: Ends in `/`, or is empty.
    prefix: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Raises Fault where the URL names no bucket."""
        bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
        if not url.startswith(SCHEME) or not bucket:
            raise Fault(f"{url} names no bucket: give s3://bucket or s3://bucket/prefix.")
        prefix = prefix.strip("/")
        return cls(bucket, f"{prefix}/" if prefix else "")

    @property
    def url(self) -> str:
        """As it was given, with a `/` at its end."""
        return f"{SCHEME}{self.bucket}/{self.prefix}"

    def objects(self, name: str = "", limit: int | None = None) -> Iterator[Object]:
        """The objects whose names begin with `name`, by name; at most `limit` (1,000 at most).

        Raises:
            BucketError: the bucket cannot be listed.
        """
        start = self.prefix + name
        with _errors(self.url):
            asked: dict[str, Any] = {"Bucket": self.bucket, "Prefix": start}
            if limit is not None:
                asked["MaxKeys"] = limit
            while True:
                page = _client().list_objects_v2(**asked)
                for found in page.get("Contents", ()):
                    yield Object(
                        found["Key"].removeprefix(self.prefix),
                        found["Size"],
                        found["ETag"].strip('"'),
                        int(found["LastModified"].timestamp()),
                    )
                if limit is not None or not page.get("IsTruncated"):
                    return
                asked["ContinuationToken"] = page["NextContinuationToken"]

    def folders(self, name: str = "") -> list[str]:
        """What stands between `name` and the next `/`, in order."""
        start = self.prefix + name
        with _errors(self.url):
            pages = _client().get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.bucket, Prefix=start, Delimiter="/")
            return [
                one["Prefix"].removeprefix(start).rstrip("/")
                for page in found
                for one in page.get("CommonPrefixes", ())
            ]

    def fetch(self, name: str, etag: str, target: Path) -> None:
        """Copy an object, of this very content, into a file that appears whole.

        Raises:
            Overtaken: it is another by now, or gone.
            BucketError: it cannot be read.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with temporary.open("wb") as out, ObjectReader(self, name, etag=etag) as source:
                while block := source.read(1 << 20):
                    out.write(block)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, name: str, start: int = 0, end: int | None = None, etag: str = "") -> bytes:
        """The bytes of an object from `start` on, or the last ones where that is negative.

        Raises:
            FileNotFoundError: there is none.
            Overtaken: its content is no longer this one.
            BucketError: it cannot be read.
        """
        asked: dict[str, str] = {"IfMatch": f'"{etag}"'} if etag else {}
        if start or end is not None:
            last = "" if end is None else str(end - 1)
            asked["Range"] = f"bytes={start}" if start < 0 else f"bytes={start}-{last}"
        for tries in range(_TRIES):
            with _errors(self.url + name):
                answer = _client().get_object(Bucket=self.bucket, Key=self.prefix + name, **asked)
                try:
                    data: bytes = answer["Body"].read()
                    return data
                except _dropped():
                    if tries == _TRIES - 1:
                        raise
        raise AssertionError

    def put(self, name: str, source: Path | bytes, replacing: str | None = None) -> str:
        """Put a whole object, and return its ETag; readers see the old one or this one.

        `replacing`: only where the one with this ETag stands (`ABSENT`: where none stands).

        Raises:
            Overtaken: another stands there.
            BucketError: it cannot be put; the old one stays.
        """
        if replacing is None:
            condition = {}
        elif replacing == ABSENT:
            condition = {"IfNoneMatch": "*"}
        else:
            condition = {"IfMatch": f'"{replacing}"'}
        place = {"Bucket": self.bucket, "Key": self.prefix + name}
        try:
            with _errors(self.url + name):
                if isinstance(source, bytes):
                    answer = _client().put_object(**place, Body=source, **condition)
                elif source.stat().st_size <= _PART_BYTES:
                    with source.open("rb") as body:
                        answer = _client().put_object(**place, Body=body, **condition)
                else:
                    answer = _put_in_parts(place, source, condition)
        except FileNotFoundError as error:
            if replacing and error.strerror == _NO_OBJECT:
                raise Overtaken(self.url + name) from error
            raise
        return str(answer["ETag"]).strip('"')

    def remove(self, names: Iterable[str]) -> None:
        """Take objects away, where they are there."""
        listed = list(names)
        for start in range(0, len(listed), 1_000):
            keys = [{"Key": self.prefix + name} for name in listed[start : start + 1_000]]
            with _errors(self.url):
                gone = {"Objects": keys, "Quiet": True}
                answer = _client().delete_objects(Bucket=self.bucket, Delete=gone)
            for error in answer.get("Errors", ()):
                raise BucketError(
                    errno.EACCES, f"cannot be deleted ({error['Code']})", self.url + error["Key"]
                )


def place_of(path: str) -> tuple[Place, str]:
    """The bucket of an object's whole URL, and its key."""
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    return Place(bucket, ""), key


class ObjectReader(io.RawIOBase):
    """An object read from its beginning to its end, through dropped connections, as one content."""

    def __init__(self, place: Place, name: str, etag: str = "") -> None:
        super().__init__()
        self._place, self._name, self._etag = place, name, etag
        self._at = 0
        self._left = self._open()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Bytes that were read; 0 at the end."""
        view = memoryview(buffer)[: self._left]
        if not view:
            return 0
        for tries in range(_TRIES):
            try:
                got = self._body.readinto(view)
                if not got:
                    raise EOFError
            except _dropped() as error:
                if tries == _TRIES - 1:
                    message = "the connection drops again and again"
                    raise BucketError(errno.EIO, message, self._url) from error
                self._open()
                continue
            self._at += got
            self._left -= got
            return int(got)
        raise AssertionError

    def close(self) -> None:
        if not self.closed:
            with suppress(Exception):
                self._body.close()
        super().close()

    @property
    def _url(self) -> str:
        return self._place.url + self._name

    def _open(self) -> int:
        """Begin where it was left; returns how many bytes are to come."""
        asked = {"IfMatch": f'"{self._etag}"'} if self._etag else {}
        if self._at:
            asked["Range"] = f"bytes={self._at}-"
        with _errors(self._url):
            key = self._place.prefix + self._name
            answer = _client().get_object(Bucket=self._place.bucket, Key=key, **asked)
        # What follows after a dropped connection is of the same content, or none.
        self._etag = str(answer["ETag"]).strip('"')
        # Botocore's own stream reads into no buffer, and takes an early end for the end.
        self._body = answer["Body"]._raw_stream
        return int(answer["ContentLength"])


def at_once(function: Any, items: Sequence[Any]) -> list[Any]:
    """Call a function that waits for the network with each item, many at a time."""
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(THREADS, len(items)), "bucket") as pool:
        return list(pool.map(function, items))


def _put_in_parts(place: dict[str, str], source: Path, condition: dict[str, str]) -> Any:
    """What is never completed is never seen; what is given up is taken away."""
    client = _client()
    upload = {**place, "UploadId": client.create_multipart_upload(**place)["UploadId"]}

    def put(number: int) -> dict[str, Any]:
        with source.open("rb") as handle:
            handle.seek((number - 1) * _PART_BYTES)
            body = handle.read(_PART_BYTES)
        answer = client.upload_part(**upload, PartNumber=number, Body=body)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    try:
        count = -(-source.stat().st_size // _PART_BYTES)
        # Each holds a part in memory.
        with ThreadPoolExecutor(4, "bucket-put") as pool:
            parts = list(pool.map(put, range(1, count + 1)))
        return client.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": parts}, **condition
        )
    except BaseException:
        with suppress(Exception):
            client.abort_multipart_upload(**upload)
        raise


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """What went wrong, as an error of the file that was asked for."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError as error:
        raise Fault(
            "s3:// needs boto3: install waste-assets with its extra `team`, or pip install boto3."
        ) from error
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _OVERTAKEN:
            raise Overtaken(url) from error
        if code in _MISSING:
            what = "no such bucket" if code == "NoSuchBucket" else _NO_OBJECT
            raise FileNotFoundError(errno.ENOENT, what, url) from error
        refused = code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch")
        hint = "access denied: check the credentials and the policy" if refused else str(error)
        raise BucketError(errno.EACCES if refused else errno.EIO, hint, url) from error
    except BotoCoreError as error:
        raise BucketError(errno.EIO, str(error), url) from error


@lru_cache(maxsize=1)
def _dropped() -> tuple[type[Exception], ...]:
    """What is raised where a connection ends too early."""
    from botocore.exceptions import HTTPClientError
    from botocore.exceptions import IncompleteReadError as Incomplete
    from urllib3.exceptions import HTTPError

    return (HTTPClientError, Incomplete, HTTPError, EOFError, ConnectionError, TimeoutError)


def _client() -> Any:
    """A client of this process: a connection is of no use to another."""
    return _client_of(os.getpid())


@lru_cache(maxsize=1)
def _client_of(_pid: int) -> Any:
    import boto3
    from botocore.config import Config

    # "standard" waits longer each time, and takes a dropped connection for what may be repeated.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        max_pool_connections=2 * THREADS,
        connect_timeout=10,
        read_timeout=60,
    )
    return boto3.session.Session().client("s3", config=config)
