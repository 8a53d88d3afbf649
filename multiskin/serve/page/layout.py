"""The layout of the page's components."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from multiskin.serve.history import SEXES
from multiskin.serve.page.panels import show_account
from multiskin.serve.page.scoring import ONE, SEVERAL
from multiskin.serve.page.wording import Wording

# A click on a button within an HTML panel triggers an event with the button's data- attributes.
CLICKS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button && element.contains(button) && Object.keys(button.dataset).length) trigger('click', {...button.dataset});
});
"""


def panel(name: str, clicks: bool = False, value: str | None = None) -> gr.HTML:
    """A component that shows HTML."""
    return gr.HTML(
        value, elem_id=f"ms-{name}", js_on_load=CLICKS if clicks else None, apply_default_css=False, show_label=False
    )


@dataclass
class ScoreFields:
    """The components for photos and their results."""

    area: Any
    mode: Any
    part: Any
    photo: Any
    message: Any
    tray: Any
    examples: Any
    result: Any
    hint: Any
    saving: Any
    with_age: Any
    age: Any
    with_sex: Any
    sex: Any
    with_photos: Any
    save: Any
    save_message: Any

    @property
    def shown(self) -> list[Any]:
        """In the order of `Shown`."""
        return [self.message, self.tray, self.part, self.result, self.saving, self.hint, self.save_message]

    @property
    def boxes(self) -> list[Any]:
        return [self.with_age, self.with_sex, self.with_photos]

    @property
    def agreed(self) -> list[Any]:
        return [self.with_age, self.age, self.with_sex, self.sex, self.with_photos]


def lay_out_score(wording: Wording) -> ScoreFields:
    with gr.Row(elem_id="ms-score", visible=False, equal_height=False) as area:
        with gr.Column(scale=4, min_width=280, elem_classes="ms-side"):
            mode = wording.make(
                gr.Radio,
                lambda t: {"choices": [(t("score.one"), ONE), (t("score.several"), SEVERAL)], "label": t("score.mode")},
                value=ONE,
                elem_id="ms-mode",
            )
            part = gr.Radio(choices=[], visible=False, elem_id="ms-part")
            photo = wording.make(
                gr.Image,
                lambda t: {"label": t("score.photo"), "placeholder": t("score.placeholder")},
                sources=["upload", "webcam", "clipboard"],
                buttons=[],
                height=300,
                elem_id="ms-photo",
            )
            message, tray, examples = panel("message"), panel("tray", clicks=True), panel("examples", clicks=True)
        with gr.Column(scale=7, min_width=280):
            result, hint = panel("result"), panel("hint")
            saving, save_message = _lay_out_saving(wording), panel("save-message")
    return ScoreFields(
        area, mode, part, photo, message, tray, examples, result, hint, save_message=save_message, **saving
    )


def _lay_out_saving(wording: Wording) -> dict[str, Any]:
    """The form for saving a result; anything besides the result is saved only if its own box is ticked."""
    with gr.Column(visible=False, elem_id="ms-saving") as saving:
        wording.make(gr.Markdown, lambda t: {"value": f"### {t('save.title')}\n{t('save.lead')}"})
        with_age = wording.make(gr.Checkbox, lambda t: {"label": t("save.with_age")}, value=False)
        # Not gr.Number, which shows 0 while it is empty, and refuses other ages in English.
        age = wording.make(
            gr.Textbox, lambda t: {"label": t("save.age")}, max_lines=1, max_length=3, visible=False, elem_id="ms-age"
        )
        with_sex = wording.make(gr.Checkbox, lambda t: {"label": t("save.with_sex")}, value=False)
        sex = wording.make(
            gr.Radio,
            lambda t: {"label": t("save.sex"), "choices": [(t.of("sex", sex), sex) for sex in SEXES]},
            visible=False,
        )
        with_photos = wording.make(gr.Checkbox, lambda t: {"label": t("save.with_photos")}, value=False)
        save = wording.make(gr.Button, lambda t: {"value": t("save.button")}, variant="primary", elem_id="ms-save")
    return {
        "saving": saving,
        "with_age": with_age,
        "age": age,
        "with_sex": with_sex,
        "sex": sex,
        "with_photos": with_photos,
        "save": save,
    }


@dataclass
class SavedFields:
    """The components for saved results and the account."""

    message: Any
    past: Any
    comparing: Any
    first: Any
    second: Any
    comparison: Any
    account: Any
    password: Any
    leave: Any
    leave_message: Any

    @property
    def shown(self) -> list[Any]:
        """In the order of `Saved`."""
        fields = [self.message, self.past, self.comparing, self.first, self.second, self.comparison]
        return [*fields, self.account, self.password, self.leave_message]


def lay_out_saved(wording: Wording) -> SavedFields:
    message, past = panel("past-message"), panel("past", clicks=True)
    with gr.Column(visible=False, elem_id="ms-comparing") as comparing:
        wording.make(gr.Markdown, lambda t: {"value": f"## {t('past.compare')}"})
        with gr.Row():
            first = wording.make(gr.Dropdown, lambda t: {"label": t("past.first")}, choices=[], filterable=False)
            second = wording.make(gr.Dropdown, lambda t: {"label": t("past.second")}, choices=[], filterable=False)
        comparison = panel("comparison")
    with wording.make(
        gr.Accordion, lambda t: {"label": t("account.title")}, open=False, visible=False, elem_id="ms-account"
    ) as account:
        wording.make(panel, lambda t: {"value": show_account(t)}, name="account-password")
        wording.make(gr.Markdown, lambda t: {"value": t("account.delete_lead")})
        password = wording.make(gr.Textbox, lambda t: {"label": t("account.password")}, type="password", max_lines=1)
        leave = wording.make(gr.Button, lambda t: {"value": t("account.delete")}, variant="stop", elem_id="ms-leave")
        leave_message = panel("leave-message")
    return SavedFields(message, past, comparing, first, second, comparison, account, password, leave, leave_message)
