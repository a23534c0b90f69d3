"""Protobuf Structs as plain values.

All numbers in a Struct are doubles, so a port of 4000 arrives as 4000.0. Here, and only here, a
whole double becomes an int again: from then on, no number shows as 4000.0 and none changes a hash.
"""

from typing import Any

from google.protobuf import struct_pb2


def read(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The Struct as a dict. Three times as fast as json_format, for large specs."""
    fields = struct.fields
    # Sorted, as a protobuf's map has no order: a message that names the first key stays the same.
    return {key: _value(fields[key]) for key in sorted(fields)}


def _value(value: struct_pb2.Value) -> Any:  # noqa: ANN401  # Any JSON value.
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return read(value.struct_value)
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case _:
            return None
