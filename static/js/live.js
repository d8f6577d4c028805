/* Live pages: the socket carries small signals, HTML comes over HTTP through the normal view.

   Markup: <body data-live-url data-live-topics="project:7">; a live element has data-live-topic, data-live-item,
   data-live-version and htmx attributes with hx-trigger="live:changed"; a list has data-live-list (its topic),
   data-live-prefix and data-live-seen; data-live-any is fetched again whenever anything of a topic changes.
   Versions are always read from the page itself, so nothing here can disagree with what is shown. A version that is
   another than the page's means "fetch": what comes is the present, so a late signal costs a request and harms nothing. */
(() => {
  "use strict";
  const PING_EVERY = 20000;
  const PONG_WITHIN = 5000;
  const POLL_EVERY = 30000;
  const CAP = 30000;
  const STABLE_AFTER = 10000;
  const SIGNED_OUT = 4401;

  const topics = (document.body.dataset.liveTopics || "").split(/\s+/).filter(Boolean);
  const badge = document.querySelector("[data-live-badge]");
  if (!badge) return;
  if (!topics.length) {
    badge.hidden = true; // nothing on this page changes by itself, so there is nothing to promise
    return;
  }

  let socket = null;
  let failures = 0;
  let retryTimer = 0;
  let pingTimer = 0;
  let pongTimer = 0;
  let pollTimer = 0;
  let stableTimer = 0;
  let subscribed = new Set();
  let signedOut = false;
  let freshAt = new Date();
  let changedCount = 0;
  let announceTimer = 0;
  const missed = new Set(); // items that a signal told of while their fetch was under way

  const clock = (moment) =>
    moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

  const show = (state, words) => {
    badge.dataset.state = state;
    const place = badge.querySelector("[data-live-words]");
    if (place.textContent !== words) place.textContent = words;
  };

  const tell = () => {
    if (signedOut) return show("stale", "Signed out: reload to sign in");
    if (socket && socket.readyState === WebSocket.OPEN && topics.every((topic) => subscribed.has(topic)))
      return show("live", "Live");
    if (pollTimer) return show("polling", "Updating every 30 s, as of " + clock(freshAt));
    if (failures > 0 || freshAt < Date.now() - PING_EVERY)
      return show("reconnecting", "Reconnecting… showing state of " + clock(freshAt));
    return show("reconnecting", "Connecting…");
  };

  const elementsOf = (topic, item) =>
    [...document.querySelectorAll("[data-live-item]")].filter(
      (element) => element.dataset.liveItem === item && element.dataset.liveTopic === topic,
    );

  const versions = (topic) => {
    const have = {};
    for (const element of document.querySelectorAll("[data-live-item]"))
      if (element.dataset.liveTopic === topic) have[element.dataset.liveItem] = Number(element.dataset.liveVersion);
    for (const list of document.querySelectorAll("[data-live-list]"))
      if (list.dataset.liveList === topic) have["*"] = Number(list.dataset.liveSeen);
    return have;
  };

  const keyOf = (element) => (element.dataset.liveTopic || element.dataset.liveAny) + " " + (element.dataset.liveItem || "");

  const refresh = (element) => {
    if (element.dataset.liveFetching) {
      missed.add(keyOf(element)); // the answer under way may be older than this signal
      return;
    }
    if (element.dataset.livePending) return;
    element.dataset.livePending = "yes";
    // A little apart, so that one event does not make every page ask in the same millisecond.
    setTimeout(() => {
      delete element.dataset.livePending;
      if (element.isConnected) window.htmx.trigger(element, "live:changed");
    }, 60 + Math.random() * 60);
  };

  const announce = () => {
    changedCount += 1;
    clearTimeout(announceTimer);
    announceTimer = setTimeout(() => {
      const place = document.querySelector("[data-live-announce]");
      if (place) place.textContent = changedCount === 1 ? "1 change on this page" : changedCount + " changes on this page";
      changedCount = 0;
    }, 1500);
  };

  const offerNew = (topic, item) => {
    for (const list of document.querySelectorAll("[data-live-list]")) {
      if (list.dataset.liveList !== topic || !item.startsWith(list.dataset.livePrefix)) continue;
      const known = new Set((list.dataset.liveNews || "").split(" ").filter(Boolean));
      known.add(item);
      list.dataset.liveNews = [...known].join(" ");
      const button = list.querySelector("[data-live-new]");
      if (!button || !list.querySelector("[data-live-item]")) {
        window.htmx.trigger(list, "live:reload"); // an empty list has no row that could jump
        continue;
      }
      button.textContent = known.size === 1 ? "1 new: show it" : known.size + " new: show them";
      button.hidden = false;
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-new]");
    if (button) window.htmx.trigger(button.closest("[data-live-list]"), "live:reload");
  });

  const hear = (topic, change) => {
    freshAt = new Date();
    for (const element of document.querySelectorAll("[data-live-any]"))
      if (element.dataset.liveAny === topic) refresh(element);
    const elements = elementsOf(topic, change.item);
    for (const element of elements) {
      if (change.gone || Number(element.dataset.liveVersion) !== change.version) {
        refresh(element);
        announce();
      }
    }
    if (elements.length || change.gone) return;
    for (const list of document.querySelectorAll("[data-live-list]"))
      if (list.dataset.liveList === topic && change.born > Number(list.dataset.liveSeen)) offerNew(topic, change.item);
  };

  const receive = (event) => {
    let frame;
    try {
      frame = JSON.parse(event.data);
    } catch {
      return; // a gateway's own error frames are not ours to read
    }
    freshAt = new Date();
    if (frame.type === "changed") hear(frame.topic, frame);
    else if (frame.type === "snapshot") frame.items.forEach((change) => hear(frame.topic, change));
    else if (frame.type === "subscribed") {
      subscribed.add(frame.topic);
      stopPolling();
    } else if (frame.type === "refused" || frame.type === "withdrawn") {
      subscribed.delete(frame.topic);
      window.location.reload(); // the project is no longer ours: the page itself says so
    } else if (frame.type === "pong") {
      clearTimeout(pongTimer);
      pongTimer = 0;
    }
    tell();
  };

  const ping = () => {
    if (!socket || socket.readyState !== WebSocket.OPEN || pongTimer) return;
    socket.send(JSON.stringify({ type: "ping" }));
    pongTimer = setTimeout(() => socket && socket.close(), PONG_WITHIN);
  };

  const stopPolling = () => {
    clearInterval(pollTimer);
    pollTimer = 0;
  };

  const poll = () => {
    for (const element of document.querySelectorAll("[data-live-item], [data-live-any]")) refresh(element);
    for (const list of document.querySelectorAll("[data-live-list]"))
      if (!list.querySelector("[data-live-item]")) window.htmx.trigger(list, "live:reload");
  };

  const subscribe = () => {
    for (const topic of topics) socket.send(JSON.stringify({ type: "subscribe", topic, have: versions(topic) }));
  };

  const connect = () => {
    clearTimeout(retryTimer);
    retryTimer = 0;
    if (signedOut || (socket && socket.readyState <= WebSocket.OPEN)) return;
    const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
    socket = new WebSocket(scheme + window.location.host + document.body.dataset.liveUrl);
    const mine = socket;
    mine.addEventListener("open", () => {
      subscribe();
      stableTimer = setTimeout(() => (failures = 0), STABLE_AFTER);
      pingTimer = setInterval(ping, PING_EVERY);
    });
    mine.addEventListener("message", (event) => mine === socket && receive(event));
    mine.addEventListener("close", (event) => {
      if (mine !== socket) return;
      socket = null;
      subscribed = new Set();
      clearInterval(pingTimer);
      clearTimeout(pongTimer);
      clearTimeout(stableTimer);
      pongTimer = 0;
      if (event.code === SIGNED_OUT) signedOut = true;
      else later();
      tell();
    });
  };

  const later = () => {
    failures += 1;
    if (failures >= 3 && !pollTimer) {
      poll();
      pollTimer = setInterval(poll, POLL_EVERY);
    }
    // Full jitter, so that a restart of the server is not followed by everybody at once.
    const ceiling = Math.min(CAP, 500 * 2 ** Math.min(failures, 6));
    retryTimer = setTimeout(connect, 200 + Math.random() * ceiling);
  };

  const wake = () => {
    if (document.hidden) return;
    if (socket && socket.readyState === WebSocket.OPEN) {
      subscribe(); // what passed while the page slept comes as a snapshot
      ping();
    } else connect();
  };
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  window.addEventListener("pageshow", (event) => event.persisted && wake());

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (element.dataset.liveItem || element.dataset.liveAny) element.dataset.liveFetching = "yes";
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    delete event.detail.elt.dataset.liveFetching;
    setTimeout(() => {
      for (const element of document.querySelectorAll("[data-live-item], [data-live-any]"))
        if (missed.delete(keyOf(element))) refresh(element);
    }, 50); // after the swap
  });

  // The state of a fetched element is as fresh as its answer.
  document.body.addEventListener("htmx:afterSwap", (event) => {
    freshAt = new Date();
    const element = event.detail.elt;
    if (element && element.dataset && element.dataset.liveItem) element.classList.add("flash");
    tell();
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 404 || event.detail.xhr.status === 401) window.location.reload();
  });

  setInterval(tell, 1000);
  tell();
  connect();
})();
