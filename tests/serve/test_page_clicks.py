"""Every click is answered for the session that clicks, and for no other."""

from types import SimpleNamespace

import numpy as np
import pytest
from argon2 import PasswordHasher

from multiskin.explain.geometry import WHOLE
from multiskin.explain.photos import HeadExplanation
from multiskin.schema import Attribute, Schema
from multiskin.serve.accounts import Accounts
from multiskin.serve.advice import Advice
from multiskin.serve.batching import Busy
from multiskin.serve.default_model import Progress
from multiskin.serve.desks import CLOSED, MOST_PHOTOS, Desks
from multiskin.serve.examples import Example
from multiskin.serve.history import History
from multiskin.serve.page.saved import SavedResults
from multiskin.serve.page.scoring import ONE, SEVERAL, Scoring
from multiskin.serve.page.trained import Training
from multiskin.serve.quality import Quality
from multiskin.serve.report import AttributeReport, PhotoReport, Report
from multiskin.serve.sessions import Session
from multiskin.serve.settings import Settings
from multiskin.serve.store import Store

SHINE = Attribute("shine", 5)
PASSWORD = "a long sentence"
GOOD = Quality(80, 0, 1, 2, 1)


class Engine:
    """Says grade 3, and remembers what it was asked."""

    schema, parts, busy = Schema((SHINE,)), ("chin", "forehead"), False

    def __init__(self) -> None:
        self.asked = []

    def report(self, photos):
        if self.busy:
            raise Busy
        self.asked.append([photo.part for photo in photos])
        seen = HeadExplanation(SHINE, 3, 3.0, 3.0, np.ones((2, 2), np.float32), WHOLE)
        scored = AttributeReport(SHINE, 3, 3.0, (0, 0, 0, 1.0, 0), 1.0, applies=True, counted=tuple(range(len(photos))))
        shown = [PhotoReport(photo.name, photo.part, photo.pixels, GOOD, {"shine": seen}, ()) for photo in photos]
        return Report((scored,), tuple(shown), "model")


@pytest.fixture
def services(tmp_path):
    store = Store.open(tmp_path / "data")
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts, history = Accounts(store, quick), History(store)
    yield SimpleNamespace(
        accounts=accounts, history=history, engine=Engine(), settings=Settings(), desks=Desks(), advice=Advice()
    )
    store.close()


