"""LiteLLM's guardrails, as `guardrails`, or in `config.merge` where one of them has no field."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from function import shapes
from function.api.guardrails import Generic, Guardrail
from function.api.validation import broken_rules
from function.call import Manifest
from function.gateways.base import SecretKey
from function.gateways.litellm import guardrails as generated
from function.gateways.litellm import items, variables
from function.imports.draft import Draft, shown
from function.imports.source import as_ref

SECTION: Final = generated.SECTION
ON_MODELS: Final = "guardrails"
"""The parameter with which an entry of `model_list` names its guardrails."""
POLICIES: Final = ("policies", "policy_attachments")
"""What switches guardrails on and off by rules of LiteLLM's own."""

_MODES: Final = {"pre_call": "PreCall", "during_call": "DuringCall", "post_call": "PostCall"}
_ACTIONS: Final = {"MASK": "Mask", "BLOCK": "Block"}
_CODE: Final = re.compile(r"\w+\.[\w.]+")
_GENERIC: Final = frozenset(get_args(Generic.model_fields["type"].annotation))
_MOST: Final = 32
_MOST_SECONDS: Final = 60
_MODERATION_KEY: Final = "OPENAI_API_KEY"
_ANALYZER: Final = "presidio_analyzer_api_base"
_ANONYMIZER: Final = "presidio_anonymizer_api_base"
_REGION: Final = "AWS_REGION_NAME"
_AWS: Final = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
}

_Key = Callable[[object, str], SecretKey]
"""Finds the key of a Secret for a credential, which has a name if it must be written."""


class _NoFieldError(Exception):
    """A guardrail says what no field says."""


def read(draft: Draft, given: object, *, policies: bool) -> None:
    """Writes the guardrails, all of them as fields or none: a list in a merge patch is a whole.

    Args:
        draft: the router, whose models are written.
        given: the section of the configuration.
        policies: whether policies of LiteLLM's own decide where they are on.
    """
    if not isinstance(given, list):
        _pass_on(draft, given, "")
        return
    kept = [(i, item) for i, item in enumerate(given) if not _is_code(draft, i, item)]
    if not kept:
        return
    try:
        found = _all(draft, kept, policies=policies)
    except _NoFieldError as error:
        _pass_on(draft, [item for _, item in kept], f": {error}")
        return
    _on_models(draft)
    draft.set("guardrails", found)
    _tell(draft, kept, found)


def _all(
    draft: Draft, kept: Sequence[tuple[int, Manifest]], *, policies: bool
) -> Sequence[Manifest]:
    """The guardrails as fields."""
    if policies:
        raise _NoFieldError("policies say where they are on, which has no field")
    if len(kept) > _MOST:
        raise _NoFieldError(f"there may be {_MOST} of them")
    # No key of a Secret is taken before it is known that each has its fields.
    for i, item in kept:
        _said(draft, i, item, lambda _, stem: SecretKey("secret", stem))
    found = [_said(draft, i, item, _keys_of(draft)) for i, item in kept]
    names = [one["name"] for one in found]
    if len(set(names)) != len(names):
        raise _NoFieldError("two of them have the same name")
    _check_named(draft, names)
    return found


def _is_code(draft: Draft, i: int, item: object) -> bool:
    """Whether a guardrail is code of the user's, which is not carried over."""
    kind = shapes.at(item, "litellm_params", "guardrail") if isinstance(item, dict) else None
    if not isinstance(kind, str) or not _CODE.fullmatch(kind):
        return False
    draft.lost(
        f"{SECTION}[{i}]",
        f"the guardrail {shown(shapes.as_object(item).get('guardrail_name'))} is left out: it is "
        "code of your own, so put it into an image (deployment.image) and name it in config.merge",
    )
    return True


