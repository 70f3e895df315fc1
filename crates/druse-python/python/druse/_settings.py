"""Settings as JSON for the native half, with a word of their own where one is of another kind."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from .errors import RequestError

#: Checks a setting of this name and gives what JSON can hold.
Kind = Callable[[str, Any], Any]


def whole(name: str, value: Any) -> int:
    """A whole number, numpy's too."""
    try:
        number = operator.index(value)
    except TypeError:
        raise RequestError(f"{name} is {value!r}; give a whole number") from None
    # What else is out of range the native half says.
    least, most = (0, 2**64 - 1) if name == "seed" else (-(2**63), 2**63 - 1)
    if not least <= number <= most:
        raise RequestError(f"{name} is {number}; give a number from 0 to {most}")
    return number


def real(name: str, value: Any) -> float:
    """A finite number, numpy's too."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RequestError(f"{name} is {value!r}; give a number") from None
    if not math.isfinite(number) or isinstance(value, str):
        raise RequestError(f"{name} is {value!r}; give a finite number")
    return number


def text(name: str, value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise RequestError(f"{name} is {value!r}; give a text")
    return value


def flag(name: str, value: Any) -> bool:
    """True or false, numpy's too."""
    if value not in (True, False):
        raise RequestError(f"{name} is {value!r}; give True or False")
    return bool(value)


def maybe(kind: Kind) -> Kind:
    """The kind, or ``None`` for what was not asked for."""
    return lambda name, value: None if value is None else kind(name, value)


def dumped(asked: Mapping[str, Any], kinds: Mapping[str, Kind]) -> str:
    """The settings as JSON; those without a kind as they are."""
    return json.dumps({name: kinds[name](name, value) if name in kinds else value for name, value in asked.items()})
