"""What the parts of one demo share: its accounts, its history, and the model that scores."""

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

SCORING = 32  # threads that wait for the network, twice as many photos as it takes at once
DECODING = 4  # threads that decode: a photo takes 120 MB until it is scaled down
SIGNING = 4  # threads that hash passwords, which takes long on purpose


@dataclass
class Services:
    """All that a demo works with; made once, closed when it ends.

    Attributes:
        settings: what it was started with.
        accounts: who has one.
        history: what they saved.
        sessions: who asks.
        inbox: photos that the page has sent and nobody has scored yet.
        desks: what people work on, tab by tab.
        engine: what scores photos; None until there is a model.
        advice: on grades.
        clinics: of which the nearest are shown.
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
            UserError: a folder, a secret, a list of clinics, a model or advice that cannot be used.
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
        """What is graded, or will be once the embedded default is trained."""
        return self.engine.schema if self.engine is not None else Schema.load(SCHEMA)

    def load(self, model: Path) -> None:
        """Scores with this run folder or checkpoint from now on; whoever waits is still served by the one before.

        Raises:
            UserError: no model there.
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
