"""No way round a platform team's policy: it is applied to what is finally composed."""

import copy
import itertools
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function import globs, names
from function.api.policy import OptionalKind
from function.call import Manifest, Request, Response
from function.compose import compose
from function.kept import Kept
from function.policy.hosts import hosts_in
from function.resources import KINDS
from tests.support.world import World, router, secret

OPENAI = {"name": "openai/gpt-4o"}
VLLM = {"name": "hosted_vllm/qwen", "apiBase": "http://vllm.ml.svc:8000/v1"}
AZURE = {"name": "azure/gpt-4o"}
ONLY_AZURE = {"providers": {"allowed": ["azure"]}}
HOSTS = {"hosts": {"allowed": ["*.openai.azure.com", "*.ml.svc"]}}
BASE = "https://mine.openai.azure.com"
EVIL = "https://evil.example.com"


def judged(policy: Manifest, *secrets: Manifest, **spec: Any) -> Response:  # noqa: ANN401
    """What a router is answered under a policy of the Composition."""
    world = World(router(**copy.deepcopy(spec)), settings={"policy": policy})
    world.add(*secrets)
    return world.reconcile()


def refusal(policy: Manifest, *secrets: Manifest, **spec: Any) -> str:  # noqa: ANN401
    answer = judged(policy, *secrets, **spec)
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_POLICY_VIOLATED
    assert not answer.resources
    return answer.refusal.message


def model(called: str, **params: Any) -> Manifest:  # noqa: ANN401
    return {"model_name": "m", "litellm_params": {"model": called, **params}}


def merged(**patch: Any) -> Manifest:  # noqa: ANN401
    return {"config": {"merge": patch}}


def env(**variables: str) -> Manifest:
    return {"deployment": {"env": [{"name": k, "value": v} for k, v in variables.items()]}}


def from_secret(name: str, key: str = "k") -> Manifest:
    ref = {"secretKeyRef": {"name": "s", "key": key}}
    return {"deployment": {"env": [{"name": name, "valueFrom": ref}]}}


UNSEEN: dict[str, Manifest] = {
    "deployment.envFrom": {"deployment": {"envFrom": [{"secretRef": {"name": "s"}}]}},
    "deployment.extraArgs": {"deployment": {"extraArgs": ["--local"]}},
    "deployment.volumeMounts": {
        "deployment": {
            "volumes": [{"name": "v", "configMap": {"name": "c"}}],
            "volumeMounts": [{"name": "v", "mountPath": "/usr/lib/python3/site.py"}],
        }
    },
    "deployment.hostAliases": {
        "deployment": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["api.openai.com"]}]}
    },
    "deployment.dnsConfig": {"deployment": {"dnsConfig": {"nameservers": ["10.0.0.1"]}}},
    "deployment.image": {"deployment": {"image": "evil.example.com/litellm:1"}},
    "patches.deployment": {
        "patches": {"deployment": {"merge": {"spec": {"progressDeadlineSeconds": 9}}}}
    },
}
"""Fields through which a router could call anything."""

PLACES: dict[str, Manifest] = {
    "a volume": {"deployment": {"volumes": [{"name": "v", "secret": {"secretName": "other"}}]}},
    "a projected volume": {
        "deployment": {
            "volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "other"}}]}}]
        }
    },
    "envFrom": {"deployment": {"envFrom": [{"secretRef": {"name": "other"}}]}},
    "pull secrets": {"deployment": {"imagePullSecrets": [{"name": "other"}]}},
    "TLS": {"ingress": {"hosts": ["a.example.com"], "tls": {"secretName": "other"}}},
    "the master key": {"auth": {"masterKeySecretRef": {"name": "other", "key": "k"}}},
}
"""Where a Secret can be named."""

