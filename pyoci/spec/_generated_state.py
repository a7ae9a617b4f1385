"""Made from schemas/ by hack/generate-checks: change those and run it again."""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: RUF100, B007, C405, E501, I001, N806, PLR0915, RUF021, RUF060, SIM102
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_absolute


def check(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['ociVersion', 'id', 'status', 'bundle']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'ociVersion' in data:
        data__ociVersion = data['ociVersion']
        if not isinstance(data__ociVersion, str):
            raise Mismatch
    if 'id' in data:
        data__id = data['id']
        if not isinstance(data__id, str):
            raise Mismatch
    if 'status' in data:
        data__status = data['status']
        if not isinstance(data__status, str):
            raise Mismatch
        if data__status not in ('creating', 'created', 'running', 'paused', 'stopped'):
            raise Mismatch
    if 'pid' in data:
        data__pid = data['pid']
        if type(data__pid) is not int:
            raise Mismatch
        if isinstance(data__pid, (int, float)) and (not isinstance(data__pid, bool)):
            if data__pid < 0:
                raise Mismatch
    if 'bundle' in data:
        data__bundle = data['bundle']
        if not isinstance(data__bundle, str):
            raise Mismatch
        if not is_absolute(data__bundle):
            raise Mismatch
    if 'rootfs' in data:
        data__rootfs = data['rootfs']
        if not isinstance(data__rootfs, str):
            raise Mismatch
    if 'created' in data:
        data__created = data['created']
        if not isinstance(data__created, str):
            raise Mismatch
    if 'owner' in data:
        data__owner = data['owner']
        if not isinstance(data__owner, str):
            raise Mismatch
    if 'annotations' in data:
        data__annotations = data['annotations']
        if not isinstance(data__annotations, dict):
            raise Mismatch
        for data__annotations_key in data__annotations:
            if data__annotations_key not in []:
                data__annotations_value = data__annotations.get(data__annotations_key)
                if not isinstance(data__annotations_value, str):
                    raise Mismatch
        data__annotations_len = len(data__annotations)
        if data__annotations_len != 0:
            data__annotations_property_names = True
            for data__annotations_key in data__annotations:
                try:
                    if isinstance(data__annotations_key, str):
                        data__annotations_key_len = len(data__annotations_key)
                        if data__annotations_key_len < 1:
                            raise Mismatch
                except Mismatch:
                    data__annotations_property_names = False
            if not data__annotations_property_names:
                raise Mismatch
    try:
        if 'status' in data:
            data__status = data['status']
            if data__status not in ('created', 'running', 'paused'):
                raise Mismatch
    except Mismatch:
        pass
    else:
        data__missing = set(['pid']) - data.keys()
        if data__missing:
            raise Mismatch
    return data