@pytest.fixture
def scoring(services, tmp_path, jpeg):
    examples = []
    for number, part in enumerate(["chin", "forehead", "elbow"]):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(jpeg)
        examples.append(Example(number // 2, part, path))
    return Scoring(services, examples)


@pytest.fixture
def saved(services):
    return SavedResults(services)


@pytest.fixture
def sign_up(services):
    def sign_up(name: str, tab: str = "tab"):
        return request(services.accounts.sign_up(name, PASSWORD).id, name, tab)

    return sign_up


def request(account: int | None = None, name: str = "guest", tab: str = "tab", from_here: bool = True):
    session = Session(f"session of {name}", account, name if account else None)
    state = SimpleNamespace(session=session, from_here=from_here)
    return SimpleNamespace(request=SimpleNamespace(state=state), session_hash=tab)


def click(**data: str):
    return SimpleNamespace(_data=data)


@pytest.fixture
def send(scoring, tmp_path, jpeg):
    def send(who, mode=ONE, part=None, content=jpeg, language="en"):
        path = tmp_path / "sent.jpg"
        path.write_bytes(content)
        shown = scoring.upload({"path": str(path)}, part, mode, language, who)
        assert not path.exists()
        return shown

    return send


def agree(age=None, sex=None, photos=False):
    return age is not None, age or "99", sex is not None, sex or "other", photos


def test_a_photo_is_scored_shown_and_deleted(send):
    shown = send(request())
    assert "ms-card" in shown.result
    assert shown.message.count("<p") == 0
    assert "sign-up?tab=tab" in shown.hint
    assert shown.saving["visible"] is False


def test_what_is_refused_is_deleted_and_told(send, services):
    shown = send(request(), content=b"<svg/>")
    assert "not a JPEG" in shown.message
    assert "JPEG" in send(request(), content=b"<svg/>", language="ko").message
    assert services.engine.asked == []


def test_a_photo_may_have_as_many_bytes_as_the_owner_says(send, services, jpeg):
    services.settings = Settings(max_upload=1)
    assert "too large" in send(request(), content=jpeg + bytes(1_000_000)).message
    services.settings = Settings(max_upload=30)
    assert "ms-card" in send(request(), content=jpeg + bytes(20_000_000)).result


def test_an_emptied_field_and_a_file_that_is_gone_change_nothing(scoring, tmp_path):
    assert len(scoring.upload(None, None, ONE, "en", request())) == 7
    gone = scoring.upload({"path": str(tmp_path / "gone.jpg")}, None, ONE, "en", request())
    assert "did not arrive" in gone.message


def test_photos_of_one_person_are_scored_together_with_parts_that_are_known(send, scoring, services):
    who = request()
    send(who, SEVERAL, "chin")
    shown = send(who, SEVERAL, "<script>")
    assert services.engine.asked[-1] == ["chin", None]
    assert shown.part["value"] == "forehead"  # what is missing
    scoring.remove(click(remove="0"), SEVERAL, "en", who)
    assert services.engine.asked[-1] == [None]
    send(who, ONE, "chin")
    assert services.engine.asked[-1] == [None]  # by itself, and nobody said of what


def test_there_is_an_end_to_photos(send):
    for _ in range(MOST_PHOTOS):
        send(request(), SEVERAL)
    assert str(MOST_PHOTOS) in send(request(), SEVERAL).message


def test_each_tab_of_each_session_has_its_own_photos(send, services):
    send(request(), SEVERAL)
    for other in (request(tab="another"), request(name="stranger")):
        send(other, SEVERAL)
        assert len(services.engine.asked[-1]) == 1
    send(request(), SEVERAL)
    assert len(services.engine.asked[-1]) == 2


def test_a_closed_tab_is_forgotten(send, scoring, services):
    now = [0.0]
    services.desks = Desks(lambda: now[0])
    send(request(), SEVERAL)
    scoring.leave(request())
    now[0] += CLOSED + 1
    send(request(), SEVERAL)
    assert len(services.engine.asked[-1]) == 1


def test_examples_are_scored_one_by_one_or_by_person(scoring, services):
    scoring.example(click(example="2"), ONE, "en", request())
    scoring.example(click(person="0"), SEVERAL, "en", request())
    assert services.engine.asked == [["elbow"], ["chin", "forehead"]]


def test_going_back_to_one_photo_leaves_no_report_on_several(scoring):
    scoring.example(click(person="0"), SEVERAL, "en", request())
    assert "ms-card" in scoring.show(SEVERAL, "ko", request()).result
    assert "ms-empty" in scoring.show(ONE, "en", request()).result


def test_a_full_queue_is_told_and_the_last_report_stays(send, services):
    send(request())
    services.engine.busy = True
    shown = send(request())
    assert "try again" in shown.message
    assert "ms-card" in shown.result


def test_only_what_was_agreed_to_is_saved(send, scoring, services, sign_up):
    mina = sign_up("Mina")
    account = mina.request.state.session.account_id
    for agreed in (agree(), agree(age="34"), agree(sex="female"), agree(photos=True)):
        assert send(mina).saving["visible"] is True
        shown = scoring.save(*agreed, ONE, "en", mina)
        assert "Saved" in shown.save_message
        assert shown.saving["visible"] is False  # not twice
    kept = services.history.results(account)[::-1]
    assert [(each.age, each.sex) for each in kept] == [(None, None), (34, None), (None, "female"), (None, None)]
    assert [len(services.history.photos(account, each.id)) for each in kept] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("agreed", "said"),
    [
        ((True, "", False, None, False), "0 to 120"),
        ((True, None, False, None, False), "0 to 120"),
        ((True, "121", False, None, False), "0 to 120"),
        ((True, "old", False, None, False), "0 to 120"),
        ((False, "", True, None, False), "untick the box"),
    ],
)
def test_a_box_that_is_ticked_asks_for_an_answer(agreed, said, send, scoring, services, sign_up):
    mina = sign_up("Mina")
    send(mina)
    shown = scoring.save(*agreed, ONE, "en", mina)
    assert said in shown.save_message
    assert shown.saving["visible"] is True
    assert services.history.results(mina.request.state.session.account_id) == []


def test_guests_and_empty_desks_save_nothing(send, scoring, services, sign_up):
    send(request())
    assert "nothing to save" in scoring.save(*agree(), ONE, "en", request()).save_message
    mina = sign_up("Mina")
    assert "nothing to save" in scoring.save(*agree(), ONE, "en", mina).save_message
    send(mina)
    services.accounts.delete(mina.request.state.session.account_id, PASSWORD)
    assert "nothing to save" in scoring.save(*agree(), ONE, "en", mina).save_message


@pytest.mark.parametrize("photos", [1, 2])
def test_what_a_guest_scored_is_offered_to_the_account_that_takes_it_over(photos, send, scoring, services, sign_up):
    guest, mina = request(), sign_up("Mina", "new tab")
    for _ in range(photos):
        send(guest, SEVERAL)
    word = services.desks.set_aside("session of guest", "tab")
    scoring.leave(guest)
    services.desks.take_over(word, "session of guest", "session of Mina")
    mode = scoring.first_mode(mina)
    assert mode == (SEVERAL if photos > 1 else ONE)
    shown = scoring.show(mode, "en", mina)
    assert "ms-card" in shown.result
    assert shown.saving["visible"] is True
    assert "Saved" in scoring.save(*agree(), mode, "en", mina).save_message
    assert len(services.history.results(mina.request.state.session.account_id)) == 1
    for other in (request(tab="another"), sign_up("Jun")):
        assert "ms-empty" in scoring.show(scoring.first_mode(other), "en", other).result


def test_nobody_sees_or_deletes_what_another_saved(send, scoring, saved, services, sign_up):
    mina, jun = sign_up("Mina"), sign_up("Jun")
    for _ in range(2):
        send(mina)
        scoring.save(*agree(), ONE, "en", mina)
    own = saved.show("en", mina)
    assert own.past.count("data-result") == 2
    assert own.comparing["visible"] is True
    assert "ms-table" in own.comparison
    first, second = (value for _, value in own.first["choices"])
    for other in (jun, request()):
        assert "data-result" not in saved.show("en", other).past
        assert saved.compare(first, second, "en", other) == ""
        saved.delete(click(delete=str(first)), "en", other)
        saved.delete(click(delete="all"), "en", other)
    assert len(services.history.results(mina.request.state.session.account_id)) == 2
    assert saved.delete(click(delete=str(first)), "en", mina).past.count("data-result") == 1
    assert "no longer exists" in saved.delete(click(delete=str(first)), "en", mina).message
    assert "ms-empty" in saved.delete(click(delete="all"), "en", mina).past


def test_why_an_account_is_not_deleted_is_said_in_words(saved, sign_up):
    mina = sign_up("Mina")
    assert "password is wrong" in saved.not_deleted("wrong_credentials", "en", mina).leave_message
    assert "비밀번호" in saved.not_deleted("wrong_credentials", "ko", mina).leave_message
    assert saved.not_deleted("wrong_credentials", "en", mina).password["value"] == ""  # where the word stood


class Model:
    """A default model that is at some state."""

    checkpoint = None

    def __init__(self) -> None:
        self.state, self.clicks = "absent", []

    def progress(self) -> Progress:
        return Progress(self.state)

    def start(self) -> None:
        self.clicks.append("start")

    def stop(self) -> None:
        self.clicks.append("stop")


def test_the_page_scores_once_the_model_is_trained(services, tmp_path):
    engine, services.engine = services.engine, None
    loaded, model = [], Model()
    services.load = lambda checkpoint: (loaded.append(checkpoint), setattr(services, "engine", engine))
    training = Training(services, model)
    stage = training.act(click(training="start"), "en", request())
    training.act(click(training="stop"), "en", request())
    assert model.clicks == ["start", "stop"]
    assert (stage.scoring["visible"], stage.watch["active"]) == (False, True)
    model.checkpoint, model.state = tmp_path / "best.ckpt", "finished"
    stage = training.show("en", request())
    training.show("en", request())
    assert loaded == [tmp_path / "best.ckpt"]  # once
    assert stage.training == ""
    assert (stage.scoring["visible"], stage.watch["active"]) == (True, False)


@pytest.mark.parametrize(
    ("served", "from_here", "offered"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"host": "0.0.0.0"}, True, False),
        ({"hosts": ("skin.lab",)}, True, False),
        ({"hosts": ("skin.lab",), "training": "anyone"}, False, True),
        ({"training": "nobody"}, True, False),
    ],
)
def test_a_machine_is_trained_on_by_its_owner_or_by_whom_its_owner_lets(services, served, from_here, offered):
    services.engine, services.settings, model = None, Settings(**served), Model()
    stage = Training(services, model).act(click(training="start"), "en", request(from_here=from_here))
    assert model.clicks == ["start"] * offered
    assert ("data-training" in stage.training) == offered
