"""What programs ask for, on the whole demo with a real model."""

import io
import json
import zipfile
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from multiskin.errors import UserError
from multiskin.serve.allowlist import find_endpoint
from multiskin.serve.batching import Busy

PASSWORD = "a sentence nobody guesses"
Browsers = Callable[[], TestClient]


@pytest.fixture
def guest(demo: TestClient) -> TestClient:
    assert demo.post("/v1/guest").json() == {"name": None}
    return demo


@pytest.fixture
def mina(demo: TestClient) -> TestClient:
    assert sign_up(demo, "Mina").status_code == 201
    return demo


def sign_up(browser: TestClient, name: str, password: str = PASSWORD) -> Any:
    return browser.post("/v1/sign-up", json={"name": name, "password": password})


def sign_in(browser: TestClient, name: str, password: str = PASSWORD) -> Any:
    return browser.post("/v1/sign-in", json={"name": name, "password": password})


def send(browser: TestClient, *photos: bytes, to: str = "/v1/score", **form: Any) -> Any:
    files = [("photos", (f"{i}.jpg", photo, "image/jpeg")) for i, photo in enumerate(photos)]
    return browser.post(to, files=files, data=form)


def told(response: Any) -> tuple[int, str]:
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    return response.status_code, error["code"]


# --------------------------------------------------------------------------------------------------------------- scores


def test_a_photo_is_scored_as_the_engine_scores_it(guest: TestClient, jpeg: bytes) -> None:
    from multiskin.serve.engine import Photo
    from multiskin.serve.uploads import read_upload

    answer = send(guest, jpeg).json()
    engine = guest.app.state.services.engine
    assert answer == json.loads(json.dumps(engine.report([Photo(read_upload(jpeg), None, "0.jpg")]).to_dict()))
    assert [each["name"] for each in answer["attributes"]] == ["shine", "lines", "kind"]


def test_parts_say_which_photo_counts_for_what(guest: TestClient, jpeg: bytes) -> None:
    answer = send(guest, jpeg, jpeg, parts=["forehead", "chin"]).json()
    counted = {each["name"]: each["photos"] for each in answer["attributes"]}
    assert counted["shine"] == [0]
    assert counted["lines"] == [0, 1]
    assert [photo["part"] for photo in answer["photos"]] == ["forehead", "chin"]


def test_maps_come_as_pictures_of_the_photos_size_and_only_if_asked(guest: TestClient, jpeg: bytes) -> None:
    assert "pictures" not in send(guest, jpeg).json()
    (pictures,) = send(guest, jpeg, maps="true").json()["pictures"]
    photo = picture(pictures["photo"])
    assert set(pictures["maps"]) == {"shine", "lines", "kind"}
    for uri in pictures["maps"].values():
        assert picture(uri).has_transparency_data
        assert picture(uri).size == photo.size


ADVICE = "shine: {0-4: {en: Rest., ko: 쉬십시오.}}\nkind: {0: {en: Wash., ko: 씻으십시오.}}"


def test_advice_is_told_with_the_scores_and_not_saved_with_them(
    open_demo: Callable[..., TestClient], served_model: Path, tmp_path: Path, jpeg: bytes
) -> None:
    path = tmp_path / "advice.yaml"
    path.write_text(ADVICE, encoding="utf-8")
    browser = open_demo(model=served_model, advice=path)
    sign_up(browser, "Mina")
    answer = send(browser, jpeg).json()
    assert answer["advice"]["attributes"]["shine"] == {"en": "Rest.", "ko": "쉬십시오."}
    assert set(answer["advice"]["attributes"]) <= {"shine", "kind"}
    assert "not a diagnosis" in answer["advice"]["notice"]["en"]
    saved = send(browser, jpeg, to="/v1/history").json()
    assert saved["report"]["advice"] == answer["advice"]
    assert "advice" not in browser.get(f"/v1/history/{saved['id']}").json()["report"]


