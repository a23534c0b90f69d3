"""Requests as bytes, the way Crossplane writes them.

Go writes the entries of a map in another order each time, so two requests of the same content are
hardly ever the same bytes.
"""

import hashlib
import random
from collections.abc import Iterable
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import struct_pb2

_CAPABILITIES: Final = tuple(fnv1.Capability.keys()[1:])
_BYTES: Final = 2
"""The wire type of texts and messages."""


def sent(request: fnv1.RunFunctionRequest, source: random.Random) -> bytes:
    """A request with the meta that Crossplane gives it, and its maps in some order.

    The tag is that of the first call of a reconcile: Crossplane does not renew it once it has
    looked up what is required.
    """
    rest = fnv1.RunFunctionRequest()
    rest.CopyFrom(request)
    rest.ClearField("required_resources")
    meta = _meta(rest.SerializeToString(deterministic=True))
    rest.ClearField("observed")
    observed = request.observed
    state = _field(fnv1.State.COMPOSITE_FIELD_NUMBER, _resource(observed.composite, source))
    for name in _shuffled(observed.resources, source):
        entry = _entry(name, _resource(observed.resources[name], source))
        state += _field(fnv1.State.RESOURCES_FIELD_NUMBER, entry)
    data = meta + rest.SerializeToString()
    data += _field(fnv1.RunFunctionRequest.OBSERVED_FIELD_NUMBER, state)
    for name in _shuffled(request.required_resources, source):
        items = [
            _field(fnv1.Resources.ITEMS_FIELD_NUMBER, _resource(item, source))
            for item in request.required_resources[name].items
        ]
        entry = _entry(name, b"".join(items))
        data += _field(fnv1.RunFunctionRequest.REQUIRED_RESOURCES_FIELD_NUMBER, entry)
    return data


def tagged(data: bytes) -> bytes:
    """An encoded request with the meta that Crossplane gives it, and its maps as they are."""
    return _meta(data) + data


def _meta(data: bytes) -> bytes:
    meta = fnv1.RequestMeta(tag=hashlib.sha256(data).hexdigest(), capabilities=_CAPABILITIES)
    return fnv1.RunFunctionRequest(meta=meta).SerializeToString()


def _resource(resource: fnv1.Resource, source: random.Random) -> bytes:
    return _field(fnv1.Resource.RESOURCE_FIELD_NUMBER, _struct(resource.resource, source))


def _struct(struct: struct_pb2.Struct, source: random.Random) -> bytes:
    fields = struct.fields
    entries = [_entry(key, _value(fields[key], source)) for key in _shuffled(fields, source)]
    return b"".join([_field(struct_pb2.Struct.FIELDS_FIELD_NUMBER, entry) for entry in entries])


def _value(value: struct_pb2.Value, source: random.Random) -> bytes:
    match value.WhichOneof("kind"):
        case "struct_value":
            data = _struct(value.struct_value, source)
            return _field(struct_pb2.Value.STRUCT_VALUE_FIELD_NUMBER, data)
        case "list_value":
            items = [_value(item, source) for item in value.list_value.values]
            number = struct_pb2.ListValue.VALUES_FIELD_NUMBER
            data = b"".join([_field(number, item) for item in items])
            return _field(struct_pb2.Value.LIST_VALUE_FIELD_NUMBER, data)
        case _:
            return value.SerializeToString()


def _shuffled(keys: Iterable[str], source: random.Random) -> list[str]:
    found = list(keys)
    source.shuffle(found)
    return found


def _entry(key: str, value: bytes) -> bytes:
    """An entry of a map: the key, and a message."""
    return _field(1, key.encode()) + _field(2, value)


def _field(number: int, data: bytes) -> bytes:
    """A field of a text or message; all numbers are below 16."""
    length = len(data)
    head = bytearray([number << 3 | _BYTES])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + data