VIOLATIONS: list[tuple[str, Manifest, Manifest, str]] = [
    (
        "a provider that is not allowed",
        ONLY_AZURE,
        {"aiModels": [{**AZURE, "apiBase": BASE}, OPENAI]},
        "spec.aiModels[1] calls openai/gpt-4o, of the provider openai, which is not allowed: "
        "choose another provider, or ask the platform team (policy.providers.allowed).",
    ),
    (
        "a provider that is denied, however it is written",
        {"providers": {"denied": ["OpenAI"]}},
        {},
        "(policy.providers.denied)",
    ),
    (
        "a model that the configuration brings",
        {"providers": {"denied": ["deepseek"]}},
        {
            "aiModels": [VLLM],
            "credentials": {"source": "None"},
            **merged(model_list=[model("deepseek/chat", api_base=EVIL)]),
        },
        "/model_list/0 of config.yaml calls deepseek/chat, of the provider deepseek",
    ),
    (
        "a model that is denied",
        {"models": {"denied": ["openai/gpt-4*"]}},
        {},
        "spec.aiModels[0] calls openai/gpt-4o, which is not allowed: choose another model, or ask "
        "the platform team (policy.models.denied).",
    ),
    (
        "a wildcard that stands for a denied model as well",
        {"models": {"denied": ["openai/o1*"]}},
        {"aiModels": [{"name": "openai/*"}]},
        "spec.aiModels[0] calls openai/*",
    ),
    (
        "a wildcard that stands for more than is allowed",
        {"models": {"allowed": ["openai/gpt-*"]}},
        {"aiModels": [{"name": "openai/*"}]},
        "(policy.models.allowed)",
    ),
    (
        "a fallback in an entry's parameters, which LiteLLM follows by itself",
        {"providers": {"denied": ["deepseek"]}},
        {"aiModels": [{**OPENAI, "parameters": {"fallbacks": ["deepseek/deepseek-chat"]}}]},
        "fallbacks of spec.aiModels[0] calls *",
    ),
    (
        "a list of models in an entry's parameters",
        {"models": {"allowed": ["openai/*"]}},
        {"aiModels": [{**OPENAI, "parameters": {"model_list": [model("groq/x")]}}]},
        "model_list of spec.aiModels[0] calls *",
    ),
    (
        "a host in apiBase",
        HOSTS,
        {"aiModels": [{**AZURE, "apiBase": EVIL}]},
        "litellm_params/api_base of spec.aiModels[0] names evil.example.com, which is not allowed: "
        "choose another host, or ask the platform team (policy.hosts.allowed).",
    ),
    (
        "an MCP server's host",
        HOSTS,
        {"aiModels": [AZURE], "mcpServers": [{"name": "docs", "url": f"{EVIL}/mcp"}]},
        "mcp_servers/docs/url of config.yaml names evil.example.com, which is not allowed",
    ),
    (
        "the host of a guardrail",
        HOSTS,
        {
            "aiModels": [AZURE],
            "guardrails": [
                {"name": "a", "modes": ["PreCall"]}
                | {"generic": {"type": "straiker", "apiBase": EVIL}}
            ],
        },
        "guardrails/0/litellm_params/api_base of config.yaml names evil.example.com, which is not "
        "allowed",
    ),
    (
        "the host of a guardrail that names none",
        HOSTS,
        {
            "aiModels": [AZURE],
            "guardrails": [{"name": "a", "modes": ["PreCall"], "openaiModeration": {}}],
        },
        "guardrails/0/litellm_params/api_base of config.yaml names api.openai.com, which is not "
        "allowed",
    ),
    (
        "a host that only begins like an allowed one",
        {"hosts": {"allowed": ["openai.azure.com"]}},
        {"aiModels": [{**AZURE, "apiBase": "https://openai.azure.com.evil.example.com"}]},
        "names openai.azure.com.evil.example.com",
    ),
    (
        "a host in another parameter",
        HOSTS,
        {
            "aiModels": [
                {"name": "bedrock/a.b", "parameters": {"aws_bedrock_runtime_endpoint": EVIL}}
            ]
        },
        "litellm_params/aws_bedrock_runtime_endpoint of spec.aiModels[0] names evil.example.com",
    ),
    (
        "a host in a region",
        HOSTS,
        {"aiModels": [{"name": "bedrock/a.b", "parameters": {"aws_region_name": "x.evil.com/"}}]},
        "litellm_params/aws_region_name of spec.aiModels[0] names a text that is no host",
    ),
    (
        "a host in the region of an ARN",
        HOSTS,
        {"aiModels": [{"name": "bedrock/arn:aws:bedrock:evil.example.com/x:1:y"}]},
        "The model of spec.aiModels[0] names a text that is no host",
    ),
    (
        "a host in the configuration",
        HOSTS,
        {
            "aiModels": [{**AZURE, "apiBase": BASE}],
            **merged(litellm_settings={"default_team_settings": [{"langfuse_host": EVIL}]}),
        },
        "litellm_settings/default_team_settings/0/langfuse_host of config.yaml names",
    ),
    (
        "a host in Redis, which sees the prompts",
        HOSTS,
        {"redis": {"host": "redis.example.com"}},
        "router_settings/redis_host of config.yaml names redis.example.com",
    ),
    (
        "a host in a variable that the base names",
        HOSTS,
        {
            "aiModels": [{**AZURE, "parameters": {"x_url": "os.environ/V"}, "apiBase": BASE}],
            **env(V=EVIL),
        },
        "names evil.example.com",
    ),
    (
        "a URL in any variable",
        {**HOSTS, "fields": {"unseen": ["deployment.env"]}},
        env(ANY=f"at {EVIL}/x"),
        "The variable ANY of the pods names evil.example.com",
    ),
    (
        "a host in a variable that nothing sets",
        HOSTS,
        {
            "aiModels": [
                {
                    "name": "bedrock/a.b",
                    "parameters": {"aws_bedrock_runtime_endpoint": "os.environ/NOWHERE"},
                }
            ]
        },
        "is the value of the variable NOWHERE, which nothing sets",
    ),
    (
        "a proxy of the router's own",
        HOSTS,
        {"outbound": {"proxy": {"url": "http://proxy.example.com:3128"}}},
        "_PROXY of the pods names proxy.example.com, which is not allowed",
    ),
    (
        "a proxy without a scheme in a variable",
        HOSTS,
        env(HTTPS_PROXY="evil.example.com:3128"),
        "The variable HTTPS_PROXY of the pods names evil.example.com",
    ),
    (
        "a host put together from other variables",
        HOSTS,
        env(HTTPS_PROXY="http://$(TZ)", TZ="evil.example.com"),
        "The variable HTTPS_PROXY of the pods takes a host from the variable HTTPS_PROXY, whose "
        "value cannot be judged: write the host itself",
    ),
    (
        "a host in a ConfigMap",
        HOSTS,
        {
            "deployment": {
                "env": [
                    {
                        "name": "HTTPS_PROXY",
                        "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}},
                    }
                ]
            }
        },
        "whose value cannot be judged",
    ),
    (
        "a variable that LiteLLM reads beside its configuration",
        ONLY_AZURE,
        {"aiModels": [{**AZURE, "apiBase": BASE}], **env(DATABASE_URL="postgresql://db/x")},
        "spec.deployment.env[0].name is DATABASE_URL, which neither config.yaml nor a called "
        "provider names, and which could change what is called: remove it, or ask the platform "
        "team (policy.fields.unseen).",
    ),
    (
        "such a variable in the configuration",
        ONLY_AZURE,
        {
            "aiModels": [{**AZURE, "apiBase": BASE}],
            **merged(environment_variables={"DATABASE_URL": "postgresql://db/x"}),
        },
        "environment_variables of config.yaml sets DATABASE_URL, which could change what is called",
    ),
    (
        "models that every call falls back to",
        ONLY_AZURE,
        {
            "aiModels": [{**AZURE, "apiBase": BASE}],
            **merged(router_settings={"default_litellm_params": {"fallbacks": ["groq/x"]}}),
        },
        "fallbacks of default_litellm_params of config.yaml calls *",
    ),
    (
        "a service that learns of calls at a host of its own",
        HOSTS,
        merged(litellm_settings={"success_callback": ["langfuse"]}),
        "success_callback of litellm_settings of config.yaml sends calls to langfuse, whose "
        "host no rule can see: remove it",
    ),
    (
        "a host among the nodes of a cache",
        HOSTS,
        merged(litellm_settings={"cache_params": {"sentinel_nodes": [["evil.example.com", 1]]}}),
        "litellm_settings/cache_params/sentinel_nodes/0/0 of config.yaml names evil.example.com",
    ),
    (
        "a proxy that another container's variable of the same name would hide",
        {**HOSTS, "fields": {"unseen": ["patches.deployment"]}},
        {
            **env(HTTPS_PROXY="http://evil.example.com"),
            "patches": {
                "deployment": {
                    "merge": {
                        "spec": {
                            "template": {
                                "spec": {
                                    "initContainers": [
                                        {
                                            "name": "a",
                                            "image": "a",
                                            "env": [
                                                {"name": "HTTPS_PROXY", "value": "http://a.ml.svc"}
                                            ],
                                        }
                                    ]
                                }
                            }
                        }
                    }
                }
            },
        },
        "The variable HTTPS_PROXY of the pods names evil.example.com",
    ),
    (
        "a cache at a host that no one names",
        HOSTS,
        merged(litellm_settings={"cache_params": {"type": "s3", "s3_bucket_name": "b"}}),
        "cache_params of litellm_settings of config.yaml sends calls to s3, whose host no rule",
    ),
    (
        "a vault that gives variables other values",
        HOSTS,
        merged(general_settings={"key_management_system": "hashicorp_vault"}),
        "key_management_system of general_settings of config.yaml sends calls to hashicorp_vault",
    ),
    (
        "a guardrail that learns of calls at a host of its own",
        HOSTS,
        merged(guardrails=[{"guardrail_name": "g", "litellm_params": {"guardrail": "lakera_v2"}}]),
        "guardrails of config.yaml sends calls to g, whose host no rule can see",
    ),
    (
        "an open gate",
        ONLY_AZURE,
        {"aiModels": [{**AZURE, "apiBase": BASE}], **env(GATE_OPEN_ROUTES="/openai/*")},
        "is GATE_OPEN_ROUTES",
    ),
    *(
        (
            f"{field}, through which a router could call anything",
            ONLY_AZURE,
            {"aiModels": [{**AZURE, "apiBase": BASE}], **spec},
            f"spec.{field} could change what is called where no rule",
        )
        for field, spec in UNSEEN.items()
    ),
    (
        "an image",
        {"images": {"allowed": ["ghcr.io/berriai/*"]}},
        {"deployment": {"image": "ghcr.io/evil/litellm:1"}},
        "spec.deployment.image is ghcr.io/evil/litellm:1, which is not allowed: choose another "
        "image, or ask the platform team (policy.images.allowed).",
    ),
    (
        "an image without a registry, which is Docker Hub's",
        {"images": {"allowed": ["litellm/*"]}},
        {"deployment": {"image": "litellm/litellm"}},
        "(policy.images.allowed)",
    ),
    (
        "an image without a digest",
        {"images": {"requireDigest": True}},
        {},
        "without a digest: add @sha256:",
    ),
    (
        "the image of a container that a patch adds",
        {"images": {"allowed": ["ghcr.io/berriai/*"]}},
        {
            "patches": {
                "deployment": {
                    "merge": {
                        "spec": {
                            "template": {
                                "spec": {"initContainers": [{"name": "a", "image": "evil"}]}
                            }
                        }
                    }
                }
            }
        },
        "spec.deployment.image is evil, which is not allowed",
    ),
    (
        "too many replicas",
        {"limits": {"replicas": 3}},
        {"deployment": {"replicas": 4}},
        "spec.deployment.replicas is 4, above the limit of 3: lower it, or ask the platform team "
        "(policy.limits.replicas).",
    ),
    (
        "too many replicas by autoscaling",
        {"limits": {"replicas": 3}},
        {"autoscaling": {"minReplicas": 1, "maxReplicas": 4}},
        "spec.autoscaling.maxReplicas is 4",
    ),
    (
        "too much memory",
        {"limits": {"memory": "1Gi"}},
        {"deployment": {"resources": {"limits": {"memory": "2Gi"}}}},
        "spec.deployment.resources.limits.memory is above the limit of 1Gi for the containers of a "
        "pod together: lower it, or ask the platform team (policy.limits.memory).",
    ),
    (
        "no limit of memory",
        {"limits": {"memory": "1Gi"}},
        {"deployment": {"resources": {"limits": {"cpu": 1}}}},
        "spec.deployment.resources.limits.memory is not set, and the limit is 1Gi: set it",
    ),
    (
        "resources by a patch",
        {"limits": {"cpu": 4}},
        {
            "patches": {
                "deployment": {
                    "merge": {
                        "spec": {
                            "template": {
                                "spec": {
                                    "initContainers": [
                                        {
                                            "name": "a",
                                            "image": "b",
                                            "resources": {"limits": {"cpu": "3"}},
                                        }
                                    ]
                                }
                            }
                        }
                    }
                }
            }
        },
        "spec.deployment.resources.limits.cpu is above the limit of 4",
    ),
    ("too many models", {"limits": {"models": 1}}, {"aiModels": [OPENAI, VLLM]}, "2 models"),
    (
        "too many models by the configuration",
        {"limits": {"models": 1}},
        merged(model_list=[model("openai/a"), model("openai/b")]),
        "spec.aiModels gives the gateway 2 models, above the limit of 1: offer fewer",
    ),
    (
        "a call that takes too long",
        {"limits": {"callSeconds": 60}},
        {"aiModels": [{**OPENAI, "timeoutSeconds": 61}], "routing": {"timeoutSeconds": 60}},
        "timeout of spec.aiModels[0] is 61 seconds, above the limit of 60",
    ),
    (
        "a call that takes too long by the configuration",
        {"limits": {"callSeconds": 60}},
        {"routing": {"timeoutSeconds": 60}, **merged(litellm_settings={"request_timeout": 61})},
        "request_timeout of litellm_settings of config.yaml is 61 seconds",
    ),
    (
        "a field",
        {"fields": {"denied": ["config"]}},
        merged(litellm_settings={"drop_params": True}),
        "spec.config must not be set: remove it, or ask the platform team (policy.fields.denied).",
    ),
    (
        "a field in a list",
        {"fields": {"denied": ["aiModels.parameters"]}},
        {"aiModels": [OPENAI, {**VLLM, "parameters": {"temperature": 0}}]},
        "spec.aiModels[1].parameters must not be set",
    ),
    (
        "a port, which the API server keeps in every router",
        {"fields": {"denied": ["port"]}},
        {"port": 4001},
        "spec.port must not be set",
    ),
    (
        "a kind",
        {"kinds": {"denied": ["Ingress"]}},
        {"ingress": {"hosts": ["llm.example.com"]}},
        "The composed Ingress is not allowed: remove the field that asks for it",
    ),
    (
        "a Secret of a provider",
        {"secrets": {"allowed": ["litellm-*"]}},
        {"credentials": {"secretRef": {"name": "other"}}},
        "The Secret other must not be used: choose another, or ask the platform team "
        "(policy.secrets.allowed).",
    ),
    *(
        (
            f"a Secret in {where}",
            {"secrets": {"allowed": ["litellm-*"]}},
            spec,
            "The Secret other must not be used",
        )
        for where, spec in PLACES.items()
    ),
]


