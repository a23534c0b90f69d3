"""The guardrails through which calls and answers pass."""

import math
import re
from collections.abc import Sequence
from re import _constants as ops  # type: ignore[attr-defined]  # What re itself reads patterns with.
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from function.api import literals
from function.api.fields import GuardrailName, OpenObject, map_key
from function.api.models import AIModel, Wildcards, check_url
from function.api.secret_refs import Credentials, SecretKeyRef
from function.api.validation import Block, Model, Rule, refuse, switched_on

Mode = Literal["PreCall", "DuringCall", "PostCall"]
Action = Literal["Mask", "Block"]

_MOST_WAYS: Final = 10000
_OWN: Final = frozenset(
    (
        *("guardrail", "guardrail_name", "mode", "default_on", "api_base", "api_key", "timeout"),
        *("event_hook", "stream_scope", "run_in_parallel", "scan_raw_request"),
        *("on_sensitive_data", "sensitive_data_route_to_model", "unreachable_fallback"),
    )
)
"""The parameters of LiteLLM's that fields stand for, or that would break what they promise."""

Url = Annotated[str, Field(min_length=1, max_length=512)]


def _check_url(url: str, field: str) -> None:
    check_url(url, field, secret="a Secret", example="http://presidio-analyzer:3000")  # noqa: S106
    if "?" in url or "#" in url:
        raise refuse(f"{field} must not have a query or a fragment: LiteLLM adds a path to it")


class Entity(Model):
    """A kind of personal data, and what becomes of it."""

    type: Annotated[
        str,
        Field(min_length=1, max_length=64),
        Rule(
            r"[A-Z][A-Z0-9_]*",
            "the type of an entity must be upper-case letters, digits and '_', as Presidio names "
            "it, such as PERSON",
        ),
    ]
    action: Action
    threshold_percent: Annotated[int, Field(ge=0, le=100)] | None = None


class Presidio(Model):
    """Microsoft Presidio, which finds personal data."""

    analyzer_url: Url
    anonymizer_url: Url
    entities: Annotated[list[Entity], Field(min_length=1, max_length=64), map_key("type")]
    language: (
        Annotated[
            str,
            Field(min_length=2, max_length=8),
            Rule(r"[a-z]{2,3}", "language must be a code of two or three letters, such as en"),
        ]
        | None
    ) = None
    unmask: bool | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Presidio":
        _check_url(self.analyzer_url, "analyzerUrl")
        _check_url(self.anonymizer_url, "anonymizerUrl")
        return self


def _harmless(pattern: str) -> str:
    """Rejects a regular expression that is none, or with which a text can stop the proxy.

    LiteLLM searches with Python's `re` while all other calls wait.
    """
    _no_reference(pattern)
    try:
        read = parser.parse(pattern, re.IGNORECASE)
        ways, shortest = _ways(read), read.getwidth()[0]
    except (re.error, OverflowError, RecursionError):
        raise refuse("regexp must be a regular expression that Python can compile") from None
    if ways > _MOST_WAYS:
        raise refuse(
            f"regexp must have at most {_MOST_WAYS} ways to match a text, or a long one could stop "
            "the gateway: write bounds such as {1,64} instead of '+' and '*', and repeat nothing "
            "that repeats"
        )
    if not shortest:
        raise refuse("regexp must not match an empty text")
    return pattern


def _ways(read: Any) -> float:  # noqa: ANN401  # What re makes of a pattern.
    """In how many ways a pattern can be tried at one place of a text."""
    ways = 1.0
    for op, of in read:
        match op:
            case ops.MAX_REPEAT | ops.MIN_REPEAT | ops.POSSESSIVE_REPEAT:
                least, most, inner = of
                ways *= _repeated(_ways(inner), least, most)
            case ops.BRANCH:
                ways *= sum(_ways(branch) for branch in of[1])
            case ops.SUBPATTERN | ops.ASSERT | ops.ASSERT_NOT:
                ways *= _ways(of[-1])
            case ops.ATOMIC_GROUP:
                ways *= _ways(of)
            case ops.GROUPREF_EXISTS:
                ways *= sum(_ways(branch) for branch in of[1:] if branch)
    return ways


def _repeated(ways: float, least: int, most: int) -> float:
    if most == ops.MAXREPEAT or (ways > 1 and most > _MOST_WAYS):
        return math.inf
    if ways == 1:
        return most - least + 1
    counted = (ways**times for times in range(least, most + 1))
    return sum(min(count, 2.0 * _MOST_WAYS) for count in counted)


def _no_reference(text: str) -> str:
    """Rejects what LiteLLM would replace by a variable's value."""
    if literals.REFERENCE in text:
        raise refuse("a text of a guardrail must not contain os.environ/")
    return text


