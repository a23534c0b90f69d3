"""Prints the models for which LiteLLM knows a provider that their names do not say.

It is run by the Python of LiteLLM's environment. The answer is JSON, `{provider: [models]}`.
"""

# LiteLLM's packages are in its own environment alone.
# mypy: disable-error-code="import-not-found,import-untyped"

import json
import sys

import litellm


def main() -> None:
    """Prints the models by their providers."""
    litellm.suppress_debug_info = True
    found: dict[str, list[str]] = {}
    for name in sorted({*litellm.model_cost, *litellm.model_list_set} - {"sample_spec"}):
        if "/" in name and name.split("/")[0] in litellm.provider_list:
            continue
        try:
            model, provider, _, _ = litellm.get_llm_provider(name)
        except Exception:  # noqa: BLE001  # It knows none.
            continue
        if model == name:
            found.setdefault(provider, []).append(name)
    json.dump(dict(sorted(found.items())), sys.stdout, indent=0)
    print()  # noqa: T201  # A file ends with a line break.


if __name__ == "__main__":
    main()
