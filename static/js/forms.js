/* Forms lose nothing. Who leaves a form and comes back finds what was typed, in this tab alone, until it is sent, closed
   or signed out in it; pages themselves are kept by no browser. A form that waits for a sign-in in another tab is sent
   with the CSRF token of that sign-in. No other form is: it would be sent as somebody else than its page shows. */
(() => {
  "use strict";
  const KEY = "typed:" + window.location.pathname + window.location.search;
  const SENT = "sent"; // the key of the form that was sent last
  const TYPED = "main form[method=post] :is(input, select, textarea)[name]:not([type=hidden], [type=password], [type=file])";

  const kept = (use) => {
    try {
      return use(window.sessionStorage);
    } catch {
      return null; // storage may be switched off
    }
  };
  const draft = () => kept((storage) => JSON.parse(storage.getItem(KEY)));
  const base = () => document.querySelector("main form[method=post] [name=base]")?.value || "";

  const say = (form, role, classes, words) => {
    const note = document.createElement("div");
    note.setAttribute("role", role);
    note.className = classes;
    if (role === "status") (form.querySelector(".card-body") || form).prepend(note);
    else form.append(note); // its buttons stand last
    note.textContent = words;
    return note;
  };

  // What the server said of a field is about what was sent: a look at what stands there now takes its place.
  document.body.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    const field = document.getElementById(target.dataset?.hint || "");
    if (!field) return;
    document.querySelectorAll(`[id="${field.id}_error"]`).forEach((old) => old.remove());
    const wrong = target.querySelector(".invalid-feedback") !== null;
    field.classList.toggle("is-invalid", wrong);
    field.setAttribute("aria-invalid", wrong);
    field.setAttribute("aria-describedby", `${field.id}_helptext ${target.id}`);
  });

  let refusal = null;
  const refuseOffline = (event) => {
    refusal?.remove();
    refusal = null;
    if (navigator.onLine !== false || !event.target.matches("main form[method=post]")) return;
    event.preventDefault();
    const words = "You are offline: nothing was sent. Send it again when the connection is back.";
    refusal = say(event.target, "alert", "alert alert-danger m-3 text-start", words);
  };

  document.addEventListener("submit", (event) => {
    refuseOffline(event);
    if (event.defaultPrevented) return;
    const field = event.target.querySelector("[data-waits] [name=csrfmiddlewaretoken]");
    const token = document.cookie.match(/(?:^|; )(?:__Host-)?csrf=([^;]+)/);
    if (field && token) field.value = token[1];
    if (event.target.matches("main form[method=post]")) kept((storage) => storage.setItem(SENT, KEY));
    if (event.target.matches("[data-forget]")) kept((storage) => storage.clear());
  });

  // Over plain http Chromium puts fields back by itself, whatever the bucket has become: the draft alone counts.
  if (kept(Boolean))
    document.querySelectorAll("main form:has([name=request_key])").forEach((form) => (form.autocomplete = "off"));

  const [visit] = performance.getEntriesByType("navigation");

  const fields = () => [...document.querySelectorAll(TYPED)];
  const valueOf = (field) => (field.type === "checkbox" || field.type === "radio" ? field.checked : field.value);
  const asServed = new Map(fields().map((field) => [field, valueOf(field)]));

  // A form that was taken leads to another page; one that was refused, or is to be confirmed, is answered in its place.
  const sent = kept((storage) => storage.getItem(SENT));
  kept((storage) => storage.removeItem(SENT));
  if (sent && sent !== KEY && visit?.redirectCount) kept((storage) => storage.removeItem(sent));

  const differing = (typed) => fields().filter((field) => field.id in typed && valueOf(field) !== typed[field.id]);

  const putBack = (typed) => {
    const found = differing(typed);
    for (const field of found) {
      const value = typed[field.id];
      if (typeof value === "boolean") field.checked = value;
      else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (found.length) say(found[0].form, "status", "alert alert-info", "What you typed before was put back.");
  };

  // What was typed upon an older state: shown, and put into the form by whom it belongs to, since others changed that state.
  let older = {};
  const offer = (typed) => {
    const found = differing(typed);
    if (!found.length) return;
    older = typed;
    const words = "This was changed since you typed in it, so what you had typed was not put back. It was:";
    const note = say(found[0].form, "status", "alert alert-warning d-block", words);
    const list = document.createElement("ul");
    for (const field of found) {
      const value = typed[field.id];
      const option = [...(field.options || [])].find((one) => one.value === value);
      const line = document.createElement("li");
      line.className = "cause";
      line.textContent = `${field.labels[0]?.textContent || field.name}: ${option?.text || value || "(empty)"}`;
      list.append(line);
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = "Put it into the form";
    button.addEventListener("click", () => {
      older = {};
      note.remove();
      putBack(typed);
      found[0].focus();
    });
    note.append(list, button);
  };

  const restore = () => {
    const found = visit?.type === "back_forward" && draft();
    if (!found) return;
    if (found.base === base()) {
      putBack(found.typed);
      offer(found.older || {});
    } else offer({ ...found.older, ...found.typed });
  };

  window.addEventListener("pagehide", () => {
    if (!fields().length) return; // to be confirmed: what was typed is the page's before
    const typed = fields().filter((field) => field.id && asServed.get(field) !== valueOf(field));
    const values = Object.fromEntries(typed.map((field) => [field.id, valueOf(field)]));
    // The answer to a form shows what was sent, so only the draft tells it from what the form began with.
    const before = sent === KEY ? draft() : null;
    const now = { base: base(), typed: { ...before?.typed, ...values }, older: { ...before?.older, ...older } };
    if (typed.length || Object.keys(older).length) kept((storage) => storage.setItem(KEY, JSON.stringify(now)));
    else if (!before) kept((storage) => storage.removeItem(KEY));
  });
  window.addEventListener("load", restore);
})();
