"""What the parts of the demo share: accounts, history, and the model."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from multiskin.schema import Schema
from multiskin.serve.accounts import Accounts
from multiskin.serve.advice import Advice, read_advice
from multiskin.serve.clinics import Clinic, read_clinics
from multiskin.serve.cookies import Cookies, read_secret
from multiskin.serve.default_model import SCHEMA
from multiskin.serve.desks import Desks
from multiskin.serve.history import History
from multiskin.serve.inbox import Inbox
from multiskin.serve.sessions import Sessions
from multiskin.serve.settings import Settings
from multiskin.serve.store import Store

if TYPE_CHECKING:
    from multiskin.serve.engine import Engine

SCORING = 32  # threads that wait for the network: two full batches if each has one photo
DECODING = 4  # threads that decode photos; each photo takes up to 120 MB before it is scaled down
SIGNING = 4  # threads that hash passwords, which is slow on purpose


@dataclass
class Services:
    """Everything a running demo works with; opened once and closed at shutdown.

    Attributes:
        settings: the settings of the demo.
        store: the database.
        accounts: the accounts and who is signed in.
        history: saved results.
        sessions: recognises sessions by their cookies.
        inbox: uploaded photos that have not been scored yet.
        desks: the photos and report that each tab works on.
        engine: scores photos; None until there is a model.
        advice: advice on grades.
        clinics: the clinics to search; empty for none.
    """

    settings: Settings
    store: Store
    accounts: Accounts
    history: History
    sessions: Sessions
    inbox: Inbox
    desks: Desks
    engine: "Engine | None" = None
    advice: Advice = field(default_factory=Advice)
    clinics: tuple[Clinic, ...] = ()

    def __post_init__(self) -> None:
        self.scoring = CapacityLimiter(SCORING)
        self.decoding = CapacityLimiter(DECODING)
        self.signing = CapacityLimiter(SIGNING)
        self._loading = Lock()

    @classmethod
    def open(cls, settings: Settings) -> "Services":
        """Opens the data folder and loads the model, if there is one.

        Raises:
            UserError: the data folder, secret, list of clinics, model or advice cannot be used.
        """
        clinics = read_clinics(settings.clinics) if settings.clinics else ()
        cookies = Cookies(read_secret(settings.data), settings.root_path)
        store = Store.open(settings.data)
        accounts = Accounts(store, most=settings.max_accounts)
        sessions, inbox = Sessions(cookies, accounts), Inbox(settings.max_bytes)
        opened = cls(settings, store, accounts, History(store), sessions, inbox, Desks(), clinics=clinics)
        if settings.model is not None:
            opened.load(settings.model)
        if settings.advice is not None:
            opened.advice = read_advice(settings.advice, opened.schema)
        return opened

    @property
    def schema(self) -> Schema:
        """The schema of the model, or of the embedded default until there is a model."""
        return self.engine.schema if self.engine is not None else Schema.load(SCHEMA)

    def load(self, model: Path) -> None:
        """Replaces the model by that of a run folder or checkpoint; photos already waiting still get the old one.

        Raises:
            UserError: there is no model to load.
        """
        from multiskin.inference.predictor import Predictor
        from multiskin.run import RunFolder
        from multiskin.serve.engine import Engine

        with self._loading:
            checkpoint = RunFolder.checkpoint_at(model)
            engine = Engine(Predictor.from_checkpoint(checkpoint, self.settings.device, self.settings.detector))
            before, self.engine = self.engine, engine
        if before is not None:
            before.close()

    def close(self) -> None:
        if self.engine is not None:
            self.engine.close()
        self.inbox.close()
        self.store.close()
