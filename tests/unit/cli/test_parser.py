import pytest

from streams.cli.parser import DEMO_RATE_MAX, UsageError, build_parser


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["topics"],
        ["topics", "drop"],
        ["demo", "--rate", str(DEMO_RATE_MAX + 1)],
        ["demo", "--rate", "-1"],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "nan"],
        ["worker", "--port", "65536"],
        ["worker", "--port", "²"],
        ["worker", "--clock", "moon"],
        ["publish", "a", "b"],
    ],
)
def test_nonsense_is_one_line_that_points_to_the_help(arguments: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        build_parser().parse_args(arguments)
    (line,) = caught.value.lines()
    assert "--help" in line
    assert caught.value.exit_code == 2


def test_defaults() -> None:
    demo = build_parser().parse_args(["demo"])
    assert (demo.seconds, demo.rate, demo.port, demo.json) == (None, 200, 6066, False)
    publish = build_parser().parse_args(["publish"])
    assert (publish.file, publish.format) == ("-", None)
    worker = build_parser().parse_args(["worker"])
    assert (worker.port, worker.clock) == (None, None)  # the settings decide
