"""Rewords the settings parser's error messages in plain English."""

import re

OPTION = r'Parser key "(?P<option>[\w.]+)": '
UNION = r"Does not validate .*? Subtypes: \["
GIVEN = r" Given value type: <class '[\w.]+'> Given"
NOT_A_NAME = re.compile(  # whether or not null is allowed, too
    rf"{OPTION}(?:Expected a |{UNION})typing\.Literal\[(?P<names>[^]]+)\](?:\. Got|.*?{GIVEN}) value: ?(?P<value>.*)"
)
NOT_OF_KIND = re.compile(rf"{OPTION}Expected a (?P<kinds><class '[\w.]+'>)\. Got value: ?(?P<value>.*)")
NOT_OF_KINDS = re.compile(rf"{OPTION}{UNION}(?P<kinds>.*?)\] Errors: .*?{GIVEN} value: ?(?P<value>.*)")
NO_SECTION = re.compile(rf"{OPTION}Unable to load config '(?P<value>.*?)'")
INSIDE = re.compile(  # an option of a section that may be null
    rf'{OPTION}{UNION}.*? Parser key "(?P<inner>[\w.]+)": (?P<rest>Expected .* Got value: .*) - Expected a'
)
NOT_INSIDE = re.compile(rf"{OPTION}{UNION}.*? Option '(?P<inner>[\w.]+)' is not accepted")
SEPARATE = re.compile(r"(?:[^,\[\]]|\[(?:[^\[\]]|\[[^\[\]]*\])*\])+")  # types, each with its brackets
KINDS = {
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "bool": ("true or false", "true or false"),
    "str": ("text", "texts"),
    "list": ("a list", "lists"),
    "dict": ("a mapping", "mappings"),
    "NoneType": ("null", "nulls"),
}
NULL = {  # what null means, for each option that takes a name or null
    "data.cache": "photos are read again each time",
    "data.decoding": "photos are decoded at full size",
    "recipe.calibration": "probabilities stay as trained",
    "weighting": "heads count equally, apart from their loss_weight",
    "trainer.compile": "the network is not compiled",
}


def plain_message(message: str) -> str:
    """The parser's message as one sentence on what is wrong and what to give; unchanged if its form is unknown."""
    message = " ".join(message.split())
    if inside := INSIDE.search(message):
        return plain_message(f'Parser key "{inside["option"]}.{inside["inner"]}": {inside["rest"]}')
    if unknown := NOT_INSIDE.search(message):
        return f"{unknown['option']}: there is no {unknown['option']}.{unknown['inner']}"
    if found := NOT_A_NAME.search(message):
        null = f", or null: {NULL[found['option']]}" if found["option"] in NULL else ""
        return f"{found['option']} is {_shown(found)}; choose {_any_of(re.findall(r'[^, ]+', found['names']))}{null}"
    if found := NO_SECTION.search(message):
        return f"{found['option']}: give a mapping, not {_shown(found)}"
    found = NOT_OF_KIND.search(message) or NOT_OF_KINDS.search(message)
    kinds = [_kind(text.strip()) for text in SEPARATE.findall(found["kinds"])] if found else []
    if not found or "" in kinds:
        return message
    return f"{found['option']}: give {_any_of(kinds)}, not {_shown(found)}"


def _kind(text: str, number: int = 0) -> str:
    """A Python type in words, singular (number 0) or plural (1); "" if there are no words for it."""
    if several := re.fullmatch(r"list\[(.*)\]", text):
        of = _kind(several[1], 1)
        return of and f"{KINDS['list'][number]} of {of}"
    name = re.sub(r"<class '([\w.]+)'>|(\w+)\[.*", r"\1\2", text)
    if name.startswith(f"{__package__}."):  # a section of the settings
        name = "dict"
    return KINDS.get(name, ("", ""))[number]


def _shown(found: re.Match[str]) -> str:
    return "null" if found["value"] == "None" else f"'{found['value']}'"


def _any_of(words: list[str]) -> str:
    *others, last = (word.strip("'") for word in words)
    return f"{', '.join(others)} or {last}" if others else last
