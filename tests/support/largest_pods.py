"""The largest `deployment` that the API allows, but for its environment."""

from function.call import Manifest


def deployment() -> Manifest:
    """As much of what pods may have as the API allows, all of the longest texts."""
    key, value = "a" * 189 + "/" + "b" * 63, "v" * 63
    labels = {f"{i:02}{key[2:]}": value for i in range(32)}
    requirement = {"key": key, "operator": "In", "values": [value] * 16}
    selector = {"matchLabels": labels, "matchExpressions": [requirement] * 8}
    term = {
        "labelSelector": selector,
        "namespaceSelector": selector,
        "namespaces": [value] * 8,
        "topologyKey": key,
    }
    nodes = {"matchExpressions": [requirement] * 8}
    pods = {
        "requiredDuringSchedulingIgnoredDuringExecution": [term] * 8,
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]
        * 8,
    }
    items = [{"key": "k" * 253, "path": f"{i:02}" + "/p" * 127} for i in range(16)]
    sources = [{"secret": {"name": "s" * 253, "items": items}}] + [
        {"configMap": {"name": "s" * 253, "items": []}}
    ] * 7
    volumes = [
        {"name": f"{i:02}".ljust(63, "v"), "projected": {"sources": sources}} for i in range(16)
    ]
    return {
        "volumes": volumes,
        "volumeMounts": [
            {"name": volumes[i]["name"], "mountPath": f"/{i:02}" + "/p" * 126, "subPath": "a" * 256}
            for i in range(16)
        ],
        "extraArgs": ["a" * 1024] * 32,
        "imagePullSecrets": [{"name": f"{i:02}".ljust(253, "s")} for i in range(16)],
        "nodeSelector": labels,
        "tolerations": [{"key": key, "value": value}] * 32,
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [nodes] * 8
                },
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "preference": nodes}
                ]
                * 8,
            },
            "podAffinity": pods,
            "podAntiAffinity": pods,
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": f"{i}{key[1:]}",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": selector,
                "matchLabelKeys": [f"{i}c"] * 8,
            }
            for i in range(8)
        ],
        "hostAliases": [{"ip": f"10.0.0.{i}", "hostnames": ["a" * 253] * 16} for i in range(1, 17)],
        "dnsConfig": {
            "nameservers": ["2001:db8::1"] * 3,
            "searches": ["a" * 60] * 32,
            "options": [{"name": "n" * 63, "value": "v" * 256}] * 16,
        },
    }
