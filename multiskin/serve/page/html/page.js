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