PATTERNS: Final = frozenset(
    (
        *("age_discrimination", "airline_pnr", "amex", "au_abn", "au_medicare", "au_tfn"),
        *("aws_access_key", "aws_secret_key", "br_cep", "br_cnpj", "br_cpf"),
        *("br_cpf_unformatted", "br_phone_landline", "br_phone_mobile", "br_rg"),
        *("ca_bank_account", "ca_immigration_doc", "ca_ohip", "ca_on_drivers_licence"),
        *("ca_postal_code", "ca_sin", "credit_card", "disability", "discover", "email"),
        *("eu_iban_enhanced", "eu_passport_generic", "eu_vat", "explosives", "flight_number"),
        *("fr_nir", "fr_phone", "fr_postal_code", "gender_sexual_orientation"),
        *("generic_api_key", "github_token", "harassment_hate", "iban", "illegal_activities"),
        *("ipv4", "ipv6", "marital_family_status", "mastercard", "military_status"),
        *("nl_bsn_contextual", "passport_australia", "passport_canada", "passport_china"),
        *("passport_france", "passport_germany", "passport_india", "passport_japan"),
        *("passport_netherlands", "passport_singapore", "passport_uk", "passport_us"),
        *("public_assistance", "race_ethnicity_national_origin", "religion"),
        *("self_harm_suicide", "sg_bank_account", "sg_nric", "sg_phone", "sg_postal_code"),
        *("sg_uen", "skywards_number", "slack_token", "street_address", "terrorism"),
        *("uae_emirates_id", "uae_phone", "uoft_student_id", "uoft_tcard", "uoft_utorid"),
        *("url", "us_phone", "us_ssn", "us_ssn_no_dash", "violence_threats", "visa"),
        *("weapons_firearms", "weapons_other"),
    )
)
"""LiteLLM's own patterns."""


class Pattern(Model):
    """What is looked for in texts: one of LiteLLM's patterns, or one of the user's own."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=64),
        Rule(
            r"[a-z]([a-z0-9_]*[a-z0-9])?",
            "the name of a pattern must be lower-case letters, digits and '_', begin with a letter "
            "and end with a letter or digit",
        ),
    ]
    regexp: (
        Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_harmless)] | None
    ) = None
    action: Action

    @model_validator(mode="after")
    def _is_known(self) -> "Pattern":
        if self.regexp is None and self.name not in PATTERNS:
            raise refuse(
                "name must be one of LiteLLM's own patterns, such as email or us_ssn, where no "
                "regexp is set"
            )
        return self


class BlockedWord(Model):
    """A word or phrase that is not let through as it is."""

    word: Annotated[
        str,
        Field(min_length=1, max_length=128),
        Rule(
            r"[^\s*]([^\n\r*]*[^\s*])?",
            "a word must be on one line, with no '*' and no space at the beginning or end",
        ),
        AfterValidator(_no_reference),
    ]
    action: Action


Category = Literal[
    "age_discrimination",
    "bias_gender",
    "bias_racial",
    "bias_religious",
    "bias_sexual_orientation",
    "claims_fraud_coaching",
    "claims_medical_advice",
    "claims_phi_disclosure",
    "claims_prior_auth_gaming",
    "claims_system_override",
    "denied_financial_advice",
    "denied_insults",
    "denied_legal_advice",
    "denied_medical_advice",
    "disability",
    "gender_sexual_orientation",
    "harm_toxic_abuse",
    "harm_toxic_abuse_au",
    "harm_toxic_abuse_de",
    "harm_toxic_abuse_es",
    "harm_toxic_abuse_fr",
    "harmful_child_safety",
    "harmful_illegal_weapons",
    "harmful_self_harm",
    "harmful_violence",
    "military_status",
    "prompt_injection_data_exfiltration",
    "prompt_injection_jailbreak",
    "prompt_injection_malicious_code",
    "prompt_injection_sql",
    "prompt_injection_system_prompt",
    "religion",
]


class ContentCategory(Model):
    """A category of texts that are blocked."""

    name: Category
    severity: Literal["Low", "Medium", "High"] | None = None


class ContentFilter(Model):
    """LiteLLM's own filter, which needs no service."""

    patterns: Annotated[list[Pattern], Field(max_length=64), map_key("name")] = []
    blocked_words: Annotated[list[BlockedWord], Field(max_length=256), map_key("word")] = []
    categories: Annotated[list[ContentCategory], Field(max_length=32), map_key("name")] = []

    @model_validator(mode="after")
    def _filters(self) -> "ContentFilter":
        if not (self.patterns or self.blocked_words or self.categories):
            raise refuse("set at least one of patterns, blockedWords and categories")
        return self


class OpenAIModeration(Model):
    """OpenAI's moderation."""

    model: Literal["omni-moderation-latest", "text-moderation-latest"] | None = None
    api_base: Url | None = None
    api_key_secret_ref: SecretKeyRef | None = None

    @model_validator(mode="after")
    def _rules(self) -> "OpenAIModeration":
        if self.api_base is not None:
            _check_url(self.api_base, "apiBase")
        return self


