// Before the first paint: the colours that the reader chose, if any. The system's otherwise.
"use strict";
(() => {
  const KEY = "wattle-theme";
  const root = document.documentElement;
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // Storage may be forbidden: then the choice lasts as long as the page.
  }
  const apply = () => {
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
    else delete root.dataset.theme;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const next = { light: "dark", dark: "system", system: "light" };
    button?.addEventListener("click", () => {
      chosen = next[chosen ?? "system"] ?? "light";
      try {
        localStorage.setItem(KEY, chosen);
      } catch {
        // As above.
      }
      apply();
      button.title = `Colours: ${chosen}`;
    });
  });
})();
