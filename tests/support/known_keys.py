"""Prints the keys that LiteLLM's config may have: run by the Python of LiteLLM's environment.

The answer is JSON, `{section: [keys]}`, and for two settings their values. Python's option `-P` is
needed: without it the modules beside this one hide those that LiteLLM imports by the same name.

LiteLLM has no schema of its config: most keys are fields of its types or parameters of its
functions, and the rest is known only where the source reads it. So what is read is looked for in
the source too, rather too generously: a name too many hides a typo that is spelled the same, a name
too few would warn of a key that works.
"""

# LiteLLM's packages are in its own environment alone.
# mypy: disable-error-code="import-not-found,import-untyped"

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, get_args

import litellm
import litellm_enterprise
import pydantic
from litellm import _redis, constants
from litellm.caching.caching import Cache
from litellm.proxy import _types
from litellm.proxy.common_utils.config_includes import INCLUDE_KEY
from litellm.proxy.config_resolvers.settings_rules import DUAL_SOURCE_KEYS
from litellm.router_utils.routing_groups import VALID_ROUTING_STRATEGIES
from litellm.types import router, utils
from litellm.types.llms import anthropic, openai

_TEXTS: Final = {
    f"{module.__name__}/{path.relative_to(folder)}": path.read_text(encoding="utf-8")
    for module in (litellm, litellm_enterprise)
    for folder in [Path(module.__file__).parent]
    for path in folder.rglob("*.py")
}
"""The source of LiteLLM and of its enterprise part, by path."""

_CALLS: Final = (
    litellm.completion,
    litellm.text_completion,
    litellm.embedding,
    litellm.image_generation,
    litellm.image_edit,
    litellm.transcription,
    litellm.speech,
    litellm.moderation,
    litellm.rerank,
    litellm.responses,
)
"""What a deployment's `litellm_params` are passed to."""

_REQUESTS: Final = (
    openai.ChatCompletionRequest,
    openai.ResponsesAPIOptionalRequestParams,
    anthropic.AnthropicMessagesRequestOptionalParams,
)
"""Bodies whose fields may be set for a deployment."""

_NO_KEYS: Final = {
    *("self", "args", "kwargs", *dir(dict), *dir(pydantic.BaseModel)),
    *("interval_hours", "force_reload"),  # Of the reload of prices, in a `config` of its own.
}
"""What the source has in a key's place that is none."""


def main() -> None:
    """Prints the keys of all sections."""
    elsewhere = constants.ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
    sections: Mapping[str, Iterable[str]] = {
        "config": {
            INCLUDE_KEY,
            *_types.ConfigYAML.model_fields,
            *_asked("config|_config|new_config", "litellm/proxy/proxy_server.py"),
        },
        "litellm_params": {
            *utils.all_litellm_params,
            *router.LiteLLM_Params.model_fields,
            *router.LiteLLMParamsTypedDict.__annotations__,
            *(name for call in _CALLS for name in inspect.signature(call).parameters),
            *(name for request in _REQUESTS for name in request.__annotations__),
            *_listed(),
            *_asked(r"litellm_params\w*|\w*optional_\w*params|\w+ence_params|non_default_params"),
            *_asked("kwargs", "litellm/main.py"),
            *(name for path in _TEXTS if "/llms/" in path for name in _fields(r"\w+Config", path)),
        },
        "model_info": {
            *router.ModelInfo.model_fields,
            *utils.ModelInfo.__annotations__,
            *(name for entry in litellm.model_cost.values() for name in entry),
            *_asked(r"\w*model_info\w*|mi_dict"),
            *_named("model_info"),
        },
        "router_settings": {n for n in litellm.Router.get_valid_args() if n not in elsewhere},
        "litellm_settings": {
            *_module(),
            *_asked(r"\w*litellm_settings\w*"),
            *_named("litellm_settings"),
            *re.findall(r'\bkey == "(\w+)"', _TEXTS["litellm/proxy/proxy_server.py"]),
        },
        "general_settings": {
            *_types.ConfigGeneralSettings.model_fields,
            *(key for section, key in DUAL_SOURCE_KEYS if section == "general_settings"),
            *_asked(r"\w*general_settings\w*"),
            *_asked("settings", "litellm/proxy/auth", "litellm/proxy/common_utils"),
            *_named("general_settings"),
            *_validated("general_settings"),
        },
        "cache_params": {
            *inspect.signature(Cache).parameters,
            *_redis._get_redis_kwargs(),  # noqa: SLF001
            *_redis._get_redis_cluster_kwargs(),  # noqa: SLF001
            *_asked("cache_params|redis_kwargs"),
        },
        "routing_strategy": VALID_ROUTING_STRATEGIES,
        "optional_pre_call_checks": _literals(router.OptionalPreCallChecks),
    }
    table = {
        section: sorted(n for n in set(names) - _NO_KEYS if n.strip("_*") == n)
        for section, names in sections.items()
    }
    sys.stdout.write(json.dumps(table, indent=1) + "\n")