@pytest.mark.parametrize(
    ("policy", "spec", "sentence"), [v[1:] for v in VIOLATIONS], ids=[v[0] for v in VIOLATIONS]
)
def test_a_violation_is_refused(policy: Manifest, spec: Manifest, sentence: str) -> None:
    assert sentence in refusal(policy, **spec)


@pytest.mark.parametrize(
    ("policy", "spec"), [v[1:3] for v in VIOLATIONS], ids=[v[0] for v in VIOLATIONS]
)
def test_a_policy_that_warns_composes_all_the_same(policy: Manifest, spec: Manifest) -> None:
    answer = judged({**policy, "mode": "Warn"}, **spec)
    assert answer.refusal is None
    assert answer.resources.keys() == judged({}, **spec).resources.keys()
    assert any(result.reason == names.EVENT_POLICY for result in answer.results)


ALLOWED: list[tuple[str, Manifest, Manifest]] = [
    ("an allowed provider", ONLY_AZURE, {"aiModels": [{**AZURE, "apiBase": BASE}]}),
    ("an allowed host", HOSTS, {"aiModels": [{**AZURE, "apiBase": f"{BASE}:443/x?y=z"}]}),
    ("a host in capitals", HOSTS, {"aiModels": [{**VLLM, "apiBase": "http://A.ML.svc/v1"}]}),
    ("a provider's own host", HOSTS, {"aiModels": [OPENAI, {"name": "groq/x"}]}),
    (
        "a wildcard of what is allowed",
        {"models": {"allowed": ["openai/*"]}},
        {"aiModels": [{"name": "openai/gpt-*"}]},
    ),
    (
        "overrides that call nothing else",
        {**ONLY_AZURE, **HOSTS},
        {
            "aiModels": [{**AZURE, "apiBase": BASE}],
            **merged(litellm_settings={"drop_params": True}),
        },
    ),
    (
        "variables that providers and config.yaml name",
        ONLY_AZURE,
        {
            "aiModels": [{**AZURE, "apiBase": BASE, "parameters": {"user": "os.environ/TEAM"}}],
            **env(TEAM="a", AZURE_API_VERSION="1", TZ="UTC"),
        },
    ),
    (
        "what the platform team trusts",
        {**ONLY_AZURE, "fields": {"unseen": ["deployment.extraArgs"]}},
        {"aiModels": [{**AZURE, "apiBase": BASE}], "deployment": {"extraArgs": ["--local"]}},
    ),
    (
        "an image that is allowed beside rules on calls",
        {**ONLY_AZURE, "images": {"allowed": ["docker.io/litellm/*"]}},
        {"aiModels": [{**AZURE, "apiBase": BASE}], "deployment": {"image": "litellm/litellm:v1"}},
    ),
    (
        "an official image, which is in Docker Hub's library",
        {"images": {"allowed": ["docker.io/library/*"]}},
        {"deployment": {"image": "litellm"}},
    ),
    (
        "as many as are allowed",
        {"limits": {"replicas": 2, "models": 1, "cpu": 2, "memory": "1Gi", "callSeconds": 600}},
        {"deployment": {"replicas": 2}},
    ),
    (
        "the port that the API server keeps in every router",
        {"fields": {"denied": ["port", "type"]}},
        {"port": 4000, "type": "litellm"},
    ),
    (
        "a denied field that says nothing",
        {"fields": {"denied": ["config", "deployment.env"]}},
        {"config": {}, "deployment": {"env": []}},
    ),
    ("kinds of the gateway itself", {"kinds": {"allowed": []}}, {}),
    ("the Secret with the generated key", {"secrets": {"allowed": ["litellm-secrets"]}}, {}),
]


