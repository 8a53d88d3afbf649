"""Event handlers for when there is no model: the page offers to train the embedded default, and then loads it."""

from threading import Lock
from typing import Any, NamedTuple

import gradio as gr

from multiskin.serve.default_model import DefaultModel
from multiskin.serve.page.panels import show_training
from multiskin.serve.services import Services
from multiskin.serve.sessions import comes_from_here
from multiskin.serve.texts import words


class Stage(NamedTuple):
    """What the page shows before and after there is a model: a value or an update for each component."""

    training: str
    scoring: Any
    watch: Any  # the timer


class Training:
    """Trains the embedded default and loads it into the demo.

    Args:
        services: the services of the demo.
        model: the model to train.
    """

    def __init__(self, services: Services, model: DefaultModel) -> None:
        self._services = services
        self._model = model
        self._loading = Lock()

    @property
    def ready(self) -> bool:
        """Whether photos can be scored; loads the model first if its training has finished."""
        with self._loading:
            checkpoint = self._model.checkpoint if self._services.engine is None else None
            if checkpoint is not None and self._model.progress().state == "finished":
                self._services.load(checkpoint)
        return self._services.engine is not None

    def show(self, language: str, request: gr.Request) -> Stage:
        if self.ready:
            return Stage("", gr.update(visible=True), gr.update(active=False))
        panel = show_training(self._model.progress(), self._offered(request), words(language))
        return Stage(panel, gr.update(visible=False), gr.update(active=True))

    def act(self, chosen: gr.EventData, language: str, request: gr.Request) -> Stage:
        """Starts or stops the training, if the visitor may do so."""
        if self._offered(request):
            {"start": self._model.start, "stop": self._model.stop}[chosen._data["training"]]()
        return self.show(language, request)

    def _offered(self, request: gr.Request) -> bool:
        """Whether the visitor may start and stop the training: by default, only the owner of this machine."""
        settings = self._services.settings
        if settings.training == "owner":
            return settings.owners and comes_from_here(request)
        return settings.training == "anyone"