def left_out(draft: Draft, config: Manifest) -> object:
    """The first guardrail that the policies name and that is left out; None if there is none."""
    policies = draft.as_text(config.get(POLICIES[0]))
    for i, item in enumerate(shapes.as_list(config.get(SECTION))):
        name = shapes.at(item, "guardrail_name")
        if f"{SECTION}[{i}]" in draft.dropped and draft.as_text(name) in policies:
            return name
    return None


def _pass_on(draft: Draft, given: object, reason: str) -> None:
    draft.merge[SECTION] = draft.passed(given, SECTION, SECTION)
    draft.told(
        SECTION,
        f"config.merge passes on the guardrails, for which LiteLLM's own rules hold then{reason}",
    )


def _keys_of(draft: Draft) -> _Key:
    def key(value: object, stem: str) -> SecretKey:
        return draft.key_of(stem) if value is None else draft.key_for(stem, str(value))

    return key


def _check_named(draft: Draft, names: Sequence[str]) -> None:
    """Makes sure that the guardrails which models name are there."""
    for model in draft.spec["aiModels"]:
        named = model.get("parameters", {}).get(ON_MODELS, [])
        if not isinstance(named, list) or any(name not in names for name in named):
            raise _NoFieldError(
                f"the model {shown(model.get('alias', model['name']))} names one that is not among "
                "them"
            )


def _on_models(draft: Draft) -> None:
    """Writes the guardrails of models into their field."""
    for model in draft.spec["aiModels"]:
        if named := model.get("parameters", {}).pop(ON_MODELS, None):
            model["guardrails"] = list(dict.fromkeys(named))
        if model.get("parameters") == {}:
            del model["parameters"]


def _tell(draft: Draft, kept: Sequence[tuple[int, Manifest]], found: Sequence[Manifest]) -> None:
    draft.told(
        SECTION,
        "while the service of a guardrail fails, or takes longer than timeoutSeconds (default: 5), "
        "calls are refused, and so is a kind of call that a guardrail cannot be shown; by itself, "
        "LiteLLM often lets them pass: to have that of failures, set onFailure: Allow",
    )
    for (i, item), one in zip(kept, found, strict=True):
        path, given = f"{SECTION}[{i}]", str(item["guardrail_name"])
        if given != one["name"]:
            draft.told(path, f"the guardrail {shown(given)} is named '{one['name']}' here")
        if _asks_to_unmask_and_mask(item["litellm_params"]):
            draft.told(
                path,
                f"{shown(given)} puts back what it masked in the call, and masks nothing else in "
                "the answer: presidio_filter_scope was both, as is LiteLLM's default",
            )


# -- One guardrail


def _said(draft: Draft, i: int, item: object, key: _Key) -> Manifest:
    """A guardrail as the fields that say the same."""
    name = shapes.text_at(item, "guardrail_name")
    params = shapes.at(item, "litellm_params")
    if not isinstance(item, dict) or not name or not isinstance(params, dict):
        raise _NoFieldError(f"{SECTION}[{i}] has no guardrail_name or no litellm_params")
    left = {k: v for k, v in params.items() if v is not None}
    found = _when(name, left)
    kind = left.pop("guardrail", None)
    if kind in _GENERIC:
        found["generic"] = _generic(draft, str(kind), name, left, key)
    elif kind in _FORMS:
        field, form = _FORMS[str(kind)]
        found[field] = form(draft, name, left, key)
    else:
        raise _NoFieldError(f"{shown(name)} is of the kind {shown(kind)}, which has no field")
    if left:
        raise _NoFieldError(f"{next(iter(left))} of {shown(name)} has no field")
    if wrong := broken_rules(Guardrail, found, ""):
        raise _NoFieldError(f"{shown(name)}: {wrong[0].lstrip('. :').rstrip('.')}")
    return found


