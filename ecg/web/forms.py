"""Forms with files, read and documented by their models.

flask-openapi3 would take every field for JSON first: a keyword such as 1961 for a number, and 1.50 for 1.5.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_origin

from flask import request
from pydantic import BaseModel, ValidationError

from ecg.web.errors import refuse_body

Form = TypeVar("Form", bound=BaseModel)


def sent(model: type[Form]) -> Form:
    """The form of this request; `BadRequest` names the first field that is wrong."""
    lists = {name for key, field in model.model_fields.items() if get_origin(field.annotation) is list
             for name in (key, field.alias)}  # fmt: skip
    fields: dict[str, Any] = {}
    for part in (request.form, request.files):
        fields |= {name: values if name in lists else values[-1] for name, values in part.lists()}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        refuse_body(error)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """What the OpenAPI document says of an operation that takes the form."""
    content = {"multipart/form-data": {"schema": model.model_json_schema()}}
    return {"requestBody": {"content": content, "required": True}}