@pytest.mark.parametrize(
    ("content", "model", "said"),
    [("shiny: {}", True, "did you mean 'shine'"), ("shine: {}", False, "unknown attribute 'shine'")],
)
def test_advice_on_what_is_not_graded_is_refused_at_the_start(
    open_demo: Callable[..., TestClient], served_model: Path, tmp_path: Path, content: str, model: bool, said: str
) -> None:
    path = tmp_path / "advice.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=said):
        open_demo(model=served_model if model else None, advice=path)


def picture(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(b64decode(uri.partition(",")[2])))


def test_the_schema_is_told_with_its_parts(guest: TestClient) -> None:
    answer = guest.get("/v1/schema").json()
    assert [each["name"] for each in answer["attributes"]] == ["shine", "lines", "kind"]
    assert answer["parts"] == ["chin", "forehead"]


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        (b"", (422, "empty")),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", (415, "format")),
        (b"\xff\xd8\xff\xe0 cut short", (422, "damaged")),
        (b"GIF89a" + bytes(50), (415, "format")),
    ],
    ids=["empty", "svg", "cut short", "gif"],
)
def test_what_is_no_photo_is_refused_by_name(guest: TestClient, photo: bytes, expected: tuple[int, str]) -> None:
    response = send(guest, photo)
    assert told(response) == expected
    assert "0.jpg" in response.json()["error"]["message"]


def test_a_photo_of_too_many_pixels_is_refused(guest: TestClient) -> None:
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    response = guest.post("/v1/score", files={"photos": ("bomb.png", file.getvalue(), "image/png")})
    assert told(response) == (413, "pixels")


def test_a_request_that_does_not_fit_together_is_refused(guest: TestClient, jpeg: bytes) -> None:
    assert told(send(guest, jpeg, parts=["forehead", "chin"])) == (422, "parts")
    assert told(send(guest, jpeg, parts=["forhead"])) == (422, "parts")
    assert "did you mean 'forehead'" in send(guest, jpeg, parts=["forhead"]).json()["error"]["message"]
    assert told(send(guest, *[jpeg] * 17)) == (413, "photos")
    assert told(guest.post("/v1/score", data={"maps": "true"})) == (422, "invalid")
    assert told(guest.post("/v1/score", json={"photos": "x"})) == (422, "invalid")
    assert told(guest.post("/v1/score", content=b"x", headers={"content-type": "multipart/form-data"}))[0] in (400, 422)


