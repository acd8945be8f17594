"""Configs: frozen dataclasses whose fields are checked by pydantic when one is built."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from actret_core.errors import ConfigError

T = TypeVar("T")


def _number(value: Any) -> Any:
    """Turn text that is a number into one: YAML reads 1e-3 as text. Other values are returned as they are."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


# A field's description ends the message "field=value: expected ..." where a bound is broken.
READ = BeforeValidator(_number)
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, description="a positive number"), READ]
NonNegativeFloat = Annotated[float, Field(ge=0), READ]
Share = Annotated[float, Field(ge=0, le=1, description="a number in [0, 1]"), READ]
PositiveShare = Annotated[float, Field(gt=0, le=1, description="a number in (0, 1]"), READ]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1, description="a number in [0, 1)"), READ]

WRONG_TYPES = {
    "int_type": "a whole number", "float_type": "a number", "finite_number": "a finite number",
    "bool_type": "true or false", "string_type": "text", "tuple_type": "a list", "dict_type": "keys and values",
}  # fmt: skip


@dataclass_transform(frozen_default=True)
def config_class(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass that raises ConfigError for an unknown field and for a wrong type or value.

    Types are strict: 6.5, '6' and True are no int. A float may be given as an int, or as text as YAML does for 1e-3.
    Conditions on several fields are checked by `require` in `__post_init__`, after each field by itself.
    """
    rules = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    checked = checked_dataclass(cls, frozen=True, config=rules)
    checked.__init__ = _with_our_errors(checked)
    return checked


def _with_our_errors(cls: type) -> Callable[..., None]:
    init = cls.__init__

    @wraps(init)
    def checked_init(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except ValidationError as error:
            raise ConfigError("; ".join(_say(cls, e) for e in error.errors(include_url=False))) from None

    return checked_init


def _say(cls: type, error: ErrorDetails) -> str:
    """The message for one error of pydantic."""
    kind, value = error["type"], error["input"]
    if kind == "value_error":  # raised by `require`
        return str(error["ctx"]["error"])
    if kind == "unexpected_positional_argument":
        return f"{cls.__name__} has {len(fields(cls))} fields, and was given more values"
    name, *inner = error["loc"]
    name = fields(cls)[name].name if isinstance(name, int) else name
    if kind == "unexpected_keyword_argument":
        return unknown_field(cls, name)
    if kind == "missing":
        return f"{cls.__name__} needs a value for {name!r}"
    expected = WRONG_TYPES.get(kind) or _bound(cls.__pydantic_fields__[name], error)
    return f"{name}{''.join(f'[{i}]' for i in inner)}={value!r}: expected {expected}"


def _bound(field: FieldInfo, error: ErrorDetails) -> str:
    """The values that a field of the right type may have, for the message of an error."""
    kind = error["type"]
    if kind == "literal_error":
        return f"one of {', '.join(map(str, get_args(field.annotation)))}"
    if kind == "greater_than_equal" and not field.description:
        return f"at least {error['ctx']['ge']:g}"
    return field.description or error["msg"]


def unknown_field(cls: type, key: str) -> str:
    """The message for a key that is no field of the dataclass `cls`; it names the nearest field, or all fields."""
    known = [f.name for f in fields(cls)]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return f"{cls.__name__} has no field {key!r}; {hint}"


def config_from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the dataclass `cls` from `values` (JSON lists become tuples).

    Raises ConfigError for a key that is not a field, naming the nearest field.
    """
    for key in values:
        if key not in {f.name for f in fields(cls)}:
            raise ConfigError(unknown_field(cls, key))
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def require(condition: bool, field: str, value: Any, expected: str) -> None:
    """Raise ConfigError naming `field` unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{field}={value!r}: expected {expected}")
