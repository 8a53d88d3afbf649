"""What the parser of settings has against a value, in the user's words."""

import re

OPTION = r'Parser key "(?P<option>[\w.]+)": '
NOT_A_NAME = re.compile(  # with or without null among the names
    rf"{OPTION}(?:Expected a|Does not validate .* Subtypes: \[)\s?"
    r"typing\.Literal\[(?P<names>[^]]+)\].* value: (?P<value>.*)"
)
NOT_OF_KIND = re.compile(rf"{OPTION}Expected a (?P<kinds><class '\w+'>)\. Got value: (?P<value>.*)")
NOT_OF_KINDS = re.compile(
    rf"{OPTION}Does not validate .* Subtypes: \[(?P<kinds>.*)\] Errors: .* Given value: (?P<value>.*)"
)
KIND = re.compile(r"\b\w+(?='>|\[)")  # of <class 'int'> and of list[float]
INSIDE = re.compile(  # of options that are several together, or null
    rf'{OPTION}Does not validate .* Parser key "(?P<inner>[\w.]+)": (?P<rest>Expected .*? Got value: .*?) - Expected a'
)
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "dict": "a mapping",
    "NoneType": "null",
}
NULL = {  # what it means, of each option that is null or one of several names
    "data.cache": "photos are read anew each time",
    "data.decoding": "photos are decoded whole",
    "recipe.calibration": "probabilities stay as trained",
    "weighting": "heads count equally, each times its loss_weight",
    "trainer.compile": "the network runs as it is",
}


def worded(message: str) -> str:
    """The parser's message as one sentence of what is wrong and what to give; as it is where that is not understood."""
    message = " ".join(message.split())
    inside = INSIDE.search(message)
    if inside:
        message = f'Parser key "{inside["option"]}.{inside["inner"]}": {inside["rest"]}'
    if found := NOT_A_NAME.search(message):
        null = f", or null: {NULL[found['option']]}" if found["option"] in NULL else ""
        return f"{_said(found)}; choose {_either(found['names'].replace(chr(39), '').split(', '))}{null}"
    found = NOT_OF_KIND.search(message) or NOT_OF_KINDS.search(message)
    kinds = KIND.findall(found["kinds"]) if found else []
    if found and KINDS.keys() >= set(kinds):
        return f"{_said(found)}; give {_either([KINDS[kind] for kind in dict.fromkeys(kinds)])}"
    return message


def _said(found: re.Match[str]) -> str:
    return f"{found['option']} is '{found['value']}'"


def _either(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
