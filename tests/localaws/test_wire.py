"""The Query protocol, read and written from botocore's model."""

import io
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.parsers import QueryParser
from hypothesis import given
from hypothesis import strategies as st

from localaws import wire
from localaws.errors import InvalidAction, StackNotFound, ValidationError

MODEL = botocore.session.get_session().get_service_model("cloudformation")
XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\t\n\r"))


def parsed(action: str, body: bytes, status: int = 200) -> dict[str, Any]:
    shape = MODEL.operation_model(action).output_shape
    answer: dict[str, Any] = QueryParser().parse({"body": body, "headers": {}, "status_code": status}, shape)
    return answer


def environ(body: bytes, query: str = "") -> dict[str, Any]:
    return {"CONTENT_LENGTH": str(len(body)), "QUERY_STRING": query, "wsgi.input": io.BytesIO(body)}


def test_a_form_is_read_from_body_and_query() -> None:
    form = wire.read_form(environ(urlencode({"Action": "ListStacks", "A": "ü"}).encode(), "B=&C=1"))
    assert form == {"Action": "ListStacks", "A": "ü", "B": "", "C": "1"}


def test_a_huge_request_is_refused_unread() -> None:
    request = {"CONTENT_LENGTH": str(wire.LARGEST_REQUEST_BYTES + 1), "wsgi.input": io.BytesIO()}
    with pytest.raises(ValidationError, match="too large"):
        wire.read_form(request)


def test_lists_structures_and_types_are_read_by_the_model() -> None:
    form = {
        "StackName": "s",
        "Tags.member.2.Key": "b",
        "Tags.member.1.Key": "a",
        "Tags.member.1.Value": "1",
        "Tags.member.10.Key": "c",
        "DisableRollback": "true",
        "TimeoutInMinutes": "15",
        "NotificationARNs": "",
        "Unknown": "x",
    }
    assert wire.read_parameters("CreateStack", form) == {
        "StackName": "s",
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b"}, {"Key": "c"}],
        "DisableRollback": True,
        "TimeoutInMinutes": 15,
        "NotificationARNs": [],
    }


@pytest.mark.parametrize(
    ("action", "form", "words"),
    [
        ("DeleteStack", {}, "Value null at 'stackName' failed to satisfy constraint: Member must not be null"),
        ("CreateStack", {"StackName": "s", "TimeoutInMinutes": "x"}, "not a number"),
        ("CreateStack", {"StackName.a": "s"}, "structure"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(action: str, form: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        wire.read_parameters(action, form)


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(InvalidAction):
        wire.read_parameters("MakeCoffee", {})


@given(XML_TEXT, XML_TEXT)
def test_text_comes_back_as_it_was(template: str, key: str) -> None:
    body = wire.answer_xml("GetTemplate", {"TemplateBody": template, "StagesAvailable": [key]})
    answer = parsed("GetTemplate", body)
    assert answer["TemplateBody"] == template
    assert answer["StagesAvailable"] == [key]


def test_an_answer_has_types_and_leaves_out_what_is_absent() -> None:
    stack = {"StackName": "s", "CreationTime": 1.2345, "DisableRollback": False, "Outputs": [], "RoleARN": None}
    answer = parsed("DescribeStacks", wire.answer_xml("DescribeStacks", {"Stacks": [stack]}))["Stacks"][0]
    assert answer["CreationTime"].isoformat() == "1970-01-01T00:00:01.234000+00:00"
    assert answer["DisableRollback"] is False
    assert answer["Outputs"] == []
    assert "RoleARN" not in answer


def test_an_error_has_awss_shape() -> None:
    answer = parsed("DescribeStacks", wire.error_xml(StackNotFound("a<b")), 400)
    assert answer["Error"] == {
        "Type": "Sender",
        "Code": "ValidationError",
        "Message": "Stack with id a<b does not exist",
    }


def test_a_control_character_does_not_break_the_answer() -> None:
    answer = parsed("GetTemplate", wire.answer_xml("GetTemplate", {"TemplateBody": "a\x00b"}))
    assert answer["TemplateBody"] == "a\ufffdb"


def test_an_action_without_result_answers_too() -> None:
    assert parsed("DeleteStack", wire.answer_xml("DeleteStack", {}))["ResponseMetadata"]["RequestId"]
