"""How the gateway is reached: its Service, in fields with Kubernetes' own names and meanings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from function.api import literals
from function.api.fields import Annotations, LabelKey
from function.api.metadata import check_service_annotations
from function.api.validation import Model


class Service(Model):
    """The gateway's Service."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    annotations: Annotations = {}
    app_protocol: LabelKey | None = None

    @model_validator(mode="after")
    def _known_of_services(self) -> "Service":
        check_service_annotations(self.annotations)
        remedy = "keep it in a Secret, for everyone who sees the Service sees its annotations"
        literals.check(self.annotations, "annotations", remedy)
        return self
