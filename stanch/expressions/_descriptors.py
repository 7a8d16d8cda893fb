"""Records as protobuf descriptors: the only types that the engine checks field by field."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf import descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from stanch.expressions._specs import ListOf, MapOf, Record, Simple, Spec

PACKAGE = "stanch"
_WELL_KNOWN = (timestamp_pb2, duration_pb2, struct_pb2)
_SCALAR = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int": FieldDescriptorProto.TYPE_INT64,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
_MESSAGE = {
    "duration": ".google.protobuf.Duration",
    "timestamp": ".google.protobuf.Timestamp",
    "dyn": ".google.protobuf.Value",
}


def pool_of(records: Iterable[Record]) -> descriptor_pool.DescriptorPool:
    """A descriptor pool of its own that holds the records and the well-known types they use."""
    pool = descriptor_pool.DescriptorPool()
    for module in _WELL_KNOWN:
        known = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(known)
        pool.Add(known)
    pool.Add(_file(records))
    return pool


def _file(records: Iterable[Record]) -> FileDescriptorProto:
    names = [module.DESCRIPTOR.name for module in _WELL_KNOWN]
    file = FileDescriptorProto(name="stanch.proto", package=PACKAGE, syntax="proto3", dependency=names)
    for record in records:
        message = file.message_type.add(name=record.name)
        for number, (name, field) in enumerate(record.fields.items(), start=1):
            _add(message, name, number, field.spec)
    return file


def _add(message: DescriptorProto, name: str, number: int, spec: Spec) -> None:
    target = message.field.add(name=name, number=number, json_name=name)
    target.label = FieldDescriptorProto.LABEL_OPTIONAL
    if isinstance(spec, MapOf):
        _map_entry(message, name, spec)
        target.label = FieldDescriptorProto.LABEL_REPEATED
        target.type = FieldDescriptorProto.TYPE_MESSAGE
        target.type_name = f".{PACKAGE}.{message.name}.{_entry(name)}"
    elif isinstance(spec, ListOf) and not isinstance(spec.item, ListOf | MapOf):
        target.label = FieldDescriptorProto.LABEL_REPEATED
        _type(target, spec.item)
    else:
        _type(target, spec)


def _entry(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_")) + "Entry"


def _map_entry(message: DescriptorProto, name: str, spec: MapOf) -> None:
    entry = message.nested_type.add(name=_entry(name))
    entry.options.map_entry = True
    key = entry.field.add(name="key", number=1, label=FieldDescriptorProto.LABEL_OPTIONAL)
    key.type = FieldDescriptorProto.TYPE_STRING
    _type(entry.field.add(name="value", number=2, label=FieldDescriptorProto.LABEL_OPTIONAL), spec.value)


def _type(target: FieldDescriptorProto, spec: Spec) -> None:
    """Lists and maps inside lists and maps have no protobuf form: they are dynamic."""
    if isinstance(spec, Simple) and spec.kind in _SCALAR:
        target.type = _SCALAR[spec.kind]
        return
    target.type = FieldDescriptorProto.TYPE_MESSAGE
    if isinstance(spec, Record):
        target.type_name = f".{PACKAGE}.{spec.name}"
    elif isinstance(spec, Simple):
        target.type_name = _MESSAGE[spec.kind]
    else:
        target.type_name = ".google.protobuf.Value"