def _literals(annotation: object) -> Iterator[str]:
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _literals(part)


def _asked(variable: str, *folders: str) -> Iterator[str]:
    """The names that the source asks a dictionary for, such as `x.get("name")`, `"name" in x`."""
    for path, asked, name in _questions():
        if path.startswith(folders or "") and re.fullmatch(variable, asked):
            yield name


@cache
def _questions() -> list[tuple[str, str, str]]:
    name = r"""(?:["'](\w+)["']|([A-Z_]+)\b)"""
    # Such as `x["name"]`, `x().get(NAME)`, `(x or {}).get("name")`, `y.get("x", {}).pop("name")`.
    dictionary = r"""(\w+)(?:["'][^"'\n()]*[\])]|\(\)| or {}\))?"""
    asked = rf"\b(?={dictionary}(?:\.(?:get|pop|setdefault)\(|\[)\s*{name})"
    tested = rf"{name} (?:not )?in (?:\w+\.)*(\w+)"
    line = re.compile(r"^(\w+)(?:: [^=\n]+)? = \"(\w+)\"$", re.MULTILINE)
    values = dict(pair for text in _TEXTS.values() for pair in line.findall(text))
    found = []
    for path, text in _TEXTS.items():
        for variable, literal, constant in re.findall(asked, text):
            found.append((path, variable, literal or values.get(constant, "_")))
        for literal, constant, variable in re.findall(tested, text):
            found.append((path, variable, literal or values.get(constant, "_")))
    return found


def _named(section: str) -> Iterator[str]:
    """The names that the source, its comments included, calls `section.name`."""
    for text in _TEXTS.values():
        if f"{section}." in text:
            yield from re.findall(rf"\b{section}\.([a-z]\w+)", text)


def _validated(section: str) -> Iterator[str]:
    """The fields of the classes that the source reads a part of the section with."""
    for path, text in _TEXTS.items():
        if f".model_validate({section})" in text:
            for model in re.findall(rf"(\w+)\.model_validate\({section}\)", text):
                yield from _fields(model, path)


def _fields(name: str, path: str) -> Iterator[str]:
    """The fields of the classes in a file whose name is of a pattern, as they are declared."""
    declaration = rf"^class {name}\b.*\n((?:(?: .*)?\n)*)"
    for body in re.findall(declaration, _TEXTS[path], re.MULTILINE):
        yield from re.findall(r"^    ([a-z]\w*): ", body, re.MULTILINE)


def _listed() -> Iterator[str]:
    """LiteLLM's own lists of OpenAI's parameters."""
    for name, value in vars(constants).items():
        if re.search("OPENAI_.*PARAMS|PARAM_VALUES", name):
            yield from value


def _module() -> Iterator[str]:
    """The module's own variables, each of which a setting of its name sets."""
    for node in ast.parse(_TEXTS["litellm/__init__.py"]).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(module="litellm.constants" | "litellm._logging", names=aliases):
                names = (alias.name for alias in aliases)
                yield from (name for name in names if not callable(getattr(litellm, name)))
    for text in _TEXTS.values():
        yield from re.findall(r'\bgetattr\(litellm, "(\w+)"', text)


if __name__ == "__main__":
    main()
