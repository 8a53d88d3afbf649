"""Builds the page: its components, and the handlers of their events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from multiskin.serve.clinics import Clinic
from multiskin.serve.default_model import DefaultModel
from multiskin.serve.examples import Example, example_pictures
from multiskin.serve.page.clinics import show_clinics
from multiskin.serve.page.layout import SavedFields, ScoreFields, lay_out_saved, lay_out_score, panel
from multiskin.serve.page.mail import Mailboxes
from multiskin.serve.page.panels import show_examples, show_foot, show_head
from multiskin.serve.page.saved import SavedResults
from multiskin.serve.page.scoring import SEVERAL, Scoring
from multiskin.serve.page.trained import Training
from multiskin.serve.page.wording import Wording
from multiskin.serve.services import Services
from multiskin.serve.sessions import session_of, tab_of
from multiskin.serve.texts import COOKIE, preferred, words

AT_ONCE, WAITING = 32, 256  # clicks processed concurrently, and waiting; the engine batches their photos
MOST_TABS = 200  # open tabs for which Gradio keeps what they show, and messages they have not read yet
LOOK_EVERY = 2  # seconds between updates of the training's progress
ABANDONED = (60, 600)  # seconds between clean-ups of uploaded files, and the age from which they are deleted

# No event is exposed through Gradio's API; programs use ours.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
BUSY: dict[str, Any] = QUIET | {"show_progress": "minimal"}

# Waits until the picture is on the screen, before its file is deleted.
ONCE_SEEN = """async (...values) => {
  const pictures = [...document.querySelectorAll('#ms-photo img')];
  await Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
  return values;
}"""
# On a phone, the result is below everything else.
SHOW_RESULT = """() => {
  const result = document.querySelector('#ms-result .ms-result');
  const below = result && result.getBoundingClientRect().top > window.innerHeight / 2;
  if (below) result.scrollIntoView({behavior: 'smooth'});
}"""
NO_CONSENT = "() => [false, false, false]"  # to saving more than a result, which is given for each one anew
NAME_LANGUAGE = """() => {
  document.documentElement.lang = document.querySelector('#ms-head [aria-pressed=true]').lang;
  document.dispatchEvent(new Event('ms-language'));
}"""
# Uses the API rather than a Gradio event, since deleting the account ends the session that would receive the event's
# answer. On success the page reloads and the event is never sent; otherwise the error code replaces the password.
DELETE_ACCOUNT = """async (password, language) => {
  const body = JSON.stringify({password}), headers = {"Content-Type": "application/json"};
  const answer = await fetch(new URL("v1/account", document.baseURI), {method: "DELETE", headers, body});
  if (answer.ok) { window.location.reload(); await new Promise(() => {}); }
  return [(await answer.json()).error.code, language];
}"""


@dataclass
class Fields:
    """All components of the page."""

    wording: Wording
    language: Any
    head: Any
    training: Any
    score: ScoreFields
    saved: SavedFields
    foot: Any
    watch: Any

    @property
    def stage(self) -> list[Any]:
        """In the order of `Stage`."""
        return [self.training, self.score.area, self.watch]

    @property
    def spoken(self) -> list[Any]:
        """All components that contain text, in the order of `_Speech.show`."""
        score, saved = self.score, self.saved
        framing = [self.head, self.foot, score.examples]
        return [*framing, *score.shown, *saved.shown, *self.stage, *self.wording.fields]


def create_page(services: Services) -> gr.Blocks:
    """Creates the page, to be mounted behind the guard.

    Args:
        services: the services of the demo; the engine is looked up at each click, since it may change.

    Raises:
        OSError: the example pictures cannot be written.
    """
    settings = services.settings
    examples = example_pictures(settings.data / "examples")
    scoring, saved = Scoring(services, examples), SavedResults(services)
    training = Training(services, DefaultModel(settings.data))
    with gr.Blocks(title="multiskin", analytics_enabled=False, delete_cache=ABANDONED) as page:
        fields = _lay_out(settings.language, services.clinics)
        _wire_language(page, fields, _Speech(settings.language, examples, scoring, saved, training, fields.wording))
        _wire_scoring(fields.score, fields.language, scoring, saved, fields.saved)
        _wire_saved(fields.saved, fields.language, saved)
        fields.watch.tick(training.show, fields.language, fields.stage, **QUIET)
        fields.training.click(training.act, fields.language, fields.stage, **QUIET)

        def leave(request: gr.Request) -> None:
            scoring.leave(request)
            page.state_holder.session_data.pop(str(request.session_hash), None)  # the state Gradio keeps for the tab

        page.unload(leave)
    page.state_session_capacity = MOST_TABS
    page.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE)
    page._queue.pending_messages_per_session = Mailboxes(MOST_TABS)
    return page


def _lay_out(first_language: str, clinics: Sequence[Clinic]) -> Fields:
    wording = Wording(words(first_language))
    language, head = gr.State(first_language), panel("head", clicks=True)
    with gr.Tabs(elem_id="ms-tabs"):
        with wording.make(gr.Tab, lambda t: {"label": t("score.title")}, id="score"):
            training, score = panel("training", clicks=True), lay_out_score(wording)
        with wording.make(gr.Tab, lambda t: {"label": t("past.title")}, id="saved"):
            saved = lay_out_saved(wording)
        if clinics:
            with wording.make(gr.Tab, lambda t: {"label": t("clinics.tab")}, id="clinics"):
                wording.make(panel, lambda t: {"value": show_clinics(clinics, t)}, name="clinics")
    return Fields(wording, language, head, training, score, saved, panel("foot"), gr.Timer(LOOK_EVERY, active=False))


@dataclass
class _Speech:
    """Renders the whole page in the chosen language."""

    default: str
    examples: list[Example]
    scoring: Scoring
    saved: SavedResults
    training: Training
    wording: Wording

    def first(self, request: gr.Request) -> tuple[str, str]:
        """The language chosen earlier, or else the one the browser prefers; and the mode of the current photos."""
        accepted = dict(request.headers).get("accept-language", "")
        language = preferred(dict(request.cookies).get(COOKIE) or accepted, self.default)
        return language, self.scoring.first_mode(request)

    def choose(self, chosen: gr.EventData) -> str:
        return preferred(str(chosen._data["language"]), self.default)

    def show(self, mode: str, language: str, request: gr.Request) -> list[Any]:
        said = words(language)
        return [
            show_head(session_of(request), tab_of(request), said),
            show_foot(said),
            show_examples(self.examples, mode == SEVERAL, said),
            *self.scoring.show(mode, language, request),
            *self.saved.show(language, request),
            *self.training.show(language, request),
            *self.wording.changes(said),
        ]

    def show_examples(self, mode: str, language: str) -> str:
        return show_examples(self.examples, mode == SEVERAL, words(language))


def _wire_language(page: gr.Blocks, fields: Fields, speech: _Speech) -> None:
    asked = [fields.score.mode, fields.language]
    opened = page.load(speech.first, None, [fields.language, fields.score.mode], **QUIET)
    for chosen in (opened, fields.head.click(speech.choose, None, fields.language, **QUIET)):
        chosen.then(speech.show, asked, fields.spoken, **QUIET).then(None, js=NAME_LANGUAGE, **QUIET)
    fields.score.mode.change(speech.show_examples, asked, fields.score.examples, **QUIET)


def _wire_scoring(score: ScoreFields, language: Any, scoring: Scoring, saved: SavedResults, past: SavedFields) -> None:
    asked = [score.mode, language]
    busy = BUSY | {"show_progress_on": [score.result]}
    sent = score.photo.change(
        scoring.upload, [score.photo, score.part, *asked], score.shown, js=ONCE_SEEN, preprocess=False, **busy
    )
    sent.then(lambda: None, None, score.photo, **QUIET)
    tried = score.examples.click(scoring.example, asked, score.shown, **busy)
    for graded in (sent, tried):
        graded.then(None, js=SHOW_RESULT, **QUIET)
    score.tray.click(scoring.remove, asked, score.shown, **busy)
    for chosen in (score.photo.input, score.examples.click, score.tray.click):
        chosen(None, None, score.boxes, js=NO_CONSENT, **QUIET)
    score.mode.change(scoring.show, asked, score.shown, **QUIET)
    for box, field in ((score.with_age, score.age), (score.with_sex, score.sex)):
        box.change(lambda ticked: gr.update(visible=ticked), box, field, **QUIET)
    kept = score.save.click(scoring.save, [*score.agreed, *asked], score.shown, **BUSY)
    kept.then(saved.show, language, past.shown, **QUIET)


def _wire_saved(past: SavedFields, language: Any, saved: SavedResults) -> None:
    past.past.click(saved.delete, language, past.shown, **QUIET)
    for choice in (past.first, past.second):
        choice.input(saved.compare, [past.first, past.second, language], past.comparison, **QUIET)
    past.leave.click(saved.not_deleted, [past.password, language], past.shown, js=DELETE_ACCOUNT, **QUIET)