def _when(name: str, left: dict[str, Any]) -> dict[str, Any]:
    """When a guardrail looks, and what comes if it fails; taken from its parameters."""
    on = left.pop("default_on", False) is True
    found: dict[str, Any] = {"name": canonical(name) if on else name}
    looks = modes(left)
    if wrong := [mode for mode in _listed(left.pop("mode", None)) if mode not in [*_MODES]]:
        raise _NoFieldError(f"the mode {shown(wrong[0])} of {shown(name)} has no field")
    found["modes"] = [_MODES[mode] for mode in looks]
    if not on:
        found["default"] = False
    if (seconds := left.pop("timeout", None)) is not None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise _NoFieldError(f"the timeout of {shown(name)} is no number")
        found["timeoutSeconds"] = min(max(math.ceil(seconds), 1), _MOST_SECONDS)
    reaction = left.pop("unreachable_fallback", "fail_closed")
    if reaction == "fail_open":
        found["onFailure"] = "Allow"
    elif reaction != "fail_closed":
        raise _NoFieldError(f"unreachable_fallback of {shown(name)} has no field")
    return found


def canonical(name: str) -> str:
    """A name as a ModelRouter has it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _listed(mode: object) -> list[Any]:
    return mode if isinstance(mode, list) else [mode]


def modes(params: Mapping[str, Any]) -> list[Any]:
    """When a guardrail looks. Presidio's scope has a say in it: by default, it is both."""
    given = _listed(params.get("mode"))
    if params.get("guardrail") != "presidio" or not {*map(str, given)} <= {*_MODES}:
        return given
    scope = params.get("presidio_filter_scope", "both")
    before = "pre_call" in given and scope != "output"
    after = scope != "input" and not _asks_to_unmask_and_mask(params)
    return [*(["pre_call"] if before else []), *(["post_call"] if after else [])]


def _asks_to_unmask_and_mask(params: Mapping[str, Any]) -> bool:
    both = params.get("presidio_filter_scope") in (None, "both")
    unmasks = params.get("guardrail") == "presidio" and params.get("output_parse_pii") is True
    return unmasks and both and "pre_call" in _listed(params.get("mode"))


def _text(draft: Draft, left: dict[str, Any], param: str, name: str, variable: str = "") -> str:
    """A text that must be known."""
    value = left.pop(param, variables.reference(variable) if variable else None)
    value = draft.resolved(value)
    if not isinstance(value, str) or not value or items.REFERENCE.search(value):
        raise _NoFieldError(f"{param} of {shown(name)} is not known")
    return value


def _presidio(draft: Draft, name: str, left: dict[str, Any], _: _Key) -> Manifest:
    left.pop("presidio_filter_scope", None)
    said: Manifest = {
        "analyzerUrl": _text(draft, left, _ANALYZER, name, _ANALYZER.upper()),
        "anonymizerUrl": _text(draft, left, _ANONYMIZER, name, _ANONYMIZER.upper()),
    }
    thresholds = shapes.as_object(left.pop("presidio_score_thresholds", None))
    entities = shapes.as_object(left.pop("pii_entities_config", None))
    if not entities:
        raise _NoFieldError(f"{shown(name)} has no pii_entities_config, and a field names each")
    if unknown := sorted(thresholds.keys() - entities.keys() - {"ALL"}):
        raise _NoFieldError(f"{shown(name)} has a threshold for {shown(unknown[0])} alone")
    said["entities"] = []
    for kind, action in entities.items():
        entity: Manifest = {"type": kind, "action": _ACTIONS.get(str(action), action)}
        threshold = thresholds.get(kind, thresholds.get("ALL"))
        if threshold is not None:
            entity["thresholdPercent"] = _percent(threshold, name)
        said["entities"].append(entity)
    if (language := left.pop("presidio_language", None)) is not None:
        said["language"] = language
    if left.pop("output_parse_pii", False) is True:
        said["unmask"] = True
    return said


def _percent(threshold: object, name: str) -> int:
    if isinstance(threshold, int | float) and not isinstance(threshold, bool):
        percent = round(threshold * 100)
        if math.isclose(percent, threshold * 100):
            return percent
    raise _NoFieldError(f"a threshold of {shown(name)} is no whole number of percent")


