/* One theme for the portal (data-bs-theme) and Django's admin (data-theme), kept under one key. Runs before the first
   paint, so nothing flashes. */
(() => {
  "use strict";
  const KEY = "theme";
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return window.localStorage.getItem(KEY);
    } catch {
      return null; // storage may be switched off
    }
  };
  const apply = () => {
    const choice = kept();
    const theme = choice === "dark" || choice === "light" ? choice : media.matches ? "dark" : "light";
    document.documentElement.setAttribute("data-bs-theme", theme);
    document.documentElement.setAttribute("data-theme", theme);
  };
  apply();
  media.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    try {
      window.localStorage.setItem(KEY, next);
    } catch {
      document.documentElement.setAttribute("data-bs-theme", next);
      return;
    }
    apply();
  });
})();
