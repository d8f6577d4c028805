/* Forms lose nothing. Who leaves a form and comes back finds what was typed, in this tab alone, until it is closed or
   signed out in it; pages themselves are kept by no browser. A form that waits for a sign-in in another tab is sent with
   the CSRF token of that sign-in. No other form is: it would be sent as somebody else than its page shows. */
(() => {
  "use strict";
  const KEY = "typed:" + window.location.pathname + window.location.search;
  const TYPED = "main form[method=post] :is(input, select, textarea)[name]:not([type=hidden], [type=password], [type=file])";

  const kept = (use) => {
    try {
      return use(window.sessionStorage);
    } catch {
      return null; // storage may be switched off
    }
  };

  document.addEventListener("submit", (event) => {
    const field = event.target.querySelector("[data-waits] [name=csrfmiddlewaretoken]");
    const token = document.cookie.match(/(?:^|; )(?:__Host-)?csrf=([^;]+)/);
    if (field && token) field.value = token[1];
    if (event.target.matches("[data-forget]")) kept((storage) => storage.clear());
  });

  const fields = () => [...document.querySelectorAll(TYPED)];
  const valueOf = (field) => (field.type === "checkbox" || field.type === "radio" ? field.checked : field.value);
  const asServed = new Map(fields().map((field) => [field, valueOf(field)]));

  const restore = () => {
    const [entry] = performance.getEntriesByType("navigation");
    const typed = entry && entry.type === "back_forward" && kept((storage) => JSON.parse(storage.getItem(KEY)));
    for (const field of typed ? fields() : []) {
      const value = typed[field.id];
      if (value === undefined || valueOf(field) === value) continue;
      if (typeof value === "boolean") field.checked = value;
      else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };

  window.addEventListener("pagehide", () => {
    const typed = fields().filter((field) => field.id && asServed.get(field) !== valueOf(field));
    if (typed.length)
      kept((storage) => storage.setItem(KEY, JSON.stringify(Object.fromEntries(typed.map((field) => [field.id, valueOf(field)])))));
  });
  window.addEventListener("load", restore);
})();
