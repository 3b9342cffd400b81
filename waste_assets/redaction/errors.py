"""Errors of libraries quote what they failed on; what is recorded of them holds no secret."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from waste_assets.redaction.redact import without_secrets

P = ParamSpec("P")
R = TypeVar("R")


class QuotedSecret(Exception):
    """In the place of an error whose text held a secret; the text says which error it was."""


def quotes_no_secret(function: Callable[P, R]) -> Callable[P, R]:
    """Let the errors that a function or generator raises, and their causes, hold no secret.

    For what somebody else calls who records errors. An error without one is raised as it is.
    """
    if inspect.isgeneratorfunction(function):
        generator: Callable[P, Generator[object, object, object]] = function

        @wraps(function)
        def generating(*args: P.args, **kwargs: P.kwargs) -> Generator[object, object, object]:
            try:
                return (yield from generator(*args, **kwargs))
            except Exception as error:
                told = told_without_secrets(error)
            # Not while the other one is handled: it would come along as its context.
            raise told

        return cast(Callable[P, R], generating)

    @wraps(function)
    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            told = told_without_secrets(error)
        raise told

    return calling


def told_without_secrets(error: BaseException) -> BaseException:
    """The error, or what stands in its place where its text, or that of a cause, holds a secret."""
    return _told(error, {})


def _told(error: BaseException, known: dict[int, BaseException]) -> BaseException:
    if id(error) in known:
        return known[id(error)]
    text = "".join(traceback.format_exception_only(error)).strip()
    clean = without_secrets(text)
    told = error if clean == text else QuotedSecret(clean).with_traceback(error.__traceback__)
    # Before its causes: two errors may name each other.
    known[id(error)] = told
    cause, context = error.__cause__, error.__context__
    suppressed = error.__suppress_context__
    told.__cause__ = cause and _told(cause, known)
    told.__context__ = context and _told(context, known)
    told.__suppress_context__ = suppressed
    return told
