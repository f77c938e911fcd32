"""Reading `sichtflug.toml`, with readable errors. No message quotes a value, because it may be a secret."""

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

Struct = TypeVar("Struct", bound=msgspec.Struct)

#: The types of settings, for messages.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "object": "a table",
    "array": "an array",
    "null": "nothing",
}
#: Messages of the parser that quote nothing of the file.
_OWN_WORDS = re.compile(r"(?:[A-Za-z /,-]|'(?:=|]|]]|\\)')+")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?(.*)`)?")
_WRONG = re.compile(r"Expected `(.*)`, got `(.*)` - at `\$\.(.*)`")


class FileError(ValueError):
    """A file is invalid. The message says what was expected, what was found, and where, but not in which file."""


def parsed(path: Path) -> dict[str, Any]:
    """Return the content of a file. Raises FileError."""
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        what, at, place = str(error).partition(" (at ")
        words = what if _OWN_WORDS.fullmatch(what) else "Error"
        raise FileError(f"expected TOML: {words}{at}{place}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise FileError("expected a readable file in UTF-8, found bytes that are not UTF-8") from None
        raise FileError("expected TOML: a number of thousands of digits, or thousands of brackets") from None
    except OSError as error:
        raise FileError(f"expected a readable file in UTF-8, found {error.strerror}") from None


def converted(values: dict[str, Any], kind: type[Struct]) -> Struct:
    """Return the content as a struct. Raises FileError."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise FileError(_in_words(str(error), kind)) from None


def closest(name: str, known: Sequence[str]) -> str:
    """Return the start of a hint with the name that was probably meant; '' if none is close."""
    matches = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"did you mean {matches[0]}? " if matches else ""


def _in_words(message: str, kind: type[msgspec.Struct]) -> str:
    if match := _UNKNOWN.fullmatch(message):
        name, place = match[1], match[2] or ""
        known = _names(kind, place)
        return f"{_path(place, name)} is not a setting; {closest(name, known)}expected one of {', '.join(known)}"
    if match := _WRONG.fullmatch(message):
        wanted, came = (" or ".join(KINDS.get(kind, kind) for kind in text.split(" | ")) for text in match.group(1, 2))
        return f"{_path(match[3])}: expected {wanted}, found {came}"
    return message.replace("`$.", "`")


def _path(*parts: str) -> str:
    """Return a place in the file in TOML's notation; `*` stands for a name chosen in the file."""
    return ".".join(filter(None, parts)).replace("[...]", ".*")


def _names(kind: Any, place: str) -> list[str]:
    """Return the keys that a table of the file may hold."""
    for part in re.findall(r"\w+", place):
        [kind] = (field.type for field in msgspec.structs.fields(kind) if field.name == part)
        # One table of that struct, or tables under names chosen in the file.
        kind = next((argument for argument in get_args(kind) if hasattr(argument, "__struct_fields__")), kind)
    return [field.name for field in msgspec.structs.fields(kind)]
