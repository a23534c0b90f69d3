"""The arguments of the `litellm` command, and which of them a router may not add."""

from collections.abc import Mapping, Sequence
from typing import Final

from function import names
from function.api import literals
from function.errors import Refused

_OWN: Final = "the function sets it itself"
_PRINTS: Final = "it prints prompts and credentials to the log"
_NO_GATEWAY: Final = "the gateway would not start"
_MODELS: Final = "what is called is for spec.aiModels and spec.config to say"
_SERVER: Final = "the gate is made for uvicorn, the server that LiteLLM starts by itself"
_RESTARTS: Final = "LiteLLM refuses calls while it restarts"
_PLAIN: Final = "the probes and the Service speak plain HTTP"

REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("--config", "-c", "--port", "--host"), _OWN),
    **dict.fromkeys(("--debug", "--detailed_debug"), _PRINTS),
    **dict.fromkeys(
        (
            *("--version", "-v", "--health", "--test", "--test_async", "--num_requests"),
            *("--setup", "--skip_server_startup", "--validate_config", "--use_queue", "--reload"),
            "--help",
        ),
        _NO_GATEWAY,
    ),
    **dict.fromkeys(("--run_gunicorn", "--run_hypercorn", "--run_granian"), _SERVER),
    **dict.fromkeys(
        (
            *("--model", "-m", "--alias", "--api_base", "--api_version", "--add_key", "--headers"),
            *("--save", "--temperature", "--max_tokens", "--drop_params", "--max_budget"),
            *("--add_function_to_prompt", "--request_timeout"),
        ),
        _MODELS,
    ),
    **dict.fromkeys(
        ("--max_requests_before_restart", "--max_requests_before_restart_jitter"), _RESTARTS
    ),
    **dict.fromkeys(("--ssl_keyfile_path", "--ssl_certfile_path", "--ciphers"), _PLAIN),
}
"""Options that a router may not add, and why."""

_REFERENCE: Final = "$("
"""Where Kubernetes puts in a variable's value."""


def check(arguments: Sequence[str]) -> None:
    """Refuses arguments that the gateway could not keep its promises with.

    Raises:
        Refused: one is an option that a router may not add, might become one, or holds a
            credential.
    """
    for i, (option, value) in enumerate(literals.options(arguments)):
        where = f"spec.deployment.extraArgs[{i}]"
        named, is_value, _ = arguments[i].partition("=")
        if _REFERENCE in (named if is_value and named.startswith("--") else arguments[i]):
            raise Refused(
                names.REASON_INVALID_SPEC,
                f"{where} refers to a variable, which might hold any option: write "
                "--option=$(NAME), in one argument.",
            )
        if arguments[i].startswith("-"):
            # A short option may have its value right behind it.
            known = option if option.startswith("--") else option[:2]
            if why := REFUSED.get(known):
                raise Refused(
                    names.REASON_INVALID_SPEC,
                    f"{where} must not be {known}, since {why}: remove it.",
                )
        if literals.of_variable(option.lstrip("-"), value):
            raise Refused(
                names.REASON_INVALID_SPEC,
                f"{where} holds a literal credential: take it from a Secret with deployment.env, "
                "and write --option=$(NAME).",
            )
