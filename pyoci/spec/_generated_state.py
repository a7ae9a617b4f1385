"""Made from schemas/ by hack/generate-checks: change those and run it again."""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: RUF100, B007, C405, E501, I001, N806, PLR0915, RUF021, RUF060, SIM102
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_absolute


def check(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['ociVersion', 'id', 'status', 'bundle']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "ociVersion" in data_keys:
            data__ociVersion = data["ociVersion"]
            if not isinstance(data__ociVersion, (str)):
                raise Mismatch("" + name_prefix + ".ociVersion must be string")
        if "id" in data_keys:
            data__id = data["id"]
            if not isinstance(data__id, (str)):
                raise Mismatch("" + name_prefix + ".id must be string")
        if "status" in data_keys:
            data__status = data["status"]
            if not isinstance(data__status, (str)):
                raise Mismatch("" + name_prefix + ".status must be string")
            if data__status not in ('creating', 'created', 'running', 'stopped',):
                raise Mismatch("" + name_prefix + ".status must be one of ['creating', 'created', 'running', 'stopped']")
        if "pid" in data_keys:
            data__pid = data["pid"]
            if type(data__pid) is not int:
                raise Mismatch("" + name_prefix + ".pid must be integer")
            if isinstance(data__pid, (int, float)) and not isinstance(data__pid, bool):
                if data__pid < 0:
                    raise Mismatch("" + name_prefix + ".pid must be bigger than or equal to 0")
        if "bundle" in data_keys:
            data__bundle = data["bundle"]
            if not isinstance(data__bundle, (str)):
                raise Mismatch("" + name_prefix + ".bundle must be string")
            if isinstance(data__bundle, str):
                if not is_absolute(data__bundle):
                    raise Mismatch("" + name_prefix + ".bundle must match pattern ^/")
        if "annotations" in data_keys:
            data__annotations = data["annotations"]
            if not isinstance(data__annotations, (dict)):
                raise Mismatch("" + name_prefix + ".annotations must be object")
            data__annotations_is_dict = isinstance(data__annotations, dict)
            if data__annotations_is_dict:
                data__annotations_keys = data__annotations
                for data__annotations_key in data__annotations_keys:
                    if data__annotations_key not in []:
                        data__annotations_value = data__annotations.get(data__annotations_key)
                        if not isinstance(data__annotations_value, (str)):
                            raise Mismatch("" + name_prefix + ".annotations.{data__annotations_key}".format(**locals()) + " must be string")
                data__annotations_len = len(data__annotations)
                if data__annotations_len != 0:
                    data__annotations_property_names = True
                    for data__annotations_key in data__annotations:
                        try:
                            if isinstance(data__annotations_key, str):
                                data__annotations_key_len = len(data__annotations_key)
                                if data__annotations_key_len < 1:
                                    raise Mismatch("" + name_prefix + ".annotations must be longer than or equal to 1 characters")
                        except Mismatch:
                            data__annotations_property_names = False
                    if not data__annotations_property_names:
                        raise Mismatch("" + name_prefix + ".annotations must be named by propertyName definition")
    try:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data_keys = data
            if "status" in data_keys:
                data__status = data["status"]
                if data__status not in ('created', 'running',):
                    raise Mismatch("" + name_prefix + ".status must be one of ['created', 'running']")
    except Mismatch:
        pass
    else:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data__missing_keys = set(['pid']) - data.keys()
            if data__missing_keys:
                raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
    return data