def _content_filter(_: Draft, name: str, left: dict[str, Any], __: _Key) -> Manifest:
    said: Manifest = {}
    if patterns := left.pop("patterns", None):
        said["patterns"] = list(_patterns(patterns, name))
    if words := left.pop("blocked_words", None):
        said["blockedWords"] = [
            {"word": word.get("keyword"), "action": _ACTIONS.get(str(word.get("action")))}
            for word in shapes.as_list(words)
            if isinstance(word, dict)
        ]
    categories: list[Manifest] = []
    for category in shapes.as_list(left.pop("categories", None)):
        if not isinstance(category, dict) or category.get("enabled") is False:
            continue
        if category.get("action", "BLOCK") != "BLOCK" or category.get("category_file"):
            raise _NoFieldError(f"a category of {shown(name)} does more than block")
        one: Manifest = {"name": category.get("category")}
        if severity := category.get("severity_threshold"):
            one["severity"] = str(severity).capitalize()
        categories.append(one)
    if categories:
        said["categories"] = categories
    return said


def _patterns(patterns: object, name: str) -> Iterator[Manifest]:
    for pattern in shapes.as_list(patterns):
        said = shapes.as_object(pattern)
        action = {"action": _ACTIONS.get(str(said.get("action")))}
        if said.get("pattern_type") == "prebuilt":
            yield {"name": said.get("pattern_name"), **action}
        elif said.get("pattern_type") == "regex" and said.get("name"):
            yield {"name": said["name"], "regexp": said.get("pattern"), **action}
        else:
            raise _NoFieldError(f"a pattern of {shown(name)} has no name")


def _moderation(draft: Draft, name: str, left: dict[str, Any], key: _Key) -> Manifest:
    said: Manifest = {}
    if (model := left.pop("model", None)) is not None:
        said["model"] = model
    if "api_base" in left:
        said["apiBase"] = _text(draft, left, "api_base", name)
    said["apiKeySecretRef"] = as_ref(key(left.pop("api_key", None), _MODERATION_KEY))
    return said


def _bedrock(draft: Draft, name: str, left: dict[str, Any], key: _Key) -> Manifest:
    said: Manifest = {
        "guardrailId": _text(draft, left, "guardrailIdentifier", name),
        "version": str(left.pop("guardrailVersion", "")),
        "region": _text(draft, left, "aws_region_name", name, _REGION),
    }
    if "aws_bedrock_runtime_endpoint" in left:
        said["endpoint"] = _text(draft, left, "aws_bedrock_runtime_endpoint", name)
    given = {param: left.pop(param, None) for param in _AWS}
    if not any(given.values()):
        if any(v in draft.source.environment.known for v in _AWS.values()):
            given = {param: variables.reference(v) for param, v in _AWS.items()}
        else:
            return said
    held = {v: key(given[param], v) for param, v in _AWS.items()}
    secrets = {one.secret for one in held.values()}
    if len(secrets) > 1:
        raise _NoFieldError(f"the credentials of {shown(name)} are in two Secrets")
    own = {v: one.key for v, one in held.items() if one.key != v}
    ref = {"name": secrets.pop(), **({"keys": own} if own else {})}
    said["credentials"] = {"secretRef": ref}
    return said


def _generic(draft: Draft, kind: str, name: str, left: dict[str, Any], key: _Key) -> Manifest:
    said: Manifest = {"type": kind, "apiBase": _text(draft, left, "api_base", name)}
    if (own := left.pop("api_key", None)) is not None:
        said["apiKeySecretRef"] = as_ref(key(own, f"{canonical(name)}_API_KEY".upper()))
    if left:
        if any(True for _ in items.references(left)):
            raise _NoFieldError(f"{shown(name)} takes a parameter from a variable")
        said["parameters"] = dict(left)
        left.clear()
    return said


