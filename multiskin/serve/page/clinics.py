"""The clinic search: a form that asks for a place, and the clinics nearest to it as a list and a map.

It does not use Gradio, which remembers what each open tab shows: a place is in memory only while its request is being
answered, and never part of a URL.
"""

from collections.abc import Sequence
from typing import cast

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from multiskin.serve.clinics import Clinic, Place
from multiskin.serve.nearby import Near, nearest, read_place
from multiskin.serve.page.panels import show_message
from multiskin.serve.page.sketch import HEIGHT, PIN, WIDTH, sketch
from multiskin.serve.page.templates import render
from multiskin.serve.services import Services
from multiskin.serve.texts import COOKIE, Words, preferred, words

NEAR_BY = 10  # km; shorter distances are shown with one decimal place
MARGIN = 26  # space below the map for its scale, which would otherwise cover part of the map


def show_clinics(clinics: Sequence[Clinic], words: Words) -> str:
    """The form, which also offers the clinics as places to choose from."""
    by_name = sorted(clinics, key=lambda clinic: clinic.name)
    choices = [(clinic.name, clinic.address, written(clinic.place)) for clinic in by_name]
    return render("clinics", words, choices=choices)


def show_nearest(place: Place, found: Sequence[Near], words: Words) -> str:
    """The clinics found, numbered, and a map with the same numbers."""
    listed = [(near.clinic, kilometres(near.km)) for near in found]
    drawn = sketch(found)
    return render(
        "nearest",
        words,
        place=written(place),
        found=listed,
        map=drawn,
        step=f"{drawn.step:,g} km",
        width=WIDTH,
        height=HEIGHT,
        margin=MARGIN,
        pin=PIN,
    )


def written(place: Place) -> str:
    """A place as text that `read_place` can read."""
    return f"{place.latitude:.6f}, {place.longitude:.6f}"


def kilometres(km: float) -> str:
    return f"{km:.1f} km" if round(km, 1) < NEAR_BY else f"{km:,.0f} km"


async def find(request: Request) -> Response:
    """Answers the form with an HTML fragment."""
    services = cast(Services, request.app.state.services)
    accepted = request.cookies.get(COOKIE) or request.headers.get("accept-language", "")
    said = words(preferred(accepted, services.settings.language))
    async with request.form(max_files=0, max_fields=1) as form:
        place = read_place(str(form.get("place", "")))
    if place is None:
        return HTMLResponse(show_message(said("clinics.no_place"), "error", said), 422)
    found = await to_thread.run_sync(nearest, services.clinics, place)
    return HTMLResponse(show_nearest(place, found, said))


ROUTES = [Route("/clinics", find, methods=["POST"])]
