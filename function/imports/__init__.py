"""`modelrouter import`: what people run today, as ModelRouters that mean the same.

`files` reads what is given and finds out by its content what it is; `chart`, `ai_gateway`,
`home_operations` and `palena` turn what others describe a LiteLLM by into a `source`: LiteLLM's own
configuration, its environment, and fields that need no translation. `router` turns a source into a
ModelRouter, by way of a `draft`: `deployments` are the entries of the `model_list`, `fallbacks`,
`settings` and `mcp` the rest, `secrets` the credentials. `meaning` says what a configuration means,
so that `check` can compare the one given with the one that the function composes. `written` is how
it is printed.
"""