_FORMS: Final[Mapping[str, tuple[str, Callable[[Draft, str, dict[str, Any], _Key], Manifest]]]] = {
    "presidio": ("presidio", _presidio),
    "litellm_content_filter": ("contentFilter", _content_filter),
    "openai_moderation": ("openaiModeration", _moderation),
    "bedrock": ("bedrock", _bedrock),
}


# -- What they mean


def meaning(
    item: Mapping[str, Any], resolved: Callable[[Any], Any], known: Callable[[str], str]
) -> dict[str, Any]:
    """What a guardrail does, whether it is written by hand or for a ModelRouter.

    Args:
        item: an item of the section.
        resolved: puts what variables hold in the place of their names.
        known: what a variable holds for sure.
    """
    info = shapes.object_at(item, generated.INFO)
    params = {k: v for k, v in shapes.object_at(item, "litellm_params").items() if v is not None}
    on = params.pop("default_on", False) is True and not info.get("on_request")
    fails = params.pop("unreachable_fallback", None) == "fail_open"
    said: dict[str, Any] = {
        "modes": sorted(map(Draft.as_text, modes(params))),
        "default_on": on,
        "lets pass": fails or info.get("on_failure") == "Allow",
    }
    for param in ("mode", "presidio_filter_scope", "timeout"):
        params.pop(param, None)
    kind = params.get("guardrail")
    if kind == "presidio":
        _plain_presidio(params)
    elif kind == "litellm_content_filter":
        _plain_filter(params)
    elif kind == "openai_moderation":
        params.setdefault("model", "omni-moderation-latest")
        params["api_base"] = str(params.get("api_base", generated.OPENAI)).rstrip("/")
    elif kind == "bedrock":
        params["guardrailVersion"] = str(params.get("guardrailVersion"))
        region = params.get("aws_region_name")
        if isinstance(region, str):
            params.setdefault("aws_bedrock_runtime_endpoint", generated.of_region(region))
    said |= {param: resolved(value) for param, value in params.items()}
    for param, variable in _IMPLIED.get(str(kind), {}).items():
        said[param] = said.get(param) or known(variable)
        if said[param].endswith(f"/{variable}"):
            said[param] = ""  # It is asked for in some Secret, and may not be there.
    return said


_IMPLIED: Final[Mapping[str, Mapping[str, str]]] = {
    "presidio": {_ANALYZER: _ANALYZER.upper(), _ANONYMIZER: _ANONYMIZER.upper()},
    "openai_moderation": {"api_key": _MODERATION_KEY},
    "bedrock": {"aws_region_name": _REGION, **_AWS},
}
"""The variables from which LiteLLM takes what a guardrail does not state."""


def _plain_presidio(params: dict[str, Any]) -> None:
    params.setdefault("presidio_language", "en")
    params["output_parse_pii"] = params.get("output_parse_pii") is True
    thresholds = params.pop("presidio_score_thresholds", {})
    if isinstance(entities := params.get("pii_entities_config"), dict):
        every = shapes.as_object(thresholds).get("ALL")
        thresholds = {one: shapes.as_object(thresholds).get(one, every) for one in entities}
        thresholds = {one: float(most) for one, most in thresholds.items() if most is not None}
    params["thresholds"] = thresholds


def _plain_filter(params: dict[str, Any]) -> None:
    params["blocked_words"] = [
        [str(word.get("keyword")).lower(), word.get("action")]
        for word in shapes.objects_at(params, "blocked_words")
    ]
    params["categories"] = [
        {"action": "BLOCK", "severity_threshold": "medium", **category, "enabled": True}
        for category in shapes.objects_at(params, "categories")
        if category.get("enabled") is not False
    ]
    params["patterns"] = [
        {k: v for k, v in pattern.items() if k != "name" or "pattern" in pattern}
        for pattern in shapes.objects_at(params, "patterns")
    ]
