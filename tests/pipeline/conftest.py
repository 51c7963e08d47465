"""The shop's pipeline file, to be spoiled."""

from collections.abc import Callable
from pathlib import Path

import pytest

from apps.pipeline import definition

Change = Callable[..., list[str]]


@pytest.fixture
def problems(shop: Path) -> Callable[[str | bytes], list[str]]:
    """What the console says of a file with this text, beside the shop's jobs."""

    def read(text: str | bytes) -> list[str]:
        path = shop.parent / "changed.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            definition.read(path)
        except definition.PipelineError as error:
            return error.problems
        return []

    return read


@pytest.fixture
def change(shop: Path, problems: Callable[[str | bytes], list[str]]) -> Change:
    """What the console says when one place of the shop's file, or several, is written differently."""

    def spoil(*places: tuple[str, str]) -> list[str]:
        text = (shop.parent / "shop.toml").read_text()
        for old, new in places:
            assert old in text
            text = text.replace(old, new, 1)
        return problems(text)

    return spoil
