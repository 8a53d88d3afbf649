"""Event handlers for photos, which are uploaded, graded together, shown, and saved on request.

At each click, the session comes from the guard alone, never from anything else that the browser sends.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from multiskin.serve.batching import Busy, Closed
from multiskin.serve.desks import MOST_PHOTOS, Desk
from multiskin.serve.examples import Example, of_person
from multiskin.serve.history import AgeError, HistoryError
from multiskin.serve.page.panels import show_hint, show_message, show_tray
from multiskin.serve.page.result import show_report
from multiskin.serve.page.upload import take
from multiskin.serve.report import Photo
from multiskin.serve.services import Services
from multiskin.serve.sessions import session_of, tab_of
from multiskin.serve.texts import Words, words
from multiskin.serve.uploads import UploadError, read_upload

ONE, SEVERAL = "one", "several"  # modes: the number of photos of a person


class Shown(NamedTuple):
    """What the page shows of a desk: a value or an update for each component."""

    message: str
    tray: str
    part: Any  # the part of the face that the next photo shows
    result: str
    saving: Any
    hint: str  # for guests, who cannot save
    save_message: str  # next to the button, which may be far from the photos


class Visit(NamedTuple):
    """The context of one click."""

    tab: str
    desk: Desk
    account: int | None
    several: bool
    words: Words


class Scoring:
    """Handles events concerning photos.

    Args:
        services: the services of the demo.
        examples: the example pictures.
    """

    def __init__(self, services: Services, examples: Sequence[Example]) -> None:
        self._services = services
        self._examples = examples

    def upload(
        self, sent: Mapping[str, str] | None, part: str | None, mode: str, language: str, request: gr.Request
    ) -> Any:
        """Grades an uploaded photo; in the mode for several photos, together with the previous ones.

        The arguments come from the browser unvalidated.
        """
        if sent is None:  # the upload field was cleared, as it is after each photo
            return tuple(gr.skip() for _ in Shown._fields)
        try:
            name, content = take(sent)  # first of all, so that the file is deleted whatever happens
        except OSError:
            return self._shown(self._visit(mode, language, request), words(language)("score.gone"))
        visit = self._visit(mode, language, request)
        known = part if visit.several and part in self._parts else None
        return self._add(visit, [(name, content, known)], visit.desk.photos if visit.several else [])

    def example(self, chosen: gr.EventData, mode: str, language: str, request: gr.Request) -> Shown:
        """Grades an example, or all examples of one drawn person."""
        asked = chosen._data
        person = of_person(self._examples, int(asked["person"])) if "person" in asked else ()
        examples = person or [self._examples[int(asked["example"])]]
        files = [(each.path.name, each.path.read_bytes(), each.part) for each in examples]
        return self._add(self._visit(mode, language, request), files, [])

    def remove(self, chosen: gr.EventData, mode: str, language: str, request: gr.Request) -> Shown:
        """Removes a photo and grades the others."""
        visit, number = self._visit(mode, language, request), int(chosen._data["remove"])
        return self._grade(visit, [photo for i, photo in enumerate(visit.desk.photos) if i != number])

    def first_mode(self, request: gr.Request) -> str:
        """The mode for a tab that has just opened, which may have taken over photos."""
        return SEVERAL if len(self._desk(request).photos) > 1 else ONE

    def show(self, mode: str, language: str, request: gr.Request) -> Shown:
        """Shows the desk in the current language and mode."""
        visit = self._visit(mode, language, request)
        if not visit.several and len(visit.desk.photos) > 1:
            visit.desk.put([], None)
        return self._shown(visit)

    def save(
        self,
        with_age: bool,
        age: str | None,
        with_sex: bool,
        sex: str | None,
        with_photos: bool,
        mode: str,
        language: str,
        request: gr.Request,
    ) -> Shown:
        """Saves the report to the account that is signed in, and besides it only what was consented to."""
        visit = self._visit(mode, language, request)
        desk, said = visit.desk, visit.words
        if visit.account is None or desk.report is None:
            return self._told(visit, said("save.nothing"))
        try:
            self._services.history.save(
                visit.account,
                desk.report.to_dict(),
                age=_years(age) if with_age else None,
                sex=sex or "" if with_sex else None,  # a box that is ticked asks for an answer
                photos=desk.photos if with_photos else None,
            )
        except HistoryError as error:
            return self._told(visit, said.of("problem", error.code))
        except LookupError:  # the account was deleted in another browser
            return self._told(visit, said("save.nothing"))
        desk.saved = True
        return self._told(visit, said("save.done"), "done")

    def leave(self, request: gr.Request) -> None:
        """Forgets the desk of a tab that was closed."""
        self._services.desks.close(session_of(request).id, tab_of(request))

    @property
    def _parts(self) -> tuple[str, ...]:
        return self._services.engine.parts if self._services.engine else ()

    def _visit(self, mode: str, language: str, request: gr.Request) -> Visit:
        tab, account = tab_of(request), session_of(request).account_id
        return Visit(tab, self._desk(request), account, mode == SEVERAL, words(language))

    def _desk(self, request: gr.Request) -> Desk:
        return self._services.desks.of(session_of(request).id, tab_of(request))

    def _add(self, visit: Visit, files: Sequence[tuple[str, bytes, str | None]], before: Sequence[Photo]) -> Shown:
        """Grades files, each with its name and part, together with previous photos."""
        try:
            most = self._services.settings.max_bytes
            new = [Photo(read_upload(content, name, most), part, name) for name, content, part in files]
        except UploadError as error:
            return self._shown(visit, visit.words.of("refused", error.code))
        if len(before) + len(new) > MOST_PHOTOS:
            return self._shown(visit, visit.words("score.too_many", most=MOST_PHOTOS))
        return self._grade(visit, [*before, *new])

    def _grade(self, visit: Visit, photos: list[Photo]) -> Shown:
        engine = self._services.engine
        try:
            report = engine.report(photos) if photos and engine is not None else None
        except (Busy, Closed):
            return self._shown(visit, visit.words("score.busy"))
        visit.desk.put(photos, report)
        return self._shown(visit)

    def _shown(self, visit: Visit, message: str = "") -> Shown:
        desk, said = visit.desk, visit.words
        can_save = visit.account is not None and desk.report is not None and not desk.saved
        return Shown(
            show_message(message, "error", said),
            show_tray(desk.photos, said) if visit.several else "",
            self._next_part(visit),
            show_report(desk.report, self._services.advice, said),
            gr.update(visible=can_save),
            show_hint(visit.tab, said) if visit.account is None and desk.report is not None else "",
            show_message("", "done", said),
        )

    def _told(self, visit: Visit, message: str, kind: str = "error") -> Shown:
        """Shows the desk, and what came of saving it."""
        return self._shown(visit)._replace(save_message=show_message(message, kind, visit.words))

    def _next_part(self, visit: Visit) -> Any:
        """Updates the choice of parts; preselects the first part without a photo."""
        parts = self._parts
        there = {photo.part for photo in visit.desk.photos}
        missing = [part for part in parts if part not in there]
        choices = [(visit.words.of("part", part), part) for part in parts]
        return gr.update(
            choices=[(visit.words("score.any_part"), ""), *choices],
            value=missing[0] if missing else "",
            label=visit.words("score.part"),
            visible=visit.several and bool(parts),
        )


def _years(age: str | None) -> int:
    """An age as typed.

    Raises:
        AgeError: not a whole number.
    """
    try:
        return int(age or "")
    except ValueError:
        raise AgeError from None
