"""What people do with the demo, in a real Chromium."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

PASSWORD = "a long sentence"


@pytest.fixture(scope="module")
def photos(server) -> list[Path]:
    """Those that the demo has drawn."""
    from multiskin.serve.examples import example_pictures

    return [example.path for example in example_pictures(server.data / "examples")]


def test_a_photo_gets_five_scores_and_five_maps_and_is_gone(visit, photos):
    guest = visit()
    guest.score(photos[3])
    page = guest.page
    assert page.locator(".ms-card .ms-value").count() == 5
    assert all(re.fullmatch(r"[0-4]\.\d", value) for value in page.locator(".ms-value").all_inner_texts())
    assert page.locator(".ms-map").count() == 5
    assert page.locator(".ms-stack:visible").count() == 1
    page.click(".ms-heads label:has-text('Wrinkles')")
    assert page.locator(".ms-stack:visible").get_attribute("data-head") == "2"
    page.keyboard.press("ArrowRight")  # of a group of choices, the next one
    assert page.locator(".ms-stack:visible").get_attribute("data-head") == "3"
    page.click("text=Side by side")
    assert page.locator(".ms-stack:visible").count() == 5
    page.locator("[data-ms-opacity]").fill("20")
    assert page.locator(".ms-map").first.evaluate("map => getComputedStyle(map).opacity") == "0.2"
    assert page.locator("#ms-hint a").count() == 2  # guests cannot save
    sent = [address for address in guest.asked if "file" in address and "photo.jpg" in address]
    assert sent
    assert {guest.context.request.get(address).status for address in sent} <= {403, 404}


def test_several_photos_make_one_report(visit, photos):
    page = visit().page
    page.click("text=Several photos of one person")
    page.click(".ms-person >> nth=0")
    page.wait_for_selector(".ms-tray li >> nth=4")
    assert page.locator(".ms-card").count() == 5
    page.click(".ms-tray button >> nth=4")
    page.wait_for_selector(".ms-tray li >> nth=4", state="detached")
    assert page.locator(".ms-tray li").count() == 4
    assert page.locator("#ms-part label").count() == 3  # chin, forehead, and not sure
    page.set_input_files("#ms-photo input[type=file]", photos[9])
    page.wait_for_selector(".ms-tray li >> nth=4")
    assert page.locator(".ms-tray li").last.inner_text().strip().startswith("Chin")


def test_what_is_no_photo_is_refused_in_words(visit, tmp_path):
    text = tmp_path / "photo.png"
    text.write_text("no picture")
    guest = visit()
    guest.page.set_input_files("#ms-photo input[type=file]", text)
    guest.page.wait_for_selector("#ms-message [role=alert] p")
    assert "not a JPEG, PNG or WebP" in guest.page.inner_text("#ms-message")


@pytest.mark.parametrize("event", ["drop", "change"])
@pytest.mark.parametrize(
    ("kind", "size", "words"),
    [("text/plain", 9, "JPEG, PNG, WebP 형식의 사진이 아닙니다"), ("image/png", 9_000_000, "파일이 너무 큽니다")],
)
def test_a_file_that_gradio_would_refuse_is_refused_in_the_readers_language(visit, photos, event, kind, size, words):
    reader = visit(locale="ko-KR")
    reader.page.evaluate(
        """([event, kind, size]) => {
            const dataTransfer = new DataTransfer(), field = document.querySelector("#ms-photo input[type=file]");
            dataTransfer.items.add(new File([new Uint8Array(size)], "file", { type: kind }));
            if (event === "change") field.files = dataTransfer.files;
            const target = event === "change" ? field : document.querySelector("#ms-photo button");
            target.dispatchEvent(new DragEvent(event, { dataTransfer, bubbles: true }));
        }""",
        [event, kind, size],
    )
    reader.page.wait_for_selector(f"[data-ms-stop]:visible:has-text('{words}')")
    reader.page.wait_for_timeout(500)
    assert not reader.page.is_visible(".toast-body")
    reader.score(photos[3])
    assert not reader.page.is_visible("[data-ms-stop]")


def test_why_a_click_came_to_nothing_is_said_in_the_readers_language(visit, photos):
    reader = visit(locale="ko-KR")
    reader.score(photos[3])
    reader.context.set_offline(True)
    reader.page.click(".ms-examples button >> nth=1")
    reader.page.wait_for_selector("[data-ms-stop=unreachable]:visible:has-text('연결할 수 없습니다')")
    reader.context.set_offline(False)
    reader.page.reload()
    reader.page.wait_for_selector(".ms-examples img")
    reader.context.clear_cookies()
    reader.page.click(".ms-examples button >> nth=1")
    reader.page.wait_for_selector("[data-ms-stop=ended]:visible:has-text('세션이 끝났습니다')")
    assert not reader.page.is_visible(".toast-body")
    reader.page.click("[data-ms-stop=ended] a")
    reader.page.click(".ms-examples button >> nth=1")
    reader.page.wait_for_selector(".ms-card")
    assert not reader.page.is_visible("[data-ms-stop]")
    reader.noted.clear()  # what the console says of that


def test_saved_results_are_ones_own(visit, photos):
    mina = visit()
    mina.score(photos[1])
    mina.sign_up("Mina", PASSWORD)
    mina.page.wait_for_selector(".ms-card")  # what a guest had on the screen came along
    mina.save()
    for number, photo in enumerate(photos[2:4], start=2):
        mina.score(photo)
        mina.page.wait_for_selector("#ms-save")
        if number == 3:
            mina.page.check("label:has-text('Keep the photograph') input")
        mina.save()
    mina.score(photos[4])
    mina.page.wait_for_selector("#ms-save")
    assert not mina.page.is_checked("label:has-text('Keep the photograph') input")  # that was for another result
    mina.open("History")
    mina.page.wait_for_selector("#ms-past tr[data-result] >> nth=2")
    mina.page.wait_for_selector(".ms-curve >> nth=4")
    assert mina.page.locator(".ms-curve").first.locator("circle").count() == 3
    assert mina.page.locator("#ms-comparison img").count() == 1  # the last one's photo
    assert mina.page.locator("#ms-comparison tbody tr").count() == 5
    results = mina.context.request.get(f"{mina.address}v1/history").json()
    own = [f"{mina.address}v1/history/{number}" for number in _ids(results)]
    assert [mina.context.request.get(address).status for address in own] == [200] * 3
    assert mina.context.request.get(f"{mina.address}v1/export").body()[:2] == b"PK"

    jun = visit()
    jun.sign_up("Jun", PASSWORD)
    jun.open("History")
    jun.page.wait_for_selector("text=Nothing saved yet")
    streams = [address for address in mina.asked if "session_hash=" in address]
    assert streams
    assert {jun.context.request.get(address).status for address in [*own, *streams[-1:]]} == {404}

    mina.page.click("#ms-past tbody details >> nth=0")
    mina.page.click("#ms-past [data-delete]:visible")
    mina.page.wait_for_selector("#ms-past tr[data-result] >> nth=2", state="detached")
    mina.page.click("text=Delete all results")
    mina.page.click("[data-delete=all]")
    mina.page.wait_for_selector("text=Nothing saved yet")
    assert _ids(mina.context.request.get(f"{mina.address}v1/history").json()) == []

    jun.page.click("#ms-account button:has-text('My account')")
    jun.page.fill("#ms-account input[type=password]", "not the sentence")
    jun.page.click("#ms-leave")
    jun.page.wait_for_selector("text=The password is wrong.")
    assert {f"401: {jun.address}v1/account"} < set(jun.noted)  # and what the console says of that
    jun.noted.clear()
    jun.page.fill("#ms-account input[type=password]", PASSWORD)
    with jun.leaving():
        jun.page.click("#ms-leave")
        jun.page.wait_for_selector(".ms-nav a[href^='sign-in']")  # the page came anew, for a guest


def _ids(results) -> list[int]:
    entries = results if isinstance(results, list) else results["results"]
    return [entry["id"] for entry in entries]


def test_a_phone_shows_all_without_scrolling_sideways(visit, photos):
    phone = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    assert phone.sideways == 0
    phone.score(photos[3])
    assert phone.sideways == 0
    phone.page.click("text=Side by side")
    assert phone.sideways == 0


def test_korean_is_spoken_where_it_is_read_or_asked_for(visit, photos):
    reader = visit(locale="ko-KR")
    reader.page.wait_for_selector("[role=tab]:has-text('사진 분석')")
    reader.page.wait_for_function("document.documentElement.lang === 'ko'")
    asker = visit()
    asker.score(photos[3])
    asker.page.click("[data-language=ko]")
    asker.page.wait_for_selector("h2:has-text('분석 결과')")
    assert "유분" in asker.page.inner_text(".ms-cards")
    with asker.leaving():
        asker.page.reload()
        asker.page.wait_for_selector("[role=tab]:has-text('기록')")
    asker.leave("sign-in")
    asker.page.wait_for_selector("html[lang=ko]")


def test_care_is_advised_and_the_nearest_clinics_are_found_without_asking_anybody_else(visit, photos):
    guest = visit(geolocation={"latitude": 37.5663, "longitude": 126.9779}, permissions=["geolocation"])
    guest.score(photos[3])
    page = guest.page
    assert page.locator(".ms-advice").count() == 5
    guest.open("Clinics")
    page.click("[data-ms-locate]")
    page.wait_for_selector(".ms-near li")
    assert "0.4 km" in page.inner_text(".ms-near li >> nth=0")
    assert page.locator(".ms-near a").get_attribute("href") == "tel:021234567"
    assert page.locator(".ms-sketch .pin").count() == 2
    page.click("[data-language=ko]")
    page.wait_for_selector(".ms-sketch text:has-text('북')")
    assert page.input_value("[name=place]") == "37.566, 126.978"
    page.select_option("[name=near]", "35.179800, 129.075000")
    page.wait_for_selector(".ms-near li:first-child:has-text('Busan Skin')")


def test_whose_browser_tells_no_place_can_enter_one(visit):
    phone = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    phone.open("Clinics")
    phone.page.click("[data-ms-locate]")
    phone.page.wait_for_selector("[data-ms-trouble=unlocated]:visible")
    phone.page.fill("[name=place]", "35.2 129.1")
    phone.page.press("[name=place]", "Enter")
    phone.page.wait_for_selector(".ms-near li:first-child:has-text('Busan Skin')")
    assert not phone.page.is_visible("[data-ms-trouble=unlocated]")
    assert phone.sideways == 0


def test_under_a_path_of_a_proxy_and_without_a_model_training_is_offered(visit, without_a_model):
    guest = visit(without_a_model.address)
    guest.page.wait_for_selector("[data-training=start]")
    assert not guest.page.is_visible("#ms-photo")
    guest.leave("sign-up")
    guest.page.wait_for_url("**/skin/sign-up?*")
