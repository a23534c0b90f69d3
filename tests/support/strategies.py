"""Random ModelRouter specs, such as the API accepts and such as it must refuse."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

from function.gateways.litellm import providers

_word = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
_text = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cn", "Cs"]), max_size=8)
_variable = st.from_regex(r"[A-Z_][A-Z0-9_]{0,12}", fullmatch=True)
_key_of = st.fixed_dictionaries({"name": _word, "key": _variable})

_keys = st.dictionaries(
    st.sampled_from(["OPENAI_API_KEY", "AZURE_API_KEY", "AZURE_API_BASE", "AWS_REGION_NAME"]),
    st.sampled_from(["OPENAI_API_KEY", "AZURE_API_KEY", "key", "text", "more.keys"]),
    max_size=3,
)
_credentials = st.fixed_dictionaries(
    {},
    optional={
        "secretRef": st.fixed_dictionaries(
            {"name": st.sampled_from(["keys", "more-keys", "keys.text"])}, optional={"keys": _keys}
        )
    },
) | st.fixed_dictionaries({"source": st.sampled_from(["Secret", "WorkloadIdentity", "None"])})
_provider = st.sampled_from(["openai", "azure", "azure_ai", "bedrock", "mistral", "opnai"])
_model_id = st.from_regex(r"[!-~]{1,20}", fullmatch=True)

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | _word,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_word, inner, max_size=3),
    max_leaves=5,
)
_open = st.dictionaries(
    st.sampled_from(["temperature", "seed", "stop", "ours", "temprature", "tempratur"]),
    _json,
    max_size=3,
)
_limit = st.integers(1, 2**31 - 1)
# No call lasts longer than an hour, whatever is drawn of these.
_seconds, _retries = st.integers(1, 600), st.integers(0, 5)


def _with_sense(model: dict[str, Any]) -> dict[str, Any]:
    """A model whose alias has as many wildcards as its name, and whose endpoint someone gives."""
    if "alias" in model:
        plain = model["alias"].replace("*", "x")
        model["alias"] = plain + "*" * model["name"].count("*")
    if model["name"].startswith("azure"):
        model.setdefault("apiBase", "https://mine.example.com")
    return model


def _identity(model: dict[str, Any]) -> str:
    """The same for two entries that differ in the order of their fields alone, or in 1 and 1.0."""
    doubles = json.loads(json.dumps(model), parse_int=_double, parse_float=_double)
    return json.dumps(doubles, sort_keys=True)


def _double(text: str) -> float:
    return float(text) + 0.0  # No -0.0.


models = st.fixed_dictionaries(
    {"name": st.builds("{}/{}".format, _provider, _model_id)},
    optional={
        "alias": st.from_regex(r"[!-)+-~]([ -)+-~]{0,10}[!-)+-~])?", fullmatch=True),
        "apiBase": st.builds(
            "http{}://{}:{}/v1".format, st.sampled_from(["", "s"]), _word, st.integers(1, 65535)
        ),
        "apiVersion": _word,
        "credentials": _credentials,
        "rpm": _limit,
        "tpm": _limit,
        "maxParallelRequests": _limit,
        "weight": st.integers(1, 1000000),
        "timeoutSeconds": _seconds,
        "maxRetries": _retries,
        "parameters": _open,
        "info": _open,
    },
).map(_with_sense)

_source = st.one_of(
    st.builds(lambda ref: {"secretKeyRef": ref}, _key_of),
    st.builds(lambda ref: {"configMapKeyRef": ref}, _key_of),
    st.just({"fieldRef": {"fieldPath": "status.podIP"}}),
    st.just({"resourceFieldRef": {"resource": "limits.memory"}}),
)
_env = st.one_of(
    st.fixed_dictionaries({"name": _variable}, optional={"value": _text}),
    st.fixed_dictionaries({"name": _variable, "valueFrom": _source}),
)
_env_from: st.SearchStrategy[dict[str, Any]] = st.one_of(
    *(
        st.fixed_dictionaries(
            {kind: st.fixed_dictionaries({"name": _word}, optional={"optional": st.booleans()})},
            optional={"prefix": _variable},
        )
        for kind in ("secretRef", "configMapRef")
    )
)
_requests = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from([1, 2, "500m"]))
_limits = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from([2, "1Gi", "2.5"]))
_deployment = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["ghcr.io/berriai/litellm:v1.2.3", "mine@sha256:0"]),
        "replicas": st.integers(0, 1000),
        "resources": st.fixed_dictionaries({}, optional={"requests": _requests, "limits": _limits}),
        "env": st.lists(_env, max_size=4, unique_by=lambda variable: variable["name"]),
        "envFrom": st.lists(_env_from, max_size=2),
        "serviceAccountName": _word,
        "automountServiceAccountToken": st.booleans(),
        "imagePullPolicy": st.sampled_from(["Always", "IfNotPresent", "Never"]),
        "imagePullSecrets": st.lists(
            st.builds(lambda name: {"name": name}, _word), max_size=2, unique_by=str
        ),
        "extraArgs": st.sampled_from([[], ["--limit_concurrency", "100"]]),
        "nodeSelector": st.dictionaries(_word, _word, max_size=2),
        "priorityClassName": _word,
        "terminationGracePeriodSeconds": st.integers(30, 7200),
        "topologySpreadConstraints": st.lists(
            st.fixed_dictionaries(
                {
                    "maxSkew": st.integers(1, 5),
                    "topologyKey": _word,
                    "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
                }
            ),
            max_size=2,
            unique_by=lambda spread: spread["topologyKey"],
        ),
        "hostAliases": st.sampled_from([[], [{"ip": "10.0.0.1", "hostnames": ["a.b"]}]]),
        "dnsConfig": st.just({"searches": ["internal"]}),
    },
)
_service = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
        "port": st.integers(1, 65535),
        "annotations": st.dictionaries(_word, st.just("a"), max_size=2),
        "appProtocol": st.sampled_from(["http", "kubernetes.io/h2c"]),
    },
)
_budget = st.fixed_dictionaries(
    {"minAvailable": st.sampled_from([0, 1, "50%"])}, optional={"enabled": st.booleans()}
)
_metadata = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(_word, _word, max_size=3),
        "annotations": st.dictionaries(_word, _text, max_size=3),
    },
)

_routing = st.fixed_dictionaries(
    {},
    optional={
        "strategy": st.sampled_from(["simple-shuffle", "least-busy", "usage-based-routing-v2"]),
        "retries": _retries,
        "timeoutSeconds": _seconds,
        "allowedFailures": st.integers(0, 5),
        "cooldownSeconds": st.integers(0, 60),
    },
)
_redis = st.fixed_dictionaries(
    {"host": _word},
    optional={
        "enabled": st.booleans(),
        "tls": st.booleans(),
        "port": st.integers(1, 65535),
        "passwordSecretRef": _key_of,
    },
)
_cache = st.fixed_dictionaries(
    {}, optional={"enabled": st.booleans(), "ttlSeconds": st.integers(1, 604800)}
)
_config = st.fixed_dictionaries(
    {},
    optional={
        "merge": st.fixed_dictionaries(
            {},
            optional={
                "litellm_settings": _open,
                "router_settings": st.fixed_dictionaries({}, optional={"timeout": _limit}),
                "ours": _json,
            },
        ),
        "remove": st.lists(
            st.sampled_from(["/litellm_settings", "/router_settings/num_retries", "/a~1b/0"]),
            max_size=3,
        ),
    },
)

_selector = st.fixed_dictionaries(
    {}, optional={"matchLabels": st.dictionaries(_word, _word, max_size=2)}
)
_cidr = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "2001:db8::/32"])
_excepted = st.sampled_from([("10.0.0.0/8", "10.1.0.0/16"), ("::/0", "2001:DB8::/32")])
_peer = st.one_of(
    st.builds(lambda selector: {"podSelector": selector}, _selector),
    st.builds(lambda selector: {"namespaceSelector": selector}, _selector),
    st.fixed_dictionaries({"podSelector": _selector, "namespaceSelector": _selector}),
    st.builds(lambda cidr: {"ipBlock": {"cidr": cidr}}, _cidr),
    st.builds(lambda two: {"ipBlock": {"cidr": two[0], "except": [two[1]]}}, _excepted),
)
_network_policy = st.fixed_dictionaries(
    {"from": st.lists(_peer, min_size=1, max_size=3)}, optional={"enabled": st.booleans()}
)
_host = st.sampled_from(["llm.example.com", "*.example.com", "localhost", "1.example", "a-1.x-y"])
# No credentials, which are refused there.
_notes = st.dictionaries(
    st.sampled_from(["a", "example.com/b"]), st.sampled_from(["", "600s", "é x"]), max_size=2
)
_ingress = st.fixed_dictionaries(
    {"hosts": st.lists(_host, min_size=1, max_size=3)},
    optional={
        "enabled": st.booleans(),
        "className": _word,
        "path": st.sampled_from(["/", "/v1", "/v1/", "/a.b/~c/-_"]),
        "tls": st.fixed_dictionaries({}, optional={"secretName": _word}),
        "annotations": _notes,
    },
)
_parent = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b.c"])},
    optional={
        "namespace": st.sampled_from(["a", "b"]),
        "sectionName": st.sampled_from(["a", "b"]),
    },
)


def _gateway(parent: dict[str, str]) -> tuple[str, str]:
    return parent.get("namespace", ""), parent["name"]


_http_route = st.fixed_dictionaries(
    {"parentRefs": st.lists(_parent, min_size=1, max_size=3, unique_by=_gateway)},
    optional={
        "enabled": st.booleans(),
        "hostnames": st.lists(_host, min_size=1, max_size=3),
        "annotations": _notes,
    },
)

_scrapes = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "labels": st.dictionaries(_word, _word, max_size=3),
        "intervalSeconds": st.integers(30, 3600),
        "scrapeTimeoutSeconds": st.integers(1, 30),
    },
)
_metrics = st.fixed_dictionaries(
    {}, optional={"enabled": st.booleans(), "serviceMonitor": _scrapes}
)

_tracing = st.fixed_dictionaries(
    {"endpoint": st.sampled_from(["http://collector:4318", "https://[::1]/otlp"])},
    optional={
        "enabled": st.booleans(),
        "protocol": st.sampled_from(["GRPC", "HTTP"]),
        "headersSecretRef": _key_of,
        "captureContent": st.booleans(),
    },
)
_tools = st.lists(st.sampled_from(["search", "read.page", "a-b"]), min_size=1, max_size=3)
_mcp_header: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.sampled_from(["X-Team", "x_b"]), "value": _word}
) | st.fixed_dictionaries({"name": st.just("X-Token"), "valueSecretRef": _key_of})
_mcp_server: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["docs", "files_2", "a"]),
        "url": st.sampled_from(["https://mcp.example.com/mcp", "http://[::1]:8080"]),
    },
    optional={
        "transport": st.sampled_from(["HTTP", "SSE"]),
        "auth": st.sampled_from(["bearerSecretRef", "apiKeySecretRef"]).flatmap(
            lambda kind: st.fixed_dictionaries({kind: _key_of})
        ),
        "headers": st.lists(_mcp_header, max_size=3, unique_by=lambda header: str(header["name"])),
    },
)
_mcp_tools: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"allowedTools": _tools}),
    st.fixed_dictionaries({"disallowedTools": _tools}),
    st.just({}),
)
_mcp_servers = st.lists(
    st.builds(lambda server, tools: {**server, **tools}, _mcp_server, _mcp_tools),
    max_size=3,
    unique_by=lambda server: str(server["name"]),
)
_action = st.sampled_from(["Mask", "Block"])
_guardrail_forms: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda action: {
            "contentFilter": {
                "blockedWords": [{"word": "zebra", "action": action}],
                "patterns": [{"name": "email", "action": action}],
            }
        },
        _action,
    ),
    st.builds(
        lambda action, percent: {
            "presidio": {
                "analyzerUrl": "http://analyzer:3000",
                "anonymizerUrl": "http://anonymizer:3000",
                "entities": [{"type": "PERSON", "action": action, "thresholdPercent": percent}],
            }
        },
        _action,
        st.integers(0, 100),
    ),
    st.builds(lambda ref: {"openaiModeration": {"apiKeySecretRef": ref}}, _key_of),
    st.just({"bedrock": {"guardrailId": "abc", "version": "1", "region": "eu-central-1"}}),
)
_guardrail: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b-2", "c"]),
        "modes": st.sampled_from([["PreCall"], ["PreCall", "PostCall"]]),
    },
    optional={
        "enabled": st.booleans(),
        "default": st.booleans(),
        "onFailure": st.sampled_from(["Block", "Allow"]),
        "timeoutSeconds": st.integers(1, 60),
    },
)
_guardrails = st.lists(
    st.builds(lambda guardrail, form: {**guardrail, **form}, _guardrail, _guardrail_forms),
    max_size=3,
    unique_by=lambda guardrail: str(guardrail["name"]),
)
_logging = st.fixed_dictionaries(
    {},
    optional={
        "level": st.sampled_from(["Info", "Warning", "Error"]),
        "format": st.sampled_from(["Text", "JSON"]),
    },
)

_plain_specs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"aiModels": st.lists(models, min_size=1, max_size=6, unique_by=_identity)},
    optional={
        "port": st.integers(1, 65535),
        "credentials": _credentials,
        "auth": st.builds(lambda ref: {"masterKeySecretRef": ref}, _key_of),
        "deployment": _deployment,
        "service": _service,
        "podDisruptionBudget": _budget,
        "commonMetadata": _metadata,
        "podMetadata": _metadata,
        "guardrails": _guardrails,
        "mcpServers": _mcp_servers,
        "routing": _routing,
        "redis": _redis,
        "cache": _cache,
        "config": _config,
        "networkPolicy": _network_policy,
        "ingress": _ingress,
        "httpRoute": _http_route,
        "metrics": _metrics,
        "tracing": _tracing,
        "logging": _logging,
    },
)


@st.composite
def _with_groups(draw: st.DrawFn) -> dict[str, Any]:
    """A spec in which some entries of a group stand by or take no calls, and some do."""
    spec = draw(_plain_specs)
    shuffles = spec.get("routing", {}).get("strategy", "simple-shuffle") == "simple-shuffle"
    serving, entries = set[str](), []
    for i, model in enumerate(spec["aiModels"]):
        name = model.get("alias", model["name"])
        role = draw(st.sampled_from(["serves", "left out", "stands by"]))
        # A limit of its own keeps it from being the same as another one.
        if name not in serving or role == "serves":
            serving.add(name)
            entries.append(model)
        elif role == "left out":
            entries.append({**model, "weight": 0, "tpm": i + 1})
        elif shuffles:
            without = {key: value for key, value in model.items() if key != "weight"}
            entries.append({**without, "standby": True, "tpm": i + 1})
    return {**spec, "aiModels": entries}


@st.composite
def _with_fallbacks(draw: st.DrawFn) -> dict[str, Any]:
    """A spec with fallbacks among the models that it offers, by themselves or by wildcards."""
    spec = draw(_with_groups())
    offered = {model.get("alias", model["name"]) for model in spec["aiModels"]}
    plain = sorted({name.replace("*", "x") for name in offered})
    fallbacks = [
        {"model": name, "when": when, "to": to[:8]}
        for name in [*plain, "*"]
        for when in ("Failure", "ContextWindow", "ContentPolicy")
        if draw(st.booleans()) and (to := [other for other in plain if other != name])
    ]
    if fallbacks:
        routing = spec.get("routing", {})
        spec = {**spec, "routing": {**routing, "fallbacks": fallbacks}}
    return spec


specs = _with_fallbacks()
"""Specs that the API accepts."""


@st.composite
def _offer(draw: st.DrawFn) -> dict[str, Any]:
    """An entry of any provider, with a base where it must have one, or may."""
    name = draw(st.sampled_from([name for name in providers.known() if name != "vllm"]))
    provider = providers.find(name)
    entry: dict[str, Any] = {"name": f"{name}/m{draw(st.integers(0, 99))}"}
    if provider.base or (not provider.ignores_base and draw(st.booleans())):
        entry["apiBase"] = "https://mine.example.com"
    if draw(st.booleans()):
        entry["credentials"] = draw(_credentials)
    return entry


offers = st.fixed_dictionaries(
    {"aiModels": st.lists(_offer(), min_size=1, max_size=8, unique_by=_identity)},
    optional={"credentials": _credentials},
)
"""Specs that offer models of any of LiteLLM's providers, side by side."""

_scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_anything = st.recursive(
    _scalar,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "aiModels", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:  # noqa: ANN401  # Anything at all, that is the point.
    """A spec, or a composite resource's part, with something anywhere replaced by anything."""
    spec = copy.deepcopy(draw(specs))  # Its parts may be the strategies' own.
    node: Any = spec
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return spec
        key = draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and draw(st.booleans()):
            node = node[key]
            continue
        node[key] = draw(_anything)
        return spec