def test_a_full_queue_says_when_to_come_again(guest: TestClient, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(photos: Any) -> Any:
        raise Busy("full")

    monkeypatch.setattr(guest.app.state.services.engine, "report", busy)
    response = send(guest, jpeg)
    assert told(response) == (503, "busy")
    assert int(response.headers["retry-after"]) >= 1


def test_without_a_model_there_is_everything_but_scores(open_demo: Callable[..., TestClient], jpeg: bytes) -> None:
    demo = open_demo()
    assert demo.get("/healthz").json() == {"model": False}
    demo.post("/v1/guest")
    assert told(send(demo, jpeg)) == (503, "no_model")
    assert told(demo.get("/v1/schema")) == (503, "no_model")


def test_a_model_may_come_later_and_be_replaced(
    open_demo: Callable[..., TestClient], served_model: Any, jpeg: bytes
) -> None:
    demo = open_demo()
    demo.post("/v1/guest")
    for _ in range(2):
        demo.app.state.services.load(served_model)
        assert send(demo, jpeg).status_code == 200
    assert demo.get("/healthz").json() == {"model": True}


# ------------------------------------------------------------------------------------------------------------- accounts


def test_an_account_signs_up_out_and_in(mina: TestClient) -> None:
    assert mina.get("/v1/history").status_code == 200
    assert mina.post("/v1/sign-out").status_code == 204
    assert mina.get("/v1/history").status_code == 401
    assert sign_in(mina, "MINA").status_code == 200
    assert mina.get("/v1/history").status_code == 200


def test_a_cookie_is_worth_nothing_after_signing_out(mina: TestClient, another: Browsers) -> None:
    thief = another()
    thief.cookies.update(mina.cookies)
    assert thief.get("/v1/history").status_code == 200
    mina.post("/v1/sign-out")
    assert thief.get("/v1/history").status_code == 401


def test_signing_in_begins_a_session_that_nobody_knew(demo: TestClient, another: Browsers) -> None:
    sign_up(demo, "Mina")
    victim = another()
    victim.post("/v1/guest")
    planted = dict(victim.cookies)
    sign_in(victim, "Mina")
    attacker = another()
    attacker.cookies.update(planted)
    assert told(attacker.get("/v1/history")) == (403, "signed_out")


@pytest.mark.parametrize("begin", [lambda mina: sign_in(mina, "Mina"), lambda mina: mina.post("/v1/guest")])
def test_another_session_ends_the_one_before(mina: TestClient, another: Browsers, begin: Any) -> None:
    before = another()
    before.cookies.update(mina.cookies)
    begin(mina)
    assert before.get("/v1/history").status_code == 401


def test_wrong_names_and_wrong_passwords_are_the_same(mina: TestClient, another: Browsers) -> None:
    wrong_name, wrong_password = sign_in(another(), "Nobody"), sign_in(another(), "Mina", "not the password")
    assert wrong_name.content == wrong_password.content
    assert told(wrong_name) == (401, "wrong_credentials")
    assert "set-cookie" not in wrong_password.headers


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("Mina", PASSWORD, (409, "name_taken")),
        ("ｍｉｎａ", PASSWORD, (409, "name_taken")),
        ("", PASSWORD, (422, "name_invalid")),
        ("Ben", "short", (422, "password_length")),
        ("a long name indeed", "a long name indeed", (422, "password_is_name")),
        ("x" * 300, PASSWORD, (422, "invalid")),
        ("Ben", "x" * 2000, (422, "invalid")),
    ],
    ids=["taken", "composed", "empty", "short", "name", "long name", "long"],
)
def test_accounts_that_cannot_be(mina: TestClient, name: str, password: str, expected: tuple[int, str]) -> None:
    assert told(sign_up(mina, name, password)) == expected


def test_no_answer_repeats_a_password(mina: TestClient) -> None:
    for body in ({"password": PASSWORD}, {"name": 1, "password": PASSWORD}, {"name": "x", "password": [PASSWORD]}):
        response = mina.post("/v1/sign-in", json=body)
        assert told(response) == (422, "invalid")
        assert PASSWORD not in response.text
    assert PASSWORD not in mina.post("/v1/sign-in", content=json.dumps({"password": PASSWORD})[:-1]).text


def test_who_guesses_has_to_wait(mina: TestClient) -> None:
    answers = [sign_in(mina, "Mina", f"guess number {i}") for i in range(11)]
    assert {told(answer) for answer in answers[:10]} == {(401, "wrong_credentials")}
    assert told(answers[-1]) == (429, "too_many")
    assert int(answers[-1].headers["retry-after"]) > 1
    assert told(sign_in(mina, "Mina")) == (429, "too_many")  # the right one, too, or it would be told


def test_an_account_is_deleted_by_its_owner_with_all_that_is_theirs(mina: TestClient, jpeg: bytes) -> None:
    send(mina, jpeg, to="/v1/history")
    assert told(mina.request("DELETE", "/v1/account", json={"password": "a wrong password"})) == (
        401,
        "wrong_credentials",
    )
    assert mina.get("/v1/history").json()
    assert mina.request("DELETE", "/v1/account", json={"password": PASSWORD}).status_code == 204
    assert told(sign_in(mina, "Mina")) == (401, "wrong_credentials")
    sign_up(mina, "Mina")
    assert mina.get("/v1/history").json() == []


def change(browser: TestClient, password: str, new: str) -> Any:
    return browser.post("/v1/account/password", json={"password": password, "new_password": new})


