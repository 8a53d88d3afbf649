"""The page's parts as HTML; whatever stands in them that came from outside is escaped."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from multiskin.serve.texts import Words


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("multiskin.serve.page", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, words: Words, **content: object) -> str:
    """A part of the page.

    Args:
        template: its file's name without the ending.
        words: the sentences of the language it is to be in; `t` in the template.
        content: all that it names besides.
    """
    return _environment().get_template(f"{template}.jinja").render(content, t=words)
