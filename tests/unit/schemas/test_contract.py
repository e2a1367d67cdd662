"""Topics, currencies, metrics, models and envelope hold together."""

import re

import pycountry
import pytest
from pydantic import ValidationError

from schemas import currencies, envelope, metrics, topics
from schemas.indicators import CATALOGUE, check_catalogue
from schemas.models import MODELS
from schemas.scalars import FieldError, check_slug


def test_every_type_is_on_one_topic_with_a_key_from_its_data() -> None:
    assert set(topics.SPECS) == {*topics.SOURCES, topics.DEAD_LETTERS, topics.ALERTS}
    assert set(topics.FAMILY) == set(topics.SOURCES)
    for type_ in topics.SOURCE_TYPES:
        assert set(topics.SPECS[topics.TOPIC_OF[type_]].types[type_]) <= set(MODELS[type_].model_fields)


def test_keys() -> None:
    assert topics.key_of(topics.EXECUTED, {"transaction_id": "tx-1"}) == b"tx-1"
    assert topics.key_of(topics.SURVEYED, {"asset_type": "rack", "area": "110000"}) == b"rack:110000"
    with pytest.raises(KeyError):
        topics.key_of(topics.OBSERVED, {"indicator": "gdp"})


def test_sources_keep_everything_and_a_dead_letter_has_room_for_its_original() -> None:
    sources = [topics.SPECS[topic] for topic in topics.SOURCES]
    assert {spec.config["retention.ms"] for spec in sources} == {"-1"}
    assert {spec.config["cleanup.policy"] for spec in sources} == {"delete"}
    room = int(topics.SPECS[topics.DEAD_LETTERS].config["max.message.bytes"])
    assert room > max(spec.max_message_bytes for spec in sources) * 4 // 3


def test_currencies_are_the_active_ones_with_a_minor_unit() -> None:
    known = {currency.alpha_3 for currency in pycountry.currencies}
    assert set(currencies.EXPONENTS) <= known
    assert not {"XXX", "XTS", "XAU", "XDR"} & set(currencies.EXPONENTS)
    assert [currencies.exponent(code) for code in ("CNY", "JPY", "KWD", "CLF")] == [2, 0, 3, 4]


def test_metrics_are_named_as_prometheus_wants() -> None:
    for metric in metrics.METRICS.values():
        assert re.fullmatch(r"citypulse_[a-z0-9_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.help.endswith(".")
        assert len(set(metric.labels)) == len(metric.labels)


def test_the_catalogue_has_slugs_of_its_own() -> None:
    for slug, indicator in CATALOGUE.items():
        assert check_slug(slug) == indicator.slug == slug
        assert indicator.units


@pytest.mark.parametrize(
    ("slug", "unit", "value", "open_", "field"),
    [
        ("happiness", "RATIO", "0.5", False, "indicator"),
        ("gdp", "PERCENT", "5", False, "unit"),
        ("gdp", "CNY", "-5", True, "value"),
        ("pue", "RATIO", "+1.3", False, "value"),
    ],
)
def test_figures_that_the_catalogue_refuses(slug: str, unit: str, value: str, open_: bool, field: str) -> None:
    with pytest.raises(FieldError) as refused:
        check_catalogue(slug, unit, value, open_=open_)
    assert refused.value.field == field


def test_an_open_catalogue_takes_what_it_does_not_know() -> None:
    check_catalogue("happiness", "RATIO", "-0.5", open_=True)
    check_catalogue("digital_economy_growth", "PERCENT", "-0.5", open_=False)


@pytest.mark.parametrize("type_", topics.SOURCE_TYPES)
def test_models_forbid_unknown_fields_and_give_a_schema(type_: str) -> None:
    schema = MODELS[type_].model_json_schema()
    assert schema["additionalProperties"] is False
    with pytest.raises(ValidationError, match="extra_forbidden"):
        MODELS[type_].model_validate({"surprise": 1})


@pytest.mark.parametrize(
    ("content_type", "json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/x+json", True),
        ("text/json", True),
        ("text/plain", False),
        ("application/jsonl", False),
        ("", False),
    ],
)
def test_media_types(content_type: str, json: bool) -> None:
    assert envelope.is_json(content_type) is json
