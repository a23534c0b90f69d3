"""What LiteLLM needs so that access.py, beside its configuration, checks the keys of applications.

LiteLLM checks the lists of models that access.py gives it only where two settings say so, without a
word where they do not. Those that are needed are as they are, whatever `config` says; and none may
be set with which some calls would come in by another way, or a key or an answer go to others.
"""

from collections.abc import Mapping
from typing import Final

from function import names
from function.api import Router, Spec
from function.call import Manifest
from function.errors import Refused
from function.gateways.litellm import router_settings
from function.gateways.litellm.items import Path

MODULE: Final = "access.py"

REDIS_PASSWORD: Final = ("general_settings", "coordination_redis", "password")
"""Where the variable with the password of Redis stands."""

_FILE: Final = "/app/access/access.json"

_GENERAL: Final[Manifest] = {
    "custom_auth": "access.user_api_key_auth",
    "custom_auth_run_common_checks": True,
    # The router chose its fallbacks, so they answer for every model that has them.
    "enforce_fallback_model_access": False,
}
_LITELLM: Final[Manifest] = {"enable_post_custom_auth_checks": True}

_OTHER_WAYS_IN: Final = (
    *("allow_requests_on_db_unavailable", "allow_user_auth", "custom_auth_settings"),
    *("enable_jwt_auth", "enable_oauth2_auth", "enable_oauth2_proxy_auth"),
    *("pass_through_endpoints", "public_routes"),
)
_OTHERS_ANSWERS: Final = ("allow_unmanaged_response_ids", "disable_responses_id_security")
_FORWARDS_KEYS: Final = "forward_llm_provider_auth_headers"
_FORBIDDEN: Final[Mapping[tuple[str, str], str]] = {
    **{("general_settings", key): "calls would come in without a key" for key in _OTHER_WAYS_IN},
    **{
        ("general_settings", key): "applications would read one another's stored responses"
        for key in _OTHERS_ANSWERS
    },
    **{
        (section, _FORWARDS_KEYS): "providers would be sent the keys of applications"
        for section in ("general_settings", "litellm_settings")
    },
}

_RESERVED: Final = ("ACCESS_FILE", "ACCESS_ROUTER", "LEGACY_MULTI_INSTANCE_RATE_LIMITING")


def general_settings(spec: Spec) -> Manifest:
    """What `general_settings` say of it."""
    if spec.wanted_access is None:
        return {}
    if spec.shared_redis is None:
        return _GENERAL
    return {**_GENERAL, "coordination_redis": router_settings.coordination(spec.shared_redis)}


def litellm_settings(spec: Spec) -> Manifest:
    """What `litellm_settings` say of it."""
    return {} if spec.wanted_access is None else _LITELLM


def environment(router: Router) -> dict[str, str]:
    """The variables for it."""
    if router.spec.wanted_access is None:
        return {}
    # Several routers may share a Redis, where each counts what its applications spend.
    return {"ACCESS_FILE": _FILE, "ACCESS_ROUTER": f"{router.namespace}/{router.name}"}


def places(spec: Spec) -> tuple[Path, ...]:
    """Where the variable with the password of Redis may stand."""
    return () if spec.wanted_access is None else (REDIS_PASSWORD,)


def check(config: Manifest, spec: Spec) -> None:
    """Checks that the finished configuration leaves the checks of keys as they are.

    Raises:
        Refused: it does not.
    """
    if spec.wanted_access is None:
        return
    needed = {"general_settings": general_settings(spec), "litellm_settings": _LITELLM}
    for section, settings in needed.items():
        for key, value in settings.items():
            said = (config.get(section) or {}).get(key)
            if said != value or isinstance(said, bool) is not isinstance(value, bool):
                raise _broken(section, key, "must be left as it is, since spec.access needs it")
    for (section, key), why in _FORBIDDEN.items():
        if (config.get(section) or {}).get(key):
            raise _broken(section, key, f"must not be set with spec.access: {why}")


def check_variables(spec: Spec) -> None:
    """Checks that the user's own variables leave them as they are.

    Raises:
        Refused: they do not.
    """
    if spec.wanted_access is None:
        return
    for i, variable in enumerate(spec.deployment.env):
        if variable.name in _RESERVED:
            raise Refused(
                names.REASON_INVALID_SPEC,
                f"spec.deployment.env[{i}] sets {variable.name}, without which spec.access does "
                "not work: remove it.",
            )


def _broken(section: str, key: str, what: str) -> Refused:
    return Refused(
        names.REASON_CONFIG_BROKEN,
        f"spec.config: in the result, /{section}/{key} {what}; fix merge or remove.",
    )