@pytest.mark.parametrize(("policy", "spec"), [a[1:] for a in ALLOWED], ids=[a[0] for a in ALLOWED])
def test_what_is_allowed_is_composed_as_without_a_policy(policy: Manifest, spec: Manifest) -> None:
    answer, plain = judged(policy, **spec), judged({}, **spec)
    assert answer.refusal is None, answer.refusal
    assert not [result for result in answer.results if result.reason == names.EVENT_POLICY]
    assert {k: v.manifest for k, v in answer.resources.items() if k != "masterKey"} == {
        k: v.manifest for k, v in plain.resources.items() if k != "masterKey"
    }


# -- What is in Secrets


def azure(base: str) -> Manifest:
    return secret("litellm-secrets", AZURE_API_KEY="k", AZURE_API_BASE=base)


@pytest.mark.parametrize("base", [EVIL, "evil.example.com", f"{BASE}@evil.example.com"])
def test_a_base_in_a_secret_is_judged_and_not_repeated(base: str) -> None:
    message = refusal(HOSTS, azure(base), aiModels=[AZURE])
    assert message == (
        "litellm_params/api_base of spec.aiModels[0] names a host that is not allowed, in the "
        "Secret litellm-secrets under AZURE_API_BASE: choose another host, or ask the platform "
        "team (policy.hosts.allowed)."
    )
    assert judged(HOSTS, azure(BASE), aiModels=[AZURE]).refusal is None