class Bedrock(Model):
    """A guardrail of Amazon Bedrock."""

    guardrail_id: Annotated[
        str,
        Field(min_length=1, max_length=64),
        Rule(r"[a-z0-9]+", "guardrailId must be lower-case letters and digits, as AWS shows it"),
    ]
    version: Annotated[
        str,
        Field(min_length=1, max_length=8),
        Rule(r"([1-9][0-9]*|DRAFT)", "version must be a number in quotes, such as '1', or DRAFT"),
    ]
    region: Annotated[
        str,
        Field(min_length=1, max_length=32),
        Rule(r"[a-z]+(-[a-z0-9]+)+", "region must be a region of AWS, such as eu-central-1"),
    ]
    endpoint: Url | None = None
    credentials: Credentials | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Bedrock":
        if self.endpoint is not None:
            _check_url(self.endpoint, "endpoint")
        return self


class Generic(Model):
    """Another service that LiteLLM knows."""

    type: Literal[
        "airia",
        "crowdstrike_aidr",
        "generic_guardrail_api",
        "grayswan",
        "noma_v2",
        "prompt_security",
        "promptguard",
        "singulr",
        "straiker",
    ]
    api_base: Url
    api_key_secret_ref: SecretKeyRef | None = None
    parameters: OpenObject | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Generic":
        _check_url(self.api_base, "apiBase")
        for key in sorted(_OWN.intersection(self.parameters or ())):
            raise refuse(f"parameters must not set {key}: use the fields of the guardrail")
        literals.check(self.parameters, "parameters")
        return self


_FORMS: Final = ("presidio", "content_filter", "openai_moderation", "bedrock", "generic")
_MODES: Final[dict[str, tuple[Mode, ...]]] = {
    "presidio": ("PreCall", "PostCall"),
    "content_filter": ("PreCall", "PostCall"),
    "openai_moderation": ("PreCall", "DuringCall", "PostCall"),
    "bedrock": ("PreCall", "DuringCall", "PostCall"),
    "generic": ("PreCall", "DuringCall", "PostCall"),
}
_AS_FIELD: Final = {
    "content_filter": "contentFilter",
    "openai_moderation": "openaiModeration",
}


class Guardrail(Block):
    """A guardrail: what it is, which calls pass through it, and when."""

    name: GuardrailName
    modes: Annotated[list[Mode], Field(min_length=1, max_length=3)]
    default: bool | None = None
    models: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=256)]],
            Field(min_length=1, max_length=64),
        ]
        | None
    ) = None
    on_failure: Literal["Block", "Allow"] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] | None = None
    presidio: Presidio | None = None
    content_filter: ContentFilter | None = None
    openai_moderation: Annotated[OpenAIModeration | None, Field(alias="openaiModeration")] = None
    bedrock: Bedrock | None = None
    generic: Generic | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Guardrail":
        given = [form for form in _FORMS if getattr(self, form) is not None]
        if len(given) != 1:
            raise refuse(
                "set exactly one of presidio, contentFilter, openaiModeration, bedrock and generic"
            )
        if len(set(self.modes)) != len(self.modes):
            raise refuse("modes must not list a mode twice")
        able = _MODES[given[0]]
        if wrong := [mode for mode in self.modes if mode not in able]:
            raise refuse(
                f"modes must not hold {wrong[0]} with {_AS_FIELD.get(given[0], given[0])}, which "
                f"can only do {' and '.join(able)}"
            )
        if self.presidio is not None and self.presidio.unmask and "PostCall" in self.modes:
            raise refuse(
                "presidio.unmask must not be set beside the mode PostCall, which masks what it "
                "puts back: remove one of the two"
            )
        if self.models is not None and not self.is_default:
            raise refuse(
                "models must not be set where default is false: name the guardrail in "
                "aiModels[].guardrails"
            )
        return self

    @property
    def is_default(self) -> bool:
        """Whether it is on without being named."""
        return self.default is not False


Guardrails = Annotated[list[Guardrail], Field(max_length=32), map_key("name")]


def check_names(guardrails: Sequence[Guardrail], models: Sequence[AIModel]) -> None:
    """Rejects names of guardrails and of models that there are not."""
    known = {guardrail.name for guardrail in guardrails}
    for i, model in enumerate(models):
        for j, name in enumerate(model.guardrails):
            if name not in known:
                raise refuse(
                    "it must be the name of one of spec.guardrails",
                    at=f".aiModels[{i}].guardrails[{j}]",
                )
    offered = {model.offered_as for model in models}
    wildcards = Wildcards(offered)
    for i, guardrail in enumerate(guardrails):
        for j, alias in enumerate(guardrail.models or ()):
            if alias not in offered and not any(wildcards.offering(alias)):
                raise refuse(
                    "it must be a model that the gateway offers: the alias of an entry of "
                    "aiModels, or its name if it has none",
                    at=f".guardrails[{i}].models[{j}]",
                )


def switched(guardrails: Sequence[Guardrail]) -> list[Guardrail]:
    """Those that are not switched off, in their order."""
    return [guardrail for guardrail in guardrails if switched_on(guardrail) is not None]
