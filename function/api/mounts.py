"""Mounts of volumes in the gateway's container, and the paths in volumes."""

import re
from typing import Annotated, Final

from pydantic import Field, model_validator

from function.api.validation import Model, Rule, refuse

_COVERED: Final = re.compile(r"/app(/(config|ca-bundle)(/.*)?)?|/tmp")
"""Where the image keeps LiteLLM, the function its files, and LiteLLM what it writes."""

_PART: Final = r"\.?[-_A-Za-z0-9][-._A-Za-z0-9]*"
_PART_WITH_VARIABLES: Final = r"\.?[-_$()A-Za-z0-9][-._$()A-Za-z0-9]*"

VolumePath = Annotated[
    str,
    Field(min_length=1, max_length=256),
    Rule(
        rf"{_PART}(/{_PART})*",
        "a path in a volume must be relative, such as certs/ca.crt, in letters, digits, '-', '_' "
        "and '.', and none of its parts may begin with '..'",
    ),
]


class VolumeMount(Model):
    """Where a volume, or a part of it, is in the container."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    mount_path: Annotated[
        str,
        Field(min_length=1, max_length=256),
        Rule(
            rf"(/{_PART})+",
            "a mount's path must be absolute, such as /etc/certs, in letters, digits, '-', '_' and "
            "'.', without a slash at its end",
        ),
    ]
    sub_path: VolumePath | None = None
    sub_path_expr: (
        Annotated[
            str,
            Field(min_length=1, max_length=256),
            Rule(
                rf"{_PART_WITH_VARIABLES}(/{_PART_WITH_VARIABLES})*",
                "a path in a volume must be relative, such as logs/$(POD_NAME), in letters, "
                "digits, '-', '_' and '.', and none of its parts may begin with '..'",
            ),
        ]
        | None
    ) = None
    read_only: bool | None = None

    @model_validator(mode="after")
    def _beside_the_gateways(self) -> "VolumeMount":
        if _COVERED.fullmatch(self.mount_path):
            raise refuse(
                "a mount must not cover what the gateway needs: choose a path other than /app, "
                "/app/config, /app/ca-bundle and /tmp"
            )
        return self

    @model_validator(mode="after")
    def _one_part(self) -> "VolumeMount":
        if self.sub_path is not None and self.sub_path_expr is not None:
            raise refuse("a mount must not set both subPath and subPathExpr")
        return self
