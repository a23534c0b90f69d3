"""Random ModelRouter specs near the rules for what Kubernetes takes, on both sides of them."""

from typing import Any

from hypothesis import strategies as st


def _near(alphabet: str, *others: str) -> st.SearchStrategy[str]:
    """Short texts in which the characters that a rule is about come often, and longer ones."""
    return st.text(alphabet, min_size=1, max_size=5) | st.sampled_from([alphabet[0] * 300, *others])


def _mostly(valid: Any, near: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:  # noqa: ANN401
    """A value that is valid, and now and then one near the rule, so that the whole may be taken."""
    return st.integers(0, 9).flatmap(lambda n: near if n == 9 else st.sampled_from(valid))


_object_name = _near("a0.-A", "a" * 253, "a" * 254)
_data_key = _near("aA.-_/", "a" * 253)
_variable_name = _near("aA0._-=", "a" * 253)
_metadata_key = _near(
    "aA0.-_/", "a/b", "a..b/c", f"{'a' * 63}", f"{'a' * 64}", f"{'a' * 253}/b", f"{'a' * 254}/b"
)
_label = _near("aA0.-_é", "", "a" * 63, "a" * 64)
_path = st.sampled_from(
    ["metadata.name", "metadata.labels", "spec.nodeName", "spec.host", "status.hostIP"]
) | st.builds(
    "metadata.{}['{}']".format, st.sampled_from(["labels", "annotations", "name"]), _metadata_key
)
_quantity = (
    st.sampled_from(
        [
            *(
                "0",
                "1",
                "-1",
                "-0",
                "+1",
                "1.0",
                "1.5",
                ".5",
                "5.",
                "1Ki",
                "3Mi",
                "4Mi",
                "1Gi",
                "1e3",
            ),
            *("1E", "1e-3", "1e1.5", "1e30", "100E", "1m", "0.1n", "9223372036854775807"),
            *("9223372036854775808", "1000m", "1K", "1KiB", "1e99", "1e999999999"),
        ]
    )
    | _near("1.-emK ", "")
    | st.integers(-1, 4)
)
_resource = st.sampled_from(
    [
        *("cpu", "memory", "ephemeral-storage", "gpu", "pods", "storage", "hugepages-2Mi"),
        *("hugepages-1Gi", "hugepages-3", "hugepages-", "a.b/c", "a..b/c", "kubernetes.io/x"),
        *("x.kubernetes.io/y", "requests.a/b", "requests.cpu", "A/b", "a/b/c", "a/", "/b"),
    ]
) | _near("a.-/A", f"{'a' * 244}/b", f"{'a' * 245}/b")
_quantities = st.dictionaries(_resource, _quantity, max_size=3)
_ref = st.fixed_dictionaries({"name": _object_name, "key": _data_key})
_sources = st.one_of(
    st.fixed_dictionaries({"secretKeyRef": _ref}),
    st.fixed_dictionaries({"configMapKeyRef": _ref}),
    st.builds(lambda path: {"fieldRef": {"fieldPath": path}}, _path),
    st.builds(
        lambda kind, name: {"resourceFieldRef": {"resource": f"{kind}.{name}"}},
        st.sampled_from(["limits", "requests", "x"]),
        _resource,
    ),
)
_one = {
    "resources": st.fixed_dictionaries(
        {}, optional={"requests": _quantities, "limits": _quantities}
    )
    | st.builds(lambda both: {"requests": both, "limits": both}, _quantities),
    "env": st.lists(
        st.fixed_dictionaries({"name": _variable_name}, optional={"value": st.text("a$()é")})
        | st.fixed_dictionaries({"name": _variable_name, "valueFrom": _sources}),
        max_size=2,
    ),
    "envFrom": st.lists(
        st.builds(
            lambda kind, name, prefix: {kind: {"name": name}, **prefix},
            st.sampled_from(["secretRef", "configMapRef"]),
            _object_name,
            st.just({}) | st.builds(lambda prefix: {"prefix": prefix}, _variable_name),
        ),
        max_size=2,
    ),
    "serviceAccountName": _object_name,
    "image": _near("a:/@ -", "a" * 512),
}
_name = _mostly(["a", "a-0.b"], _object_name)
_file_key = _mostly(["k", "a.b"], _data_key)
_label_key = _mostly(["a", "b", "a.b/c"], _metadata_key)
_label_value = _mostly(["a", "", "b"], _label)
_number = _mostly(["1", "1Gi", 2], _quantity)
_file_path = _mostly(["a", "b/c", ".d"], _near("aA.-_/", "..", "a/b", "a/../b", "..a", "a" * 256))
_mode = _mostly([0, 0o444, 0o777], st.integers(-1, 513))
_items = st.lists(
    st.fixed_dictionaries({"key": _file_key, "path": _file_path}, optional={"mode": _mode}),
    max_size=2,
)
_files = st.fixed_dictionaries(
    {}, optional={"items": _items, "optional": st.booleans(), "defaultMode": _mode}
)
_about = st.fixed_dictionaries(
    {},
    optional={
        "items": st.lists(
            st.builds(
                lambda path, source: {"path": path, **source},
                _file_path,
                st.one_of(
                    st.builds(
                        lambda path: {"fieldRef": {"fieldPath": path}},
                        _mostly(["metadata.uid"], _path),
                    ),
                    st.builds(
                        lambda name: {"resourceFieldRef": {"resource": f"limits.{name}"}},
                        _mostly(["cpu"], _resource),
                    ),
                ),
            ),
            max_size=2,
        )
    },
)


def _named(files: dict[str, Any], name: str, *, field: str = "name") -> dict[str, Any]:
    return {**files, field: name}


def _projected(files: dict[str, Any], **name: str) -> dict[str, Any]:
    """As a source of projected files: one file, as the API server does not see two of one path."""
    projected = {key: value for key, value in files.items() if key != "defaultMode"} | name
    return projected | {"items": files["items"][:1]} if "items" in files else projected


_volume_source = st.one_of(
    st.builds(lambda found, name: {"configMap": _named(found, name)}, _files, _name),
    st.builds(
        lambda found, name: {"secret": _named(found, name, field="secretName")},
        _files,
        _name,
    ),
    st.builds(lambda size: {"emptyDir": {"sizeLimit": size}}, _number),
    st.sampled_from(
        [
            *({}, {"emptyDir": {}}, {"emptyDir": {"medium": "Memory"}}),
            {"emptyDir": {}, "configMap": {"name": "c"}},
            {"emptyDir": {"medium": "Disk"}},
        ]
    ),
    st.builds(lambda name: {"persistentVolumeClaim": {"claimName": name}}, _name),
    st.builds(lambda name: {"csi": {"driver": name}}, _name),
    st.builds(lambda about: {"downwardAPI": about}, _about),
    st.builds(
        lambda name, modes, size: {
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {
                        "accessModes": modes,
                        "storageClassName": name,
                        "resources": {"requests": {"storage": size}},
                    }
                }
            }
        },
        _name,
        st.lists(st.sampled_from(["ReadWriteOnce", "ReadWriteOncePod", "X"]), max_size=2),
        _number,
    ),
    st.builds(
        lambda source: {"projected": {"sources": [source]}},
        st.one_of(
            st.builds(lambda found, name: {"secret": _projected(found, name=name)}, _files, _name),
            st.builds(lambda about: {"downwardAPI": _projected(about)}, _about),
            st.builds(
                lambda path, seconds: {
                    "serviceAccountToken": {"path": path, "expirationSeconds": seconds}
                },
                _file_path,
                _mostly([600, 3600], st.integers(598, 602)),
            ),
            st.just({}),
        ),
    ),
)
_mount = st.fixed_dictionaries(
    {
        "name": _mostly(["v"], st.just("w")),
        "mountPath": _mostly(
            ["/a", "/b/c", "/tmp/x"],
            _near("a/.-_:", "/a", "/a/b", "/a/../b", "/", "/app", "/app/config", "/tmp")
            | st.sampled_from(["/app/config/a", "/app/a", "/tmp/a", "/a" * 128]),
        ),
    },
    optional={"subPath": _file_path, "subPathExpr": _near("a$()/.", "$(A)/b", "../a")},
)
_labels = st.dictionaries(_label_key, _label_value, max_size=2)
_requirement = st.fixed_dictionaries(
    {
        "key": _label_key,
        "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt"]),
    },
    optional={"values": st.lists(_label_value, min_size=1, max_size=2)},
)
_selector = st.fixed_dictionaries(
    {}, optional={"matchLabels": _labels, "matchExpressions": st.lists(_requirement, max_size=2)}
)
_pod_term = st.fixed_dictionaries(
    {"topologyKey": _label_key},
    optional={
        "labelSelector": _selector,
        "namespaceSelector": _selector,
        "namespaces": st.lists(_name, max_size=1),
    },
)
_node_term = st.builds(
    lambda requirements: {"matchExpressions": requirements}, st.lists(_requirement, max_size=1)
)
_required, _preferred = (
    f"{kind}DuringSchedulingIgnoredDuringExecution" for kind in ("required", "preferred")
)
_weight = _mostly([1, 100], st.integers(0, 101))
_affinity = st.one_of(
    st.builds(
        lambda term: {"nodeAffinity": {_required: {"nodeSelectorTerms": [term]}}}, _node_term
    ),
    st.builds(
        lambda term, weight: {
            "nodeAffinity": {_preferred: [{"weight": weight, "preference": term}]}
        },
        _node_term,
        _weight,
    ),
    st.builds(lambda term: {"podAffinity": {_required: [term]}}, _pod_term),
    st.builds(
        lambda term, weight: {
            "podAntiAffinity": {_preferred: [{"weight": weight, "podAffinityTerm": term}]}
        },
        _pod_term,
        _weight,
    ),
)
_toleration = st.fixed_dictionaries(
    {},
    optional={
        "key": _label_key,
        "operator": _mostly(["Equal", "Exists"], st.sampled_from(["Gt", ""])),
        "value": _label_value,
        "effect": _mostly(["NoSchedule", "NoExecute"], st.just("")),
        "tolerationSeconds": _mostly([0, 1], st.just(-1)),
    },
)
_spread = st.fixed_dictionaries(
    {
        "maxSkew": _mostly([1, 2], st.just(0)),
        "topologyKey": _label_key,
        "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
    },
    optional={
        "labelSelector": _selector,
        "matchLabelKeys": st.lists(_label_key, max_size=2),
        "minDomains": _mostly([1], st.just(0)),
        "nodeAffinityPolicy": _mostly(["Honor", "Ignore"], st.just("x")),
    },
)
_address = _mostly(
    ["10.0.0.1", "10.0.0.2", "::1"],
    st.sampled_from(
        [
            *(
                "10.0.0.1",
                "10.0.0.01",
                "10.0.0.256",
                "10.0.0",
                "::1",
                "2001:DB8::1",
                "::ffff:10.0.0.1",
            ),
            *(
                "::10.0.0.1",
                "fe80::1%eth0",
                "[::1]",
                "1",
                "",
                " 10.0.0.1",
                "10.0.0.1/8",
                "::ffff:a00:1",
            ),
        ]
    )
    | _near("0a:.", "0:0:0:0:0:0:0:0"),
)
_domain = _mostly(["a", "a.b"], _near("a0.-A_", "a" * 253, "a" * 254, "a."))
_pods_near = {
    "volumes": st.lists(
        st.builds(
            lambda name, source: {"name": name, **source},
            _mostly(["a", "b"], _near("a0.-A", "tmp", "config", "a" * 63, "a" * 64)),
            _volume_source,
        ),
        max_size=2,
    ),
    "nodeSelector": _labels,
    "tolerations": st.lists(_toleration, max_size=2),
    "affinity": _affinity,
    "topologySpreadConstraints": st.lists(_spread, max_size=2),
    "priorityClassName": _name,
    "imagePullSecrets": st.lists(st.builds(lambda name: {"name": name}, _name), max_size=2),
    "hostAliases": st.lists(
        st.fixed_dictionaries({"ip": _address, "hostnames": st.lists(_domain, max_size=2)}),
        max_size=2,
    ),
    "dnsConfig": st.fixed_dictionaries(
        {},
        optional={
            "nameservers": st.lists(_address, max_size=3),
            "searches": st.lists(_domain, max_size=10),
            "options": st.lists(
                st.fixed_dictionaries(
                    {"name": _mostly(["a"], _near("a: é"))},
                    optional={"value": _mostly(["b c"], _near("a: é\n"))},
                ),
                max_size=2,
            ),
        },
    ),
    "terminationGracePeriodSeconds": st.sampled_from([0, 10, 29, 30, 7200, 7201]),
    "extraArgs": st.lists(st.text("a=\t\0", max_size=3), max_size=2),
}
_mounted = st.builds(
    lambda mounts: {"volumes": [{"name": "v", "emptyDir": {}}], "volumeMounts": mounts},
    st.lists(_mount, max_size=2),
)
_share = _mostly(
    [0, 1, "50%"],
    st.sampled_from([-1, 1000, 1001, *("0%", "100%", "101%", "050%", "50", "%", "-1%", "1.5%")]),
)
_metadata_near = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(_metadata_key, _label, max_size=2),
        "annotations": st.dictionaries(
            _metadata_key
            | st.sampled_from(
                [
                    "controller.kubernetes.io/pod-deletion-cost",
                    "kubernetes.io/config.mirror",
                    "scheduler.alpha.kubernetes.io/tolerations",
                    "seccomp.security.alpha.kubernetes.io/pod",
                    "container.apparmor.security.beta.kubernetes.io/litellm",
                    "service.beta.kubernetes.io/load-balancer-source-ranges",
                    "service.kubernetes.io/topology-mode",
                    "kubernetes.io/service-account.name",
                    "kubectl.kubernetes.io/last-applied-configuration",
                ]
            ),
            st.text(max_size=3),
            max_size=2,
        ),
    },
)
near = st.one_of(
    st.builds(
        lambda deployment: {"deployment": deployment},
        st.one_of(
            *(st.builds(lambda v, k=key: {k: v}, value) for key, value in _one.items()),
        ),
    ),
    st.builds(lambda metadata: {"podMetadata": metadata}, _metadata_near),
    st.builds(lambda metadata: {"commonMetadata": metadata}, _metadata_near),
    st.builds(lambda ref: {"auth": {"masterKeySecretRef": ref}}, _ref),
    st.builds(lambda ref: {"redis": {"host": "h", "passwordSecretRef": ref}}, _ref),
    st.builds(lambda name: {"credentials": {"secretRef": {"name": name}}}, _object_name),
    st.builds(
        lambda keys: {"credentials": {"secretRef": {"keys": keys}}},
        st.dictionaries(_near("A0_a-", "A" * 128, "A" * 129), _data_key, max_size=2),
    ),
    st.builds(
        lambda model, when, to: {
            "aiModels": [{"name": "openai/*", "alias": "a*"}],
            "routing": {"fallbacks": [{"model": model, "when": when, "to": to}]},
        },
        _near("aA *é", "a\n"),
        st.sampled_from(["Failure", "ContextWindow", "Timeout", ""]),
        st.lists(_near("aA *é", "a\n"), max_size=2),
    ),
)
"""Specs near the rules for what Kubernetes takes, on both sides of them."""

near_pods = st.one_of(
    *(
        st.builds(lambda v, k=key: {"deployment": {k: v}}, value)
        for key, value in _pods_near.items()
    ),
    st.builds(lambda volumes: {"deployment": {"volumes": volumes}}, _pods_near["volumes"]),
    st.builds(lambda mounted: {"deployment": mounted}, _mounted),
    st.builds(
        lambda share, more: {"podDisruptionBudget": {**share, **more}},
        st.dictionaries(
            st.sampled_from(["minAvailable", "maxUnavailable"]), _share, min_size=1, max_size=1
        ),
        st.sampled_from([{}, {"enabled": True}, {"enabled": False}]),
    ),
    st.builds(
        lambda service: {"service": service},
        st.fixed_dictionaries(
            {},
            optional={
                "type": _mostly(["ClusterIP", "NodePort", "LoadBalancer"], st.just("ExternalName")),
                "port": _mostly([1, 65535], st.just(0)),
                "appProtocol": _label_key,
                "annotations": st.dictionaries(_label_key, st.just("a"), max_size=2),
            },
        ),
    ),
)
"""The same for the fields of pods, of their Service and of their disruption budget."""
