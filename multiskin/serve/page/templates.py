"""Renders the page's HTML templates, with autoescaping."""

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
    """Renders a template.

    Args:
        template: its file name without the extension.
        words: the texts in the language to render in; `t` in the template.
        content: all other variables of the template.
    """
    return _environment().get_template(f"{template}.jinja").render(content, t=words)
