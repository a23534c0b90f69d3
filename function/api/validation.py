"""How values of the API are checked, and what users are told about invalid ones.

Every error of pydantic's becomes one sentence with the field, the value and the remedy. A refused
string is not repeated: someone may have put a credential there by mistake, and a message is kept in
conditions, events and logs.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from function.errors import Refused
from function.text import as_json, shorten


def refuse(message: str, *, at: str = "") -> PydanticCustomError:
    """An error whose message is shown to users as it is.

    Args:
        message: what is wrong, and the remedy.
        at: where, from the value that is checked: a path such as `.routing.retries`.
    """
    return PydanticCustomError("refused", "{message}", {"message": message, "at": at})


def without_nulls(value: object) -> object:
    """An object without its null members, which the API server treats as not set."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item is not None}
    return value


@dataclass(frozen=True)
class Rule:
    """A pattern that a whole string must match, and the message otherwise.

    The pattern means the same to RE2, which the API server uses, and to Python.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:  # noqa: ANN401
        """Adds the check after those of the annotated type."""
        return AfterValidator(self._check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:  # noqa: ANN401
        """Shows the rule in the model's JSON schema, where a test compares it with the XRD's."""
        return {**handler(schema), "x-rule": {"pattern": self.pattern, "message": self.message}}

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise refuse(self.message)
        return value


class Model(BaseModel):
    """What all models of this API share: strict types, no changes, camelCase names outside."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        regex_engine="python-re",
    )

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        return without_nulls(value)

    def manifest(self) -> dict[str, Any]:
        """The fields that are set, as plain values under their names in the API."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Block(Model):
    """An optional block of the spec, which a router can also switch off."""

    enabled: bool | None = None


ModelT = TypeVar("ModelT", bound=Model)
BlockT = TypeVar("BlockT", bound=Block)


def switched_on(block: BlockT | None) -> BlockT | None:
    """The block, if there is one and it is not switched off."""
    return None if block is None or block.enabled is False else block


def parse(model: type[ModelT], value: object, path: str, reason: str) -> ModelT:
    """The value as a model.

    Raises:
        Refused: the value breaks a rule; one sentence says which one, where, and what to do.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = _errors(error)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Refused(reason, f"{_sentence(path, errors[0])}{more}.") from None


def broken_rules(
    model: type[Model], value: object, path: str, *, partial: bool = False
) -> list[str]:
    """All that `parse` refuses, a sentence for each, which begins with the path of a field.

    Args:
        model: the model.
        value: a value for it.
        path: where the value is.
        partial: whether the value is a part of another one, so that no rule on an object as a whole
            can be broken yet.
    """
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [
            f"{_sentence(path, one)}."
            for one in _errors(error)
            if not (partial and _is_about_whole(one))
        ]
    return []


def _is_about_whole(error: ErrorDetails) -> bool:
    """Whether an object lacks a field, or breaks a rule on several of its fields."""
    return error["type"] == "missing" or (
        error["type"] == "refused" and isinstance(error["input"], dict)
    )


def _errors(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_context=True)


_SENTENCES: Final = {
    "refused": "{where}{at}: {msg}",
    "missing": "{where} is missing: it is required",
    "extra_forbidden": "unknown field {where}: remove it or fix the spelling",
    "greater_than_equal": "{where} is {value}: it must be at least {ge}",
    "less_than_equal": "{where} is {value}: it must be at most {le}",
    "string_too_short": "{where} is too short: the minimum length is {min_length}",
    "string_too_long": "{where} is too long: the maximum length is {max_length}",
    "too_short": "{where} has too few entries: the minimum is {min_length}",
    "too_long": "{where} has too many entries: the maximum is {max_length}",
    "string_type": "{where} is {kind}: it must be a string",
    "int_type": "{where} is {kind}: it must be a whole number",
    "bool_type": "{where} is {kind}: it must be true or false",
    "list_type": "{where} is {kind}: it must be a list",
    "dict_type": "{where} is {kind}: it must be an object",
    "model_type": "{where} is {kind}: it must be an object",
    "literal_error": "{where} must be one of {expected}",
}
"""The message of each pydantic error, by its type. A test covers every one of them."""

_ANY_OTHER: Final = "{where} is not a valid value: see the reference of the fields"
"""The message of an error that pydantic has and these models should not give."""


def _sentence(path: str, error: ErrorDetails) -> str:
    """A pydantic error as path, value and remedy, without the full stop."""
    steps = [step for step in error["loc"] if step != "[key]"]
    where = path + "".join(f"[{p}]" if isinstance(p, int) else f".{shorten(p)}" for p in steps)
    return _SENTENCES.get(error["type"], _ANY_OTHER).format(
        where=where,
        msg=error["msg"],
        value=as_json(error["input"]) if isinstance(error["input"], int) else "",
        kind=_kind_of(error["input"]),
        **error.get("ctx", {}),
    )


def _kind_of(value: object) -> str:
    """A value of the wrong kind: a scalar that cannot be a credential, otherwise only its kind."""
    match value:
        case bool() | int() | float() | None:
            return json.dumps(value)
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
