/* A form that is not answered soon says so. The browser goes on waiting, so nothing is sent twice from here. */
(() => {
  "use strict";
  const SAY_AFTER = 2500;
  const place = document.querySelector("[data-sending]");
  let timer = 0;

  const end = () => {
    clearTimeout(timer);
    place.textContent = "";
  };

  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    end();
    timer = setTimeout(() => {
      if (!event.defaultPrevented) place.textContent = place.dataset.sending;
    }, SAY_AFTER);
  });
  window.addEventListener("pageshow", end); // a page that a browser kept comes back as it was left
})();
