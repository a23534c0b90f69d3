"""The way of the gateway's own calls: a proxy, and whose certificates are trusted.

That LiteLLM goes this way is shown where the recipe of the company's proxy is called.
"""

from typing import Any

from function import names
from function.call import Manifest
from tests.support.world import World, router, secret

URL = {"name": "proxy", "key": "url"}
BUNDLE = {"name": "corporate-ca", "key": "bundle.pem"}


def container(**outbound: Any) -> Manifest:  # noqa: ANN401
    """The gateway's container, with its variables by name."""
    _, found = pod(**outbound)
    return found


def pod(**outbound: Any) -> tuple[Manifest, Manifest]:  # noqa: ANN401
    answer = World(router(outbound=outbound)).reconcile()
    assert answer.refusal is None, answer.refusal
    manifest = answer.resources[names.RESOURCE_DEPLOYMENT].manifest
    spec: Manifest = manifest["spec"]["template"]["spec"]
    (found,) = spec["containers"]
    env = {variable["name"]: variable for variable in found["env"]}
    return spec, {**found, "env": env}


def test_a_url_with_a_password_comes_from_its_secret_and_its_change_rolls_the_pods() -> None:
    world = World(router(outbound={"proxy": {"urlSecretRef": URL}}))
    (condition,) = (c for c in world.reconcile().conditions if c.type == names.CREDENTIALS_PRESENT)
    assert "url in Secret 'proxy'" in condition.message
    hashes = set()
    for password in ("s3cr3t-1", "s3cr3t-2"):
        url = f"http://user:{password}@proxy.example.com:3128"
        world.add(secret("proxy", url=url), secret("litellm-secrets", OPENAI_API_KEY="k"))
        answer = world.reconcile()
        assert password not in str(answer)
        manifest = answer.resources[names.RESOURCE_DEPLOYMENT].manifest
        annotations = manifest["spec"]["template"]["metadata"]["annotations"]
        hashes.add(annotations[names.ANNOTATION_SECRET_HASH])
    assert len(hashes) == 2


def test_without_the_url_no_pod_starts() -> None:
    """It would call providers directly."""
    env = container(proxy={"urlSecretRef": URL})["env"]
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        assert env[name]["valueFrom"] == {"secretKeyRef": URL}
    assert env["NO_PROXY"]["value"] == ".svc,.cluster.local,localhost,127.0.0.1"


def test_a_bundle_is_a_file_of_one_name_whatever_its_key_is() -> None:
    items = [{"key": "bundle.pem", "path": "ca.crt"}]
    sources: dict[str, Manifest] = {
        "configMapKeyRef": {"configMap": {"name": "corporate-ca", "items": items}},
        "secretKeyRef": {"secret": {"secretName": "corporate-ca", "items": items}},
    }
    for ref, source in sources.items():
        spec, own = pod(caBundle={ref: BUNDLE})
        assert {"name": "ca-bundle", **source} in spec["volumes"]
        (mount,) = (mount for mount in own["volumeMounts"] if mount["name"] == "ca-bundle")
        assert mount == {"name": "ca-bundle", "mountPath": "/app/ca-bundle", "readOnly": True}
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            assert own["env"][name]["value"] == "/app/ca-bundle/ca.crt"


def test_what_is_switched_off_leaves_nothing() -> None:
    off = {
        "proxy": {"enabled": False, "url": "http://proxy.example.com:3128"},
        "caBundle": {"enabled": False, "configMapKeyRef": BUNDLE},
    }
    assert pod(**off) == pod()


def test_variables_of_the_routers_own_win() -> None:
    own = {"name": "NO_PROXY", "value": "example.com"}
    spec: Manifest = {"deployment": {"env": [own]}, "outbound": {"proxy": {"url": "http://p:1"}}}
    manifest = World(router(**spec)).reconcile().resources[names.RESOURCE_DEPLOYMENT].manifest
    (found,) = manifest["spec"]["template"]["spec"]["containers"]
    assert [v for v in found["env"] if v["name"] == "NO_PROXY"] == [own]
