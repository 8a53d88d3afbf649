/* What needs no server: the opacity of maps, printing, and the language cookie, which the sign-in pages read, too. */
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-ms-opacity]"))
    document.documentElement.style.setProperty("--ms-opacity", event.target.value / 100);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-ms-print]")) window.print();
});
document.addEventListener(
  "click",
  (event) => {
    const chosen = event.target.closest("[data-language]");
    if (!chosen) return;
    const path = new URL(document.baseURI).pathname;
    document.cookie = `language=${chosen.dataset.language}; path=${path}; max-age=31536000; samesite=lax`;
  },
  true,
);
/* Why a photo was not sent, or the server did not do what was clicked, which Gradio tells in English or as JSON. */
(() => {
  const REASONS = {401: "ended", 404: "ended", 413: "bytes", 503: "busy"}; // by status
  const ask = window.fetch;
  const tell = (reason) =>
    document.querySelectorAll("[data-ms-stop]").forEach((said) => (said.hidden = said.dataset.msStop !== reason));

  window.fetch = async (address, options, ...rest) => {
    const clicked = options?.method === "POST" && String(address).includes("/gradio_api/");
    try {
      const answer = await ask(address, options, ...rest);
      if (clicked) tell(answer.ok ? "" : REASONS[answer.status] ?? "failed");
      return answer;
    } catch (error) {
      if (clicked && error.name !== "AbortError") tell("unreachable");
      throw error;
    }
  };

  const fault = ({ type, size }) =>
    !type.startsWith("image/") ? "format" : size > window.gradio_config.max_file_size ? "bytes" : "";
  const check = (files) => files?.length && tell(Array.from(files, fault).find(Boolean) ?? "");
  document.addEventListener("change", (event) => check(event.target.files), true);
  document.addEventListener("drop", (event) => check(event.dataTransfer.files), true);
})();