def test_nothing_is_composed_before_the_secrets_are_read() -> None:
    """Otherwise the first pods would start with a base that no one has judged."""
    request = Request(router(aiModels=[AZURE]), input={"policy": HOSTS})
    found: dict[str, Manifest | None] = {}
    for _ in range(3):
        answer = compose(Request(request.composite, required=found, input=request.input))
        if answer.resources:
            break
        assert "secret.litellm-secrets" in answer.requirements
        found |= dict.fromkeys(answer.requirements)
    assert answer.resources


def test_a_secret_that_changes_is_judged_again_with_a_kept_plan() -> None:
    kept, xr = Kept(1 << 30), router(aiModels=[AZURE])

    def asked(base: str) -> Response:
        found: dict[str, Manifest | None] = {"secret.litellm-secrets": azure(base)}
        for _ in range(2):
            answer = compose(
                Request(
                    xr,
                    required=found,
                    input={"policy": HOSTS},
                    router=("a",),
                    source=b"the same",
                    entries=lambda: [b"entry"],
                ),
                kept,
            )
            found = {**dict.fromkeys(answer.requirements), **found}
        return answer

    assert [asked(base).refusal is None for base in (BASE, EVIL, BASE)] == [True, False, True]
    assert kept.routers == 1


LABELLED = {"secrets": {"allowed": ["litellm-*"], "matchLabels": {"llm": "yes"}}}


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"llm": "yes", "other": "x"}, ""),
        ({"llm": "no"}, "The Secret other does not have the labels that it must have"),
        (None, "The Secret other is not there, or not read, so its labels are not known"),
    ],
)
def test_a_secret_may_be_used_for_its_labels(labels: Manifest | None, sentence: str) -> None:
    spec = {"credentials": {"secretRef": {"name": "other"}}}
    held = secret("other", OPENAI_API_KEY="k")
    if labels is None:
        assert sentence in refusal(LABELLED, **spec)
        return
    held["metadata"]["labels"] = labels
    answer = judged(LABELLED, held, **spec)
    assert (answer.refusal is None) == (not sentence)
    if sentence:
        assert sentence in refusal(LABELLED, held, **spec)


