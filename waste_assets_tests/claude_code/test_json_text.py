"""A JSON text changed in one place: the rest of it stays, byte for byte."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waste_assets.claude_code.json_text import insert, remove

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
STYLES = st.sampled_from([{"indent": 2}, {"indent": "\t"}, {}, {"separators": (",", ":")}])


@given(st.dictionaries(st.text(max_size=4), JSON), JSON, STYLES)
def test_what_is_inserted_is_there_and_can_be_taken_out_again(
    value: dict[str, Any], more: Any, style: Any
) -> None:
    text = json.dumps(value, **style)
    longer = insert(text, (), more, key="new key")
    assert json.loads(longer) == {**value, "new key": more}
    assert list(json.loads(longer))[:-1] == list(value)
    assert remove(longer, ("new key",)) == text


@given(st.lists(JSON, min_size=1, max_size=4), st.data(), STYLES)
def test_an_element_is_taken_out_of_a_list(value: list[Any], data: Any, style: Any) -> None:
    at = data.draw(st.integers(0, len(value) - 1))
    text = json.dumps({"before": [1], "list": value}, **style)
    left = json.loads(remove(text, ("list", at)))
    assert left == {"before": [1], "list": value[:at] + value[at + 1 :]}


def test_what_was_written_by_hand_stays_as_it_was() -> None:
    text = '{\r\n\t"a" : [1,2,\r\n\t 3],\r\n\t"hooks":{ }\r\n}\r\n'
    assert insert(text, ("hooks",), [1], key="End") == (
        '{\r\n\t"a" : [1,2,\r\n\t 3],\r\n\t"hooks":{\r\n\t\t"End": [\r\n\t\t\t1'
        "\r\n\t\t]\r\n\t}\r\n}\r\n"
    )


def test_of_a_key_given_twice_the_last_one_counts() -> None:
    text = '{"hooks": {"a": 1}, "hooks": {"b": 2}}'
    assert json.loads(insert(text, ("hooks",), 3, key="c")) == {"hooks": {"b": 2, "c": 3}}
