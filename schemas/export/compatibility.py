"""Whether a schema still keeps what its published version promised.

What we take may become more: an event that was valid stays valid. What we write may gain fields that readers pass
over, and else only become less: what a reader may meet stays within what was published. Both are one question, whether
all that one schema allows is allowed by another, asked in one direction or the other. What cannot be shown is broken.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

Schema = Mapping[str, Any]

_WORDS: Final = frozenset({"$schema", "$id", "$defs", "$comment", "title", "description", "examples"})
"""Keywords that allow and forbid nothing."""

_COMPARED: Final = frozenset(
    {"type", "enum", "const", "required", "properties", "additionalProperties", "allOf", "anyOf"}
    | {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}
)
_LOWEST: Final = ("minimum", "minLength", "minItems")
_HIGHEST: Final = ("maximum", "maxLength", "maxItems")
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_NONE: Final = "none"

_BEARS_ON: Final[dict[str, frozenset[str]]] = {
    word: frozenset(types)
    for types, words in (
        (("string",), ("pattern", "format", "minLength", "maxLength", "contentEncoding")),
        (("integer", "number"), ("minimum", "maximum")),
        (("array",), ("minItems", "maxItems", "items", "prefixItems")),
    )
    for word in words
}
"""Keyword -> the types that it says something about; of the others it allows every value."""

_TAKEN: Final = {
    "values": "no longer taken: {wide}",
    "only": "only these are taken now: {narrow}",
    "needed": "it is needed now",
    "field": "it is no longer taken",
    "others": "other fields are no longer taken",
    "rule": "a new rule: {narrow}",
    "keyword": "{word} was {wide}, is {narrow}",
}
_WRITTEN: Final = {
    "values": "it may be {wide} now",
    "only": "it may be something else now than {narrow}",
    "needed": "it is no longer there in every event",
    "field": "it is new, and readers were told that no field is added",
    "others": "fields may be added now",
    "rule": "a rule no longer holds: {narrow}",
    "keyword": "{word} was {narrow}, is {wide}",
}


class _Lost(NamedTuple):
    """Something that the wide schema allows and the narrow one may not allow."""

    path: str
    kind: str
    wide: object = _NONE
    narrow: object = _NONE
    word: str = ""


def breaks(published: Schema, now: Schema, *, written: bool = False) -> list[str]:
    """What a change of a schema breaks, one line each; none when it is compatible.

    Args:
        published: the schema as it was published.
        now: the schema that the code makes.
        written: it describes what we write, not what we take.
    """
    old, new = _inlined(published, published), _inlined(now, now)
    lost, texts = (_compare(new, old, ""), _WRITTEN) if written else (_compare(old, new, ""), _TAKEN)
    return [
        f"{one.path or 'the event'}: "
        + texts[one.kind].format(wide=_short(one.wide), narrow=_short(one.narrow), word=one.word)
        for one in lost
    ]


def _inlined(schema: Any, root: Schema) -> Any:
    """The schema without references, which are all ``#/$defs/NAME``, and without what says nothing."""
    if isinstance(schema, list):
        return [_inlined(one, root) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return _inlined(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    return {
        word: {name: _inlined(field, root) for name, field in value.items()}
        if word == "properties"
        else _inlined(value, root)
        for word, value in schema.items()
        if word not in _WORDS
    }


def _compare(wide: Schema, narrow: Schema, path: str) -> list[_Lost]:
    if wide == narrow:
        return []
    if wide.get("anyOf") == narrow.get("anyOf"):
        wide, narrow = _without(wide), _without(narrow)
    if "anyOf" in wide:
        rest = _without(wide)
        possible = [_both(rest, one) for one in wide["anyOf"] if _types(rest) & _types(one)]
        return [lost for one in possible for lost in _compare(one, narrow, path)]
    if "anyOf" in narrow:
        best = min((_compare(wide, one, path) for one in narrow["anyOf"]), key=len)
        return [*_compare(wide, _without(narrow), path), *best]
    return [
        *_values(wide, narrow, path),
        *_bounds(wide, narrow, path),
        *_fields(wide, narrow, path),
        *_rules(wide, narrow, path),
    ]


def _without(schema: Schema) -> Schema:
    return {word: value for word, value in schema.items() if word != "anyOf"}


def _both(one: Schema, other: Schema) -> Schema:
    """A schema that allows at least what two allow together."""
    fields = dict(one.get("properties", {}))
    for name, schema in other.get("properties", {}).items():
        fields[name] = {**fields.get(name, {}), **schema}
    needed = [*one.get("required", ()), *other.get("required", ())]
    types = sorted(_types(one) & _types(other))
    return {**one, **other, "properties": fields, "required": needed, "type": types}


def _matters(word: str, wide: Schema, narrow: Schema) -> bool:
    return word not in _BEARS_ON or bool(_BEARS_ON[word] & _types(wide) & _types(narrow))


def _values(wide: Schema, narrow: Schema, path: str) -> list[_Lost]:
    gone: list[Any] = sorted(_types(wide) - _types(narrow) - ({"integer"} if "number" in _types(narrow) else set()))
    allowed, had = _choices(narrow), _choices(wide)
    if allowed is not None:
        if had is None:
            return [_Lost(path, "only", narrow=", ".join(map(str, allowed)))]
        gone += [value for value in had if value not in allowed]
    return [_Lost(path, "values", wide=", ".join(map(str, gone)))] if gone else []


def _types(schema: Schema) -> set[str]:
    given = schema.get("type", _TYPES)
    return {given} if isinstance(given, str) else set(given)


def _choices(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(wide: Schema, narrow: Schema, path: str) -> list[_Lost]:
    return [
        _Lost(path, "keyword", wide.get(word, _NONE), narrow[word], word)
        for words, sign in ((_LOWEST, 1), (_HIGHEST, -1))
        for word in words
        if word in narrow
        and (word not in wide or sign * narrow[word] > sign * wide[word])
        and _matters(word, wide, narrow)
    ]


def _fields(wide: Schema, narrow: Schema, path: str) -> list[_Lost]:
    known, kept = wide.get("properties", {}), narrow.get("properties", {})
    closed = wide.get("additionalProperties") is False
    new = [name for name in narrow.get("required", ()) if name not in wide.get("required", ())]
    found = [_Lost(_at(path, name), "needed") for name in new]
    if narrow.get("additionalProperties") is False:
        found += [_Lost(_at(path, name), "field") for name in known if name not in kept]
        if not closed:
            found.append(_Lost(path, "others"))
    for name, schema in kept.items():
        if name in known or not closed:
            found += _compare(known.get(name, {}), schema, _at(path, name))
    return found


def _rules(wide: Schema, narrow: Schema, path: str) -> list[_Lost]:
    """Rules of several fields, and every keyword that is only compared for being the same."""
    found = [_Lost(path, "rule", narrow=rule) for rule in narrow.get("allOf", ()) if rule not in wide.get("allOf", ())]
    others = [
        word
        for word in narrow
        if word not in _COMPARED and wide.get(word) != narrow[word] and _matters(word, wide, narrow)
    ]
    open_to = narrow.get("additionalProperties", True)
    if isinstance(open_to, Mapping) and wide.get("additionalProperties") != open_to:
        others.append("additionalProperties")
    return [*found, *(_Lost(path, "keyword", wide.get(word, _NONE), narrow[word], word) for word in others)]


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