# -- The file of the server, and the input of a Composition


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"policy": {"providers": {"allowed": ["*"]}}},
        {"policy": {"mode": "Warn", "providers": {"allowed": ["*"]}}},
        {"defaults": {"deployment": {"image": "a"}}},
    ],
)
def test_no_composition_loosens_the_policy_of_the_server(step: Manifest) -> None:
    answer = World(router(), settings=step, platform={"policy": ONLY_AZURE}).reconcile()
    assert answer.refusal is not None
    assert "(policy.providers.allowed)" in answer.refusal.message


def test_a_composition_may_tighten_it() -> None:
    both = {"policy": {"providers": {"denied": ["openai"]}}}
    answer = World(router(), settings=both, platform={"policy": HOSTS}).reconcile()
    assert answer.refusal is not None
    assert "(policy.providers.denied)" in answer.refusal.message


def test_a_running_gateway_goes_on_as_it_was() -> None:
    world = World(router())
    world.reconcile()
    before = copy.deepcopy(world.objects)
    world.settings = {"policy": ONLY_AZURE}
    answer = world.reconcile()
    assert world.objects == before
    (configured,) = (c for c in answer.conditions if c.type == names.CONFIGURED)
    assert (configured.status, configured.reason) == ("False", names.REASON_POLICY_VIOLATED)
    assert "spec.aiModels[0] calls openai/gpt-4o" in configured.message