def test_a_password_is_changed_by_who_knows_it_and_all_other_browsers_are_signed_out(
    mina: TestClient, another: Browsers
) -> None:
    new, elsewhere, thief = "another long sentence", another(), another()
    sign_in(elsewhere, "Mina")
    thief.cookies.update(mina.cookies)
    assert told(change(mina, "not the password", new)) == (401, "wrong_credentials")
    assert told(change(mina, PASSWORD, "short")) == (422, "password_length")
    assert elsewhere.get("/v1/history").status_code == 200
    assert change(mina, PASSWORD, new).status_code == 204
    assert [browser.get("/v1/history").status_code for browser in (mina, elsewhere, thief)] == [200, 401, 401]
    assert told(sign_in(another(), "Mina")) == (401, "wrong_credentials")
    assert sign_in(another(), "Mina", new).status_code == 200


def test_who_found_a_browser_open_guesses_its_password_no_more_often(mina: TestClient) -> None:
    answers = [change(mina, f"guess number {i}", "another long sentence") for i in range(11)]
    assert {told(answer) for answer in answers[:10]} == {(401, "wrong_credentials")}
    assert told(answers[-1]) == (429, "too_many")
    assert int(answers[-1].headers["retry-after"]) > 1


def test_there_is_an_end_to_accounts(open_demo: Callable[..., TestClient]) -> None:
    demo = open_demo(max_accounts=1)
    assert sign_up(demo, "Mina").status_code == 201
    demo.post("/v1/sign-out")
    assert told(sign_up(demo, "Ben")) == (409, "accounts_full")
    assert sign_in(demo, "Mina").status_code == 200


def test_guests_have_no_account(guest: TestClient, jpeg: bytes) -> None:
    asked = [
        guest.get("/v1/history"),
        guest.get("/v1/history/1"),
        guest.delete("/v1/history/1"),
        guest.delete("/v1/history"),
        guest.get("/v1/export"),
        send(guest, jpeg, to="/v1/history"),
        guest.request("DELETE", "/v1/account", json={"password": PASSWORD}),
        change(guest, PASSWORD, PASSWORD),
    ]
    assert {told(response) for response in asked} == {(403, "signed_out")}


def test_for_members_only_nobody_is_a_guest(open_demo: Callable[..., TestClient]) -> None:
    demo = open_demo(members_only=True)
    assert told(demo.post("/v1/guest")) == (403, "members_only")
    assert told(demo.post("/v1/score")) == (401, "no_session")


# -------------------------------------------------------------------------------------------------------------- history


def test_a_result_is_saved_as_it_was_scored_here(mina: TestClient, jpeg: bytes) -> None:
    saved = send(mina, jpeg, to="/v1/history", parts=["chin"])
    assert saved.status_code == 201
    result = mina.get(f"/v1/history/{saved.json()['id']}").json()
    assert result["report"] == saved.json()["report"] == send(mina, jpeg, parts=["chin"]).json()
    assert (result["age"], result["sex"]) == (None, None)


def test_age_sex_and_photos_are_kept_if_they_are_given(mina: TestClient, jpeg: bytes) -> None:
    send(mina, jpeg, to="/v1/history")
    send(mina, jpeg, to="/v1/history", age=31, sex="female", keep_photos="true")
    newest, oldest = mina.get("/v1/history").json()
    assert (newest["age"], newest["sex"], oldest["age"]) == (31, "female", None)
    archive = zipfile.ZipFile(io.BytesIO(mina.get("/v1/export").content))
    photos = [name for name in archive.namelist() if name.startswith("photos/")]
    assert len(photos) == 1
    kept = np.asarray(Image.open(archive.open(photos[0])), float)
    assert np.abs(kept - np.asarray(Image.open(io.BytesIO(jpeg)), float)).mean() < 8


