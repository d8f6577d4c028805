"""Templates: reading, checks, parameters, and what their values mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.errors import ValidationError
from localaws.resolution import Blueprint, Scope, waves
from localaws.stacks import Resource
from localaws.template import parameter_values, parse, references

SCOPE = Scope("100000000000", "eu-west-1", "arn:stack/s/1", "s", ("arn:topic",))
TOPIC = {"Type": "AWS::SNS::Topic"}
DEPLOYED = {"T": Resource("T", "AWS::SNS::Topic", "arn:t", attributes={"TopicName": "t", "A.B": "nested"})}


def blueprint(
    sections: dict[str, Any] | None = None, given: dict[str, str] | None = None, **resources: Any
) -> Blueprint:
    template = parse(json.dumps({"Resources": resources or {"T": TOPIC}, **(sections or {})}))
    return Blueprint(template, parameter_values(template, given or {}), SCOPE)


def resolved(value: Any, sections: dict[str, Any] | None = None, given: dict[str, str] | None = None) -> Any:
    return blueprint(sections, given).resolve(value, DEPLOYED)


MAPS = {"Mappings": {"M": {"eu-west-1": {"size": 3}}}}
CONDITIONS = {
    "Parameters": {"P": {"Type": "String", "Default": "yes"}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "P"}, "yes"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Any": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Region": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
    },
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "T"}, "arn:t"),
        ({"Ref": "AWS::AccountId"}, "100000000000"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::StackName"}, "s"),
        ({"Ref": "AWS::StackId"}, "arn:stack/s/1"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Ref": "AWS::NotificationARNs"}, ["arn:topic"]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Fn::GetAtt": ["T", "TopicName"]}, "t"),
        ({"Fn::GetAtt": "T.TopicName"}, "t"),
        ({"Fn::GetAtt": ["T", "A.B"]}, "nested"),
        ({"Fn::Sub": "${T}/${T.TopicName}/${!T}/${AWS::Region}/$x"}, "arn:t/t/${T}/eu-west-1/$x"),
        ({"Fn::Sub": ["${x}-${T}", {"x": {"Ref": "AWS::AccountId"}}]}, "100000000000-arn:t"),
        ({"Fn::Join": ["-", ["a", {"Ref": "T"}, 1, True]]}, "a-arn:t-1-true"),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Select": ["0", {"Fn::Split": [":", {"Ref": "T"}]}]}, "arn"),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "size"]}, 3),
        ({"Ref": "Plain", "Other": 1}, {"Ref": "Plain", "Other": 1}),
    ],
)
def test_functions(value: Any, expected: Any) -> None:
    assert resolved(value, MAPS) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::GetAtt": ["T", "Nope"]}, "does not support attribute type Nope"),
        ({"Fn::Select": [5, ["a"]]}, "nonexistent value"),
        ({"Fn::Select": [-1, ["a"]]}, "nonexistent value"),
        ({"Fn::Join": ["-", "text"]}, "list of strings"),
        ({"Fn::Join": ["-", [["a"]]]}, "a string was expected"),
        ({"Fn::Join": "x"}, "two elements"),
        ({"Fn::FindInMap": ["M", "no", "size"]}, "Unable to get mapping"),
        ({"Fn::If": ["Nope", 1, 2]}, "unresolved condition"),
        ({"Fn::If": [1]}, "three elements"),
        ({"Fn::Cidr": ["10.0.0.0/8", 1, 1]}, "does not offer"),
    ],
)
def test_functions_used_wrongly(value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        resolved(value, MAPS)


@pytest.mark.parametrize(("name", "expected"), [("Yes", 1), ("No", 0), ("Both", 0), ("Any", 1), ("Region", 1)])
def test_conditions(name: str, expected: int) -> None:
    assert resolved({"Fn::If": [name, 1, 0]}, CONDITIONS) == expected


def test_a_condition_that_needs_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="unresolved condition"):
        resolved({"Fn::If": ["A", 1, 2]}, {"Conditions": {"A": {"Fn::Not": [{"Condition": "A"}]}}})


def test_a_resource_whose_condition_is_false_is_left_out() -> None:
    made = blueprint(
        CONDITIONS,
        T={**TOPIC, "Condition": "No"},
        U={**TOPIC, "DependsOn": "T", "Properties": {"DisplayName": {"Fn::If": ["No", {"Ref": "T"}, "x"]}}},
    )
    assert made.waves == [["U"]]


def test_a_reference_to_a_resource_left_out_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"Unresolved resource dependencies \[T\]"):
        blueprint(CONDITIONS, T={**TOPIC, "Condition": "No"}, U={**TOPIC, "Properties": {"DisplayName": {"Ref": "T"}}})


def test_list_parameters_are_lists() -> None:
    sections = {"Parameters": {"L": {"Type": "CommaDelimitedList"}}}
    assert resolved({"Ref": "L"}, sections, {"L": "a, b"}) == ["a", "b"]


def test_waves_follow_references_and_depends_on() -> None:
    made = blueprint(
        A=TOPIC,
        B={**TOPIC, "DependsOn": ["A"]},
        C={**TOPIC, "Properties": {"DisplayName": {"Fn::Sub": "${A.TopicName}"}}},
        D={**TOPIC, "Metadata": {"needs": {"Fn::GetAtt": ["C", "TopicName"]}}},
    )
    assert made.waves == [["A"], ["B", "C"], ["D"]]


@given(st.dictionaries(st.integers(0, 20), st.sets(st.integers(0, 20))))
def test_waves_order_whatever_has_no_cycle(graph: dict[int, set[int]]) -> None:
    depends_on = {str(name): {str(n) for n in needs if n < name} for name, needs in graph.items()}
    order = waves(depends_on)
    assert sorted(name for wave in order for name in wave) == sorted(depends_on)
    done: set[str] = set()
    for wave in order:
        for name in wave:
            assert depends_on[name] & depends_on.keys() <= done
        done.update(wave)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_what_holds_no_function_stays_as_it_is(value: Any) -> None:
    text = json.dumps(value)
    if "Ref" not in text and "Fn::" not in text:
        assert resolved(value) == value


@given(st.text())
def test_sub_copies_what_is_no_variable(text: str) -> None:
    if "${" not in text:
        assert resolved({"Fn::Sub": text}) == text


@given(st.lists(st.text()), st.text(min_size=1))
def test_split_undoes_join(parts: list[str], separator: str) -> None:
    joined = resolved({"Fn::Join": [separator, parts]})
    assert resolved({"Fn::Split": [separator, joined]}) == separator.join(parts).split(separator)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"JSON not well-formed. \(line 1, column 2\)"),
        ("a: [", "YAML not well-formed"),
        ("[]", "unsupported structure"),
        ("{}", "At least one Resources member must be defined"),
        ('{"Resources": []}', "Resources must be an object"),
        ('{"Resources": {"A-b": {"Type": "X"}}}', "Resource name A-b is non alphanumeric"),
        ('{"Resources": {"A": {}}}', "must contain a Type member"),
        ('{"Resources": {"A": 1}}', "must be an object"),
        ('{"Resources": {"A": {"Type": "X", "Nope": 1}}}', "Invalid template resource property 'Nope'"),
        ('{"Resources": {"A": {"Type": "X", "DeletionPolicy": "Keep"}}}', "Unrecognized DeletionPolicy Keep"),
        ('{"Resources": {"A": {"Type": "X"}}, "Nope": 1}', r"Invalid template property or properties \[Nope\]"),
        ('{"Resources": {"A": {"Type": "X"}}, "Transform": "AWS::Serverless"}', "Transforms"),
        (
            '{"Resources": {"A": {"Type": "X", "Properties": {"P": {"Ref": "Nope"}}}}}',
            r"Unresolved resource dependencies \[Nope\] in the Resources block of the template",
        ),
        (
            '{"Resources": {"A": {"Type": "X"}}, "Outputs": {"O": {"Value": {"Fn::Sub": "${Nope.Arn}"}}}}',
            r"Unresolved resource dependencies \[Nope\] in the Outputs block",
        ),
        ('{"Resources": {"A": {"Type": "X", "Condition": "Nope"}}}', "Unresolved condition dependency Nope"),
        (
            '{"Resources": {"A": {"Type": "X", "DependsOn": "A"}}}',
            r"Circular dependency between resources: \[A\]",
        ),
    ],
)
def test_a_faulty_template_is_refused_in_awss_words(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        parse(text)


def test_a_cycle_is_refused_and_named_without_its_dependents() -> None:
    with pytest.raises(ValidationError, match=r"Circular dependency between resources: \[A, B\]"):
        blueprint(A={**TOPIC, "DependsOn": "B"}, B={**TOPIC, "DependsOn": "A"}, C={**TOPIC, "DependsOn": "A"})


def test_five_hundred_resources_and_no_more() -> None:
    resources = {f"R{n}": TOPIC for n in range(501)}
    with pytest.raises(ValidationError, match="Number of resources, 501, is greater than maximum allowed, 500"):
        parse(json.dumps({"Resources": resources}))
    del resources["R0"]
    parse(json.dumps({"Resources": resources}))


def test_yaml_short_forms_and_policy_dates() -> None:
    template = parse(
        """
        Resources:
          Bucket:
            Type: AWS::S3::Bucket
            Properties:
              BucketName: !Sub "${AWS::StackName}-x"
              Tags: [{Key: a, Value: !Select [0, [!Ref "AWS::Region"]]}]
          Policy:
            Type: AWS::S3::BucketPolicy
            Properties:
              Bucket: !Ref Bucket
              PolicyDocument: {Version: 2012-10-17, Resource: !GetAtt Bucket.Arn}
        """
    )
    policy = template.resources["Policy"]["Properties"]["PolicyDocument"]
    assert policy == {"Version": "2012-10-17", "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}}
    assert set(references(template.resources)) == {"AWS::StackName", "AWS::Region", "Bucket"}


def parameters(rules: dict[str, Any], **given: str) -> dict[str, str]:
    template = parse(json.dumps({"Resources": {"T": TOPIC}, "Parameters": {"P": rules}}))
    return parameter_values(template, given)


def test_a_default_fills_in() -> None:
    assert parameters({"Type": "Number", "Default": 3}) == {"P": "3"}


@pytest.mark.parametrize(
    ("rules", "given", "words"),
    [
        ({"Type": "String"}, {}, r"Parameters: \[P\] must have values"),
        ({"Type": "String"}, {"P": "a", "Q": "b"}, r"Parameters: \[Q\] do not exist in the template"),
        ({"Type": "String", "AllowedValues": ["a"]}, {"P": "b"}, "Parameter 'P' must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "a1"}, "must match pattern"),
        ({"Type": "String", "AllowedPattern": "a", "ConstraintDescription": "be a"}, {"P": "b"}, "constraint: be a"),
        ({"Type": "String", "MinLength": 3}, {"P": "ab"}, "at least 3 characters"),
        ({"Type": "String", "MaxLength": "3"}, {"P": "abcd"}, "at most 3 characters"),
        ({"Type": "Number"}, {"P": "x"}, "must be a number"),
        ({"Type": "Number", "MinValue": 3}, {"P": "2"}, "not less than 3"),
        ({"Type": "Number", "MaxValue": 3}, {"P": "4"}, "not greater than 3"),
    ],
)
def test_a_wrong_parameter_is_refused(rules: dict[str, Any], given: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        parameters(rules, **given)


def test_capabilities_follow_the_types_and_their_names() -> None:
    def capability(**resources: Any) -> str:
        return parse(json.dumps({"Resources": resources})).capability()[0]

    assert capability(T=TOPIC) == ""
    assert capability(R={"Type": "AWS::IAM::Role"}) == "CAPABILITY_IAM"
    assert capability(R={"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}) == "CAPABILITY_NAMED_IAM"
