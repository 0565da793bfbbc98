"""The texts of the admin UI: both languages say the same things, and pages say nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "admin_ui/grokgate_admin_ui/static"
SPACES = sorted(file.stem for file in (STATIC / "i18n/en").glob("*.json"))
SCRIPTS = sorted((STATIC / "app").rglob("*.js"))

BOUND = re.compile(r'const (\w+) = texts\("(\w+)"\)')
PLACE = re.compile(r"\{(\w+)\}")
WORDS = r"(?!Ctrl|Grokgate)(?:[A-Z][a-z]+|[a-z]{2,} )"
"""How words begin that somebody reads; names of keys and of the product are none."""
ATTRIBUTE = re.compile(
    rf'\s(?:label|title|lead|help|placeholder|action|aria-?[lL]abel)="({WORDS}[^"$]*)"'
)
BETWEEN_TAGS = re.compile(rf"<[\w/][^<>`]*[^=]>\s*({WORDS}[^<>`${{}}();=]*)<")


def texts(language: str, space: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((STATIC / f"i18n/{language}/{space}.json").read_text())
    return found


def meanings(language: str, space: str) -> dict[str, set[str]]:
    """Return what may stand in each text; forms of a plural are one text, as languages differ."""
    found: dict[str, set[str]] = {}
    for key, text in texts(language, space).items():
        places = set(PLACE.findall(text)) - {"count"}
        found.setdefault(re.sub("_(one|other)$", "", key), set()).update(places)
    return found


@pytest.mark.parametrize("space", SPACES)
def test_both_languages_have_the_same_texts(space: str) -> None:
    english, chinese = meanings("en", space), meanings("zh", space)

    assert english.keys() == chinese.keys()
    assert {key: places for key, places in chinese.items() if not places <= english[key]} == {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_language_has_a_file_of_its_own(language: str) -> None:
    assert sorted(file.stem for file in (STATIC / "i18n" / language).iterdir()) == SPACES


def literal_keys(source: str) -> Iterator[tuple[str, str]]:
    """Yield namespace and key of every text that is asked for by its name."""
    for name, space in BOUND.findall(source):
        for key in re.findall(rf'(?<![\w.]){name}\(\s*"(\w+)"', source):
            yield space, key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_that_is_asked_for_exists(language: str) -> None:
    missing = [
        f"{script.relative_to(STATIC)}: {space}.{key}"
        for script in SCRIPTS
        for space, key in literal_keys(script.read_text())
        if not {key, f"{key}_other"} & {*texts(language, space), *texts(language, "common")}
    ]

    assert not missing


def test_pages_hold_no_words_of_their_own() -> None:
    found = [
        f"{script.relative_to(STATIC)}: {words.strip()}"
        for script in SCRIPTS
        for pattern in (ATTRIBUTE, BETWEEN_TAGS)
        for words in pattern.findall(script.read_text())
    ]

    assert not found