@pytest.mark.parametrize(
    "form", [{"age": "-1"}, {"age": "x"}, {"age": "200"}, {"sex": "<b>"}, {"keep_photos": "maybe"}]
)
def test_what_is_no_age_or_sex_is_not_saved(mina: TestClient, jpeg: bytes, form: dict[str, str]) -> None:
    assert send(mina, jpeg, to="/v1/history", **form).status_code == 422
    assert mina.get("/v1/history").json() == []


def test_nobody_sees_or_deletes_what_is_anothers(mina: TestClient, another: Browsers, jpeg: bytes) -> None:
    number = send(mina, jpeg, to="/v1/history", keep_photos="true").json()["id"]
    ben = another()
    sign_up(ben, "Ben")
    nobodys = ben.get("/v1/history/999999")
    assert told(nobodys) == (404, "not_found")
    assert ben.get(f"/v1/history/{number}").content == nobodys.content
    assert told(ben.delete(f"/v1/history/{number}")) == (404, "not_found")
    assert ben.get("/v1/history").json() == []
    assert ben.delete("/v1/history").status_code == 204
    archive = zipfile.ZipFile(io.BytesIO(ben.get("/v1/export").content))
    assert json.loads(archive.read("results.json")) == []
    assert mina.get(f"/v1/history/{number}").status_code == 200


def test_results_are_deleted_one_by_one_or_all(mina: TestClient, jpeg: bytes) -> None:
    numbers = [send(mina, jpeg, to="/v1/history").json()["id"] for _ in range(3)]
    assert mina.delete(f"/v1/history/{numbers[1]}").status_code == 204
    assert [result["id"] for result in mina.get("/v1/history").json()] == [numbers[2], numbers[0]]
    assert mina.delete("/v1/history").status_code == 204
    assert mina.get("/v1/history").json() == []


def test_the_export_is_a_file_and_no_page(mina: TestClient) -> None:
    headers = mina.get("/v1/export").headers
    assert headers["content-type"] == "application/zip"
    assert headers["content-disposition"].startswith("attachment")
    assert headers["cache-control"] == "no-store"


# -------------------------------------------------------------------------------------------------------- documentation


def test_everything_that_is_documented_is_let_through_and_has_an_example(demo: TestClient) -> None:
    document = demo.get("/v1/openapi.json").json()
    routes = [(path, method) for path, methods in document["paths"].items() for method in methods]
    assert len(routes) == 16
    for path, method in routes:
        find_endpoint(method.upper(), path.replace("{result_id}", "1"))  # raises where there is none
    for path in ("/v1/score", "/v1/history"):
        method = "post" if path == "/v1/score" else "get"
        assert document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"]
    assert "http" not in json.dumps(document["paths"])


def test_every_refusal_is_documented_in_the_one_form_that_the_program_gives_it(demo: TestClient) -> None:
    document = demo.get("/v1/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]  # FastAPI's own
    responses = document["paths"]["/v1/history/{result_id}"]["get"]["responses"]
    assert set(responses) == {"200", "401", "403", "404", "default"}


@pytest.mark.parametrize("path", ["/healthz", "/v1/schema", "/v1/openapi.json", "/sign-in", "/", "/robots.txt"])
def test_head_is_answered_as_get_without_a_body(path: str, guest: TestClient) -> None:
    asked, read = guest.head(path), guest.get(path)
    assert (asked.status_code, asked.content) == (read.status_code, b"")
    assert asked.headers["content-type"] == read.headers["content-type"]


def test_the_example_has_the_form_of_an_answer(guest: TestClient, jpeg: bytes) -> None:
    def form(value: Any) -> Any:
        return {key: form(each) for key, each in value.items()} if isinstance(value, dict) else None

    document = guest.get("/v1/openapi.json").json()
    example = document["paths"]["/v1/score"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    answer = send(guest, jpeg).json()
    assert form(example) == form(answer)
    assert form(example["attributes"][0]) == form(answer["attributes"][0])
    assert form(example["photos"][0]) == form(answer["photos"][0])
