"""The kinds of gateway, by `spec.type`.

Adding one is a package with a `plan` function and one line here.
"""

from collections.abc import Mapping
from typing import Final

from function.gateways.base import Gateway
from function.gateways.litellm import gateway as litellm

GATEWAYS: Final[Mapping[str, Gateway]] = {"litellm": litellm}
