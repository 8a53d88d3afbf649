"""Event handlers for saved results, which are shown, compared and deleted for the account that is signed in."""

from typing import Any, NamedTuple

import gradio as gr

from multiskin.schema import Schema
from multiskin.serve.page.panels import show_invitation, show_message
from multiskin.serve.page.past import moment, show_comparison, show_past
from multiskin.serve.services import Services
from multiskin.serve.sessions import session_of, tab_of
from multiskin.serve.texts import Words, words

ALL = "all"  # stands for a result's id in requests to delete all results


class Saved(NamedTuple):
    """What the page shows of an account: a value or an update for each component of `SavedFields`."""

    message: str
    past: str
    comparing: Any  # the container of the next three components
    first: Any
    second: Any
    comparison: str
    account: Any  # the section for managing the account
    password: Any
    leave_message: str  # next to the button, which may be far from the other message


class SavedResults:
    """Handles events concerning saved results.

    Args:
        services: the services of the demo.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, language: str, request: gr.Request) -> Saved:
        return self._shown(request, words(language))

    def compare(self, first: int | None, second: int | None, language: str, request: gr.Request) -> str:
        """Two results side by side."""
        account = session_of(request).account_id
        if account is None or first is None or second is None:
            return ""
        return self._comparison(account, first, second, words(language))

    def delete(self, chosen: gr.EventData, language: str, request: gr.Request) -> Saved:
        """Deletes one result, or all."""
        account, asked, said = session_of(request).account_id, chosen._data["delete"], words(language)
        if account is None:
            return self._shown(request, said)
        try:
            if asked == ALL:
                self._services.history.delete_all(account)
            else:
                self._services.history.delete_result(account, int(asked))
        except LookupError:
            return self._shown(request, said, said("past.gone"))
        return self._shown(request, said, said("past.deleted"), "done")

    def not_deleted(self, why: str, language: str, request: gr.Request) -> Saved:
        """Says why an account was not deleted, by the API's error code."""
        said = words(language)
        told = show_message(said.of("problem", why), "error", said)
        return self._shown(request, said)._replace(leave_message=told)

    def _shown(self, request: gr.Request, said: Words, message: str = "", kind: str = "error") -> Saved:
        told, silent = show_message(message, kind, said), show_message("", "error", said)
        hidden = gr.update(visible=False)
        account = session_of(request).account_id
        if account is None:
            invitation = show_invitation(tab_of(request), said)
            return Saved(told, invitation, hidden, gr.skip(), gr.skip(), "", hidden, gr.update(value=""), silent)
        history = self._services.history
        results = history.results(account)
        numbers = range(len(results), 0, -1)  # so that two in the same minute have different labels
        choices = [(f"{n} · {moment(result.when)}", result.id) for n, result in zip(numbers, results, strict=True)]
        oldest, newest = (choices[-1][1], choices[0][1]) if len(choices) > 1 else (None, None)
        return Saved(
            told,
            show_past(results, history.trend(account), self._schema, self._services.advice, said),
            gr.update(visible=oldest is not None),
            gr.update(choices=choices, value=oldest),
            gr.update(choices=choices, value=newest),
            "" if oldest is None or newest is None else self._comparison(account, oldest, newest, said),
            gr.update(visible=True),
            gr.update(value=""),
            silent,
        )

    def _comparison(self, account: int, first: int, second: int, said: Words) -> str:
        history = self._services.history
        try:
            sides = [(history.result(account, each), history.photos(account, each)) for each in (first, second)]
        except LookupError:  # deleted in another tab
            return ""
        return show_comparison(sides, self._schema, said)

    @property
    def _schema(self) -> Schema | None:
        return self._services.engine.schema if self._services.engine else None
