/* The location is sent to the demo only; this tab remembers it, to repeat the search when the language changes. */
(() => {
  const PATIENCE = 30000, DIGITS = 3; // milliseconds; decimal places of a degree, about 100 metres
  let asked = "";

  const show = (found, trouble = "") => {
    document.querySelector("[data-ms-found]").innerHTML = found;
    document.querySelectorAll("[data-ms-trouble]").forEach((said) => (said.hidden = said.dataset.msTrouble !== trouble));
  };

  const fill = (place) => {
    const {place: typed, near} = document.querySelector("[data-ms-where]").elements;
    typed.value = near.value = place;
    if (near.selectedIndex < 0) near.value = "";
  };

  const find = async (place) => {
    asked = place;
    fill(place);
    try {
      const body = new URLSearchParams({place});
      const answer = await fetch(new URL("clinics", document.baseURI), {method: "POST", body});
      if (!answer.headers.get("Content-Type").startsWith("text/html")) throw new Error(answer.status);
      const found = await answer.text();
      if (place === asked) show(found);
    } catch {
      show("", "failed");
    }
  };

  const locate = (button) => {
    const done = (told) => { button.disabled = false; told(); };
    const here = ({coords}) =>
      find([coords.latitude, coords.longitude].map((degrees) => degrees.toFixed(DIGITS)).join(", "));
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      (found) => done(() => here(found)), () => done(() => show("", "unlocated")), {timeout: PATIENCE},
    );
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ms-locate]");
    if (button) locate(button);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-ms-near]") && event.target.value) find(event.target.value);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-ms-where]")) return;
    event.preventDefault();
    find(event.target.elements.place.value);
  });
  document.addEventListener("ms-language", () => asked && find(asked));
})();