# -- What the rules are made of


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("https://a.example.com:443/v1?x=http://b.example.com", ["a.example.com", "b.example.com"]),
        ("https://allowed.example.com@evil.example.com/", ["evil.example.com"]),
        ("https://evil.example.com#@allowed.example.com", ["evil.example.com"]),
        ("https://evil.example.com\\@allowed.example.com/", ["a text that is no host"]),
        ("a.example.com/v1", ["a.example.com"]),
        ("A.Example.com.:80", ["a.example.com"]),
        ("http://[::1]:80/", ["[::1]"]),
        ("http://0x7f.1/", ["0x7f.1"]),
        ("http://a%2eexample.com/", ["a text that is no host"]),
        ("", []),
    ],
)
def test_a_host_is_what_is_called(text: str, hosts: list[str]) -> None:
    assert hosts_in(text) == hosts


@pytest.mark.parametrize(
    ("pattern", "name", "all_of_it", "some_of_it"),
    [
        ("openai/*", "openai/gpt-4o", True, True),
        ("OPENAI/gpt-4o", "openai/GPT-4o", True, True),
        ("openai/*", "openai/gpt-*", True, True),
        ("openai/gpt-*", "openai/*", False, True),
        ("openai/*-mini", "openai/gpt-*", False, True),
        ("openai/o1*", "openai/gpt-*", False, False),
        ("*", "", True, True),
        ("", "*", False, True),
        ("a*b", "ab", True, True),
        ("a.b", "axb", False, False),
    ],
)
def test_a_pattern_is_compared_with_all_that_a_name_stands_for(
    pattern: str, name: str, *, all_of_it: bool, some_of_it: bool
) -> None:
    assert globs.match([pattern], name) is all_of_it
    assert (globs.meet([pattern], name) is not None) is some_of_it


SMALL = st.text("ab*", max_size=4)
TEXTS = ["".join(letters) for n in range(9) for letters in itertools.product("ab", repeat=n)]
"""All that can tell two patterns of that size apart."""


def test_every_kind_that_is_composed_on_request_can_be_denied() -> None:
    always = {"ConfigMap", "Deployment", "Secret", "Service"}
    assert {*get_args(OptionalKind)} == {kind.kind for kind in KINDS.values()} - always


@given(SMALL, SMALL)
def test_patterns_are_compared_as_all_that_they_match_would_be(one: str, other: str) -> None:
    ones, others = (
        {text for text in TEXTS if re.fullmatch(pattern.replace("*", ".*"), text)}
        for pattern in (one, other)
    )
    assert (globs.meet([one], other) is not None) == bool(ones & others)
    assert not globs.match([one], other) or others <= ones
