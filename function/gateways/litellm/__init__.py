"""The LiteLLM proxy as a gateway.

`gateway` makes the plan. A router's `aiModels` become `entries` (each with its provider, `groups`,
and how its `credentials` reach it); `config` writes them and the `router_settings` down as
LiteLLM's config.yaml; `overrides` changes that as the router asks, and `warnings` says which
entries LiteLLM may not be able to use. `providers` and `known_keys` are tables of facts about
LiteLLM. `yaml_text` writes YAML.
"""
