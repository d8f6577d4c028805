/* Lets "12 s" of what still runs go on counting: data-elapsed holds the seconds that the server counted, by its own clock. */
(() => {
  "use strict";
  const seen = new WeakMap(); // element -> when it came into the page

  const words = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
  };

  setInterval(() => {
    for (const element of document.querySelectorAll("[data-elapsed]")) {
      if (!seen.has(element)) seen.set(element, performance.now());
      const since = (performance.now() - seen.get(element)) / 1000;
      const seconds = Math.floor(Number(element.dataset.elapsed) + since);
      if (seconds >= 1) element.textContent = words(seconds);
    }
  }, 1000);
})();
