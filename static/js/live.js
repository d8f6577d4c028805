/* Live pages: the socket carries small signals, HTML comes over HTTP through the normal view.

   Markup: <body data-live-url data-live-topics="project:7">; a live element has data-live-topic, data-live-item,
   data-live-version and htmx attributes with hx-trigger="live:changed"; a list has data-live-list (its topic),
   data-live-prefix and data-live-seen, and data-live-filtered when it shows only some; data-live-any, beside an item that
   stands for the topic as a whole, is fetched again whenever anything of the topic changes. Inside one, data-live-stale
   (seconds since the epoch) says that the server could only show it as it was then; data-live-part is what the badge
   says where not all of a page is live.
   Versions are always read from the page itself, so nothing here can disagree with what is shown. A version that is
   another than the page's means "fetch": what comes is the present, so a late signal costs a request and harms nothing.
   A socket that answers is half of it: `news` in its frames says how long ago news from AWS could last arrive. A page that
   polls instead reads the same from the header X-News-Seconds. */
(() => {
  "use strict";
  const PING_EVERY = 5000;
  const PONG_WITHIN = 5000;
  const POLL_EVERY = 30000;
  const LOOK_AGAIN_EVERY = 10000; // at what the server could only show from memory
  const NEWS_WITHIN = 15000; // older than this, what was not heard may have happened
  const RESYNC_EVERY = 60000; // on a standing socket too: one lost signal is found
  const CAP = 30000;
  const STABLE_AFTER = 10000;
  const ANSWER_WITHIN = 10000;
  const PRESS_AT_MOST = 3000; // the word of its end may be lost, as when a menu opens
  const HEARTBEAT = PING_EVERY + PONG_WITHIN + 1000; // longer silence is no life
  const LIVE = "[data-live-item], [data-live-any], [data-live-list]";
  const SIGNED_OUT = 4401;
  const NO_NEWS = "news from AWS does not arrive";

  const topics = (document.body.dataset.liveTopics || "").split(/\s+/).filter(Boolean);
  const badge = document.querySelector("[data-live-badge]");
  const wayIn = document.querySelector("[data-live-sign-in]");
  if (!badge) return;
  if (!topics.length) {
    badge.hidden = true; // the page shows nothing that could change
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
  let openTimer = 0;
  let heardAt = 0; // when the last frame came
  let newsAt = 0; // when news from AWS could last arrive; 0: the server does not know
  let deaf = false; // news could not arrive for a while, and what was missed is not told yet
  let syncedAt = 0; // when the versions shown were last compared
  let freshAt = new Date(); // when all that is shown was known to be true
  let round = null; // the poll under way
  let pollWorks = false;
  let pollDeaf = false; // what a poll fetches may be old: news from AWS does not arrive at the server
  let announceTimer = 0;
  let lookTimer = 0;
  let pressed = null; // what a pointer holds down
  let pressTimer = 0;
  const held = new Set(); // items that changed under it
  const refused = new Set(); // topics that this page may not hear
  const changed = new Map(); // what to announce: kind -> its items
  const missed = new Set(); // items that a signal told of while their fetch was under way

  // In the zone of all times of the page, whatever the browser's is.
  const { timeZone = "UTC", timeZoneName = "UTC" } = document.body.dataset;
  const clock = (moment) =>
    moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone }) + " " + timeZoneName;

  const show = (state, words) => {
    badge.dataset.state = state;
    const place = badge.querySelector("[data-live-words]");
    if (place.textContent !== words) place.textContent = words;
  };

  const isHearing = () =>
    socket !== null &&
    socket.readyState === WebSocket.OPEN &&
    topics.every((topic) => subscribed.has(topic)) &&
    Date.now() - heardAt < HEARTBEAT;

  const newsArrives = () => Date.now() - newsAt < NEWS_WITHIN;

  const isLive = () => isHearing() && newsArrives() && !deaf;

  const tell = () => {
    const failed = held.size > 0 || document.querySelector("[data-live-failed]") !== null;
    if (wayIn) wayIn.hidden = !signedOut;
    if (signedOut) return show("stale", "Signed out, showing state of " + clock(freshAt));
    const old = document.querySelector("[data-live-stale]");
    if (old) return show("stale", "Showing state of " + clock(new Date(Number(old.dataset.liveStale) * 1000)));
    if (isHearing() && !newsArrives()) deaf = true;
    if (isLive() && !failed) {
      freshAt = new Date(Math.min(heardAt, newsAt));
      const part = document.querySelector("[data-live-part]");
      return show("live", part ? part.dataset.livePart : "Live");
    }
    if (isHearing() && deaf) {
      const why = newsAt ? NO_NEWS : "it is not known here whether news from AWS arrives";
      return show("stale", "Showing state of " + clock(freshAt) + ": " + why);
    }
    if (isHearing() || refused.size) return show("stale", "Showing state of " + clock(freshAt));
    if (pollTimer && pollWorks && pollDeaf) return show("stale", "Showing state of " + clock(freshAt) + ": " + NO_NEWS);
    if (pollTimer && pollWorks) return show("polling", "Updating every 30 s, as of " + clock(freshAt));
    if (pollTimer) return show("stale", "Reconnecting… showing state of " + clock(freshAt));
    if (failures > 0 || heardAt) return show("reconnecting", "Reconnecting… showing state of " + clock(freshAt));
    return show("reconnecting", "Connecting…");
  };

  if (!document.querySelector(LIVE)) {
    show("still", "Showing state of " + clock(freshAt)); // about a topic, but nothing in it is fetched again
    return;
  }

  const elementsOf = (topic, item) =>
    [...document.querySelectorAll("[data-live-item]")].filter(
      (element) => element.dataset.liveItem === item && element.dataset.liveTopic === topic,
    );

  const versions = (topic) => {
    const have = {};
    const hold = (name, version) => {
      // Of two that show one item, the older decides; what has no version is not told at all.
      if (Number.isFinite(version)) have[name] = Math.min(version, have[name] ?? Infinity);
    };
    for (const element of document.querySelectorAll("[data-live-item]"))
      if (element.dataset.liveTopic === topic) hold(element.dataset.liveItem, Number(element.dataset.liveVersion));
    for (const list of document.querySelectorAll("[data-live-list]"))
      if (list.dataset.liveList === topic) hold("*", Number(list.dataset.liveSeen));
    return have;
  };

  const topicOf = (element) => element.dataset.liveTopic || element.dataset.liveAny || element.dataset.liveList;

  // A list is fetched whole, its rows with it: one request instead of fifty, and what is new or gone shows too.
  const shown = () =>
    [...document.querySelectorAll(LIVE)].filter((element) => !element.parentElement.closest("[data-live-list]"));

  const keyOf = (element) => topicOf(element) + " " + (element.dataset.liveItem || "");

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
      if (element.isConnected) window.htmx.trigger(element, element.dataset.liveList ? "live:reload" : "live:changed");
    }, 10 + Math.random() * 30);
  };

  const announce = (item) => {
    const kind = item.split(":")[0];
    changed.set(kind, (changed.get(kind) || new Set()).add(item));
    clearTimeout(announceTimer);
    announceTimer = setTimeout(() => {
      const place = document.querySelector("[data-live-announce]");
      const counted = [...changed].map(([name, items]) => items.size + " " + name + (items.size === 1 ? "" : "s"));
      if (place) place.textContent = counted.join(" and ") + " updated";
      changed.clear();
    }, 1500);
  };

  const offerNew = (topic, item) => {
    for (const list of document.querySelectorAll("[data-live-list]")) {
      if (list.dataset.liveList !== topic || !item.startsWith(list.dataset.livePrefix)) continue;
      const known = newsOf(list).add(item);
      list.dataset.liveNews = [...known].join(" ");
      const button = list.querySelector("[data-live-new]");
      if (!button || !list.querySelector("[data-live-item]")) refresh(list); // an empty list has no row that could jump
      else if ("liveFiltered" in list.dataset) {
        clearTimeout(lookTimer);
        lookTimer = setTimeout(look, 300, list);
      } else offer(button, known.size);
    }
  };

  const newsOf = (list) => new Set((list.dataset.liveNews || "").split(" ").filter(Boolean));

  const offer = (button, count) => {
    button.textContent = count === 1 ? "1 new: show it" : count + " new: show them";
    button.hidden = count === 0;
  };

  // Which of the new ones a search or filter lets through, only the server can say.
  const look = async (list) => {
    const answer = await fetch(list.getAttribute("hx-get"), { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer || !answer.ok || !list.isConnected) return;
    const present = new DOMParser().parseFromString(await answer.text(), "text/html");
    const known = newsOf(list);
    const fitting = [...present.querySelectorAll("[data-live-item]")].filter((row) => known.has(row.dataset.liveItem));
    offer(list.querySelector("[data-live-new]"), fitting.length);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-new]");
    if (button) refresh(button.closest("[data-live-list]"));
  });

  const hear = (topic, change) => {
    for (const element of document.querySelectorAll("[data-live-any]"))
      if (element.dataset.liveAny === topic) refresh(element);
    if (change.item === topic) shown().filter((element) => topicOf(element) === topic).forEach(refresh); // rebuilt, frozen
    const elements = elementsOf(topic, change.item);
    for (const element of elements) {
      if (change.gone || Number(element.dataset.liveVersion) !== change.version) {
        refresh(element);
        if (!element.dataset.liveAny) announce(change.item);
      }
    }
    if (elements.length || change.gone) return;
    for (const list of document.querySelectorAll("[data-live-list]"))
      if (list.dataset.liveList === topic && change.born > Number(list.dataset.liveSeen)) offerNew(topic, change.item);
  };

  const catchUp = (topic, items) => {
    items.forEach((change) => hear(topic, change));
    for (const element of document.querySelectorAll("[data-live-failed]")) if (topicOf(element) === topic) refresh(element);
  };

  const read = (text) => {
    try {
      return JSON.parse(text) || {};
    } catch {
      return {}; // a gateway's own error frames are not ours to read
    }
  };

  const hearNews = (seconds) => (newsAt = Number.isFinite(seconds) ? Date.now() - seconds * 1000 : 0);

  const receive = (event) => {
    const frame = read(event.data);
    heardAt = Date.now();
    if (frame.type === "changed") hear(frame.topic, frame);
    else if (frame.type === "snapshot") {
      hearNews(frame.news);
      subscribed.add(frame.topic);
      stopPolling();
      catchUp(frame.topic, frame.items);
    } else if (frame.type === "withdrawn") {
      window.location.reload(); // the project is no longer ours: the page itself says so
    } else if (frame.type === "refused") {
      // Never by a reload: a page that is shown and yet refused would reload for ever.
      subscribed.delete(frame.topic);
      refused.add(frame.topic);
    } else if (frame.type === "pong") {
      clearTimeout(pongTimer);
      pongTimer = 0;
      hearNews(frame.news);
      if (deaf && newsArrives()) {
        deaf = false;
        subscribed = new Set(); // not live before it was told what it missed
        openTimer = setTimeout(lost, ANSWER_WITHIN);
        subscribe();
      }
    }
    if (topics.every((topic) => subscribed.has(topic) || refused.has(topic))) clearTimeout(openTimer);
    tell();
  };

  const ping = () => {
    if (!socket || socket.readyState !== WebSocket.OPEN || pongTimer) return;
    socket.send(JSON.stringify({ type: "ping" }));
    pongTimer = setTimeout(lost, PONG_WITHIN);
    if (Date.now() - syncedAt > (newsArrives() ? RESYNC_EVERY : NEWS_WITHIN)) subscribe();
  };

  const stopPolling = () => {
    clearInterval(pollTimer);
    pollTimer = 0;
    round = null;
    pollWorks = false;
  };

  const poll = () => {
    round = { at: new Date(), failed: false, deaf: false };
    shown().forEach(refresh);
  };

  const endRound = () => {
    if (!round || document.querySelector("[data-live-pending], [data-live-fetching]")) return;
    pollWorks = !round.failed;
    pollDeaf = round.deaf;
    if (pollWorks && !pollDeaf) freshAt = round.at;
    round = null;
    tell();
  };

  const subscribe = () => {
    syncedAt = Date.now();
    for (const topic of topics)
      if (!refused.has(topic)) socket.send(JSON.stringify({ type: "subscribe", topic, have: versions(topic) }));
  };

  const connect = () => {
    clearTimeout(retryTimer);
    retryTimer = 0;
    if (signedOut || (socket && socket.readyState <= WebSocket.OPEN)) return;
    if (socket) forget();
    const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
    socket = new WebSocket(scheme + window.location.host + document.body.dataset.liveUrl);
    const mine = socket;
    openTimer = setTimeout(lost, ANSWER_WITHIN); // until every topic is answered
    mine.addEventListener("open", () => {
      if (mine !== socket) return;
      heardAt = Date.now();
      deaf = false;
      subscribe();
      stableTimer = setTimeout(() => (failures = 0), STABLE_AFTER);
      pingTimer = setInterval(ping, PING_EVERY);
    });
    mine.addEventListener("message", (event) => mine === socket && receive(event));
    mine.addEventListener("close", (event) => {
      if (mine !== socket) return;
      if (event.code === SIGNED_OUT) signOut();
      else lost();
    });
  };

  // Not waiting for its close event: a half-open socket takes up to a minute to admit that it is dead.
  const forget = () => {
    const gone = socket;
    socket = null;
    subscribed = new Set();
    clearInterval(pingTimer);
    [openTimer, pongTimer, stableTimer].forEach(clearTimeout);
    pongTimer = 0;
    if (gone) gone.close();
  };

  const lost = () => {
    forget();
    later();
    tell();
  };

  const signOut = () => {
    signedOut = true;
    forget();
    stopPolling();
    clearTimeout(retryTimer);
    tell();
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
    signedOut = false; // somebody may have signed in in another tab; else the socket says so again
    if (socket && socket.readyState === WebSocket.OPEN) {
      subscribe(); // what passed while the page slept comes as a snapshot
      ping();
    } else connect();
    tell();
  };
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  window.addEventListener("focus", () => signedOut && wake());
  window.addEventListener("pageshow", (event) => event.persisted && wake());

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (element.matches(LIVE)) element.dataset.liveFetching = "yes";
  });

  // Without a session fragments answer 401. A proxy may lead to a sign-in page instead: that is no part of ours.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { pathInfo } = event.detail;
    if (!pathInfo.responsePath) return;
    const pathOf = (address) => new URL(address, window.location.href).pathname;
    if (pathOf(pathInfo.responsePath) === pathOf(pathInfo.finalRequestPath)) return;
    event.detail.shouldSwap = false;
    signOut();
  });

  // Put in place of what a pointer holds down, the new would take the click: it waits for the release.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const element = event.detail.requestConfig.elt;
    if (!pressed || !element.matches(LIVE) || !event.detail.target.contains(pressed)) return;
    event.detail.shouldSwap = false;
    held.add(keyOf(element));
  });
  const release = () => {
    clearTimeout(pressTimer);
    pressed = null;
    for (const element of document.querySelectorAll(LIVE)) if (held.has(keyOf(element))) refresh(element);
    held.clear();
  };
  const press = (event) => {
    pressed = event.target;
    clearTimeout(pressTimer);
    pressTimer = setTimeout(release, PRESS_AT_MOST);
  };
  window.addEventListener("pointerdown", press, true);
  for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, release, true);

  const failedToFetch = (element) => {
    const tries = Number(element.dataset.liveFailed || 0) + 1;
    element.dataset.liveFailed = tries;
    if (signedOut) return;
    if (round) round.failed = true;
    // While it polls, the next round is the next try.
    else if (!pollTimer) setTimeout(() => element.dataset.liveFailed && refresh(element), Math.min(CAP, 1000 * 2 ** tries));
  };

  document.body.addEventListener("htmx:afterRequest", (event) => {
    // htmx tells a parent of it too when the element itself was swapped: the request is still the element's.
    const element = event.detail.requestConfig.elt;
    if (!element.matches(LIVE) || !element.dataset.liveFetching) return;
    delete element.dataset.liveFetching;
    if (event.detail.successful) {
      delete element.dataset.liveFailed;
      const newsSeconds = Number.parseFloat(event.detail.xhr.getResponseHeader("X-News-Seconds"));
      if (round && !(newsSeconds * 1000 < NEWS_WITHIN)) round.deaf = true; // also when the server does not know
      // A signal for a row of the old list may have met no row of the new one.
      if (element.dataset.liveList && isLive()) subscribe();
    } else {
      failedToFetch(element);
    }
    endRound();
    tell();
    setTimeout(() => {
      for (const one of document.querySelectorAll(LIVE)) if (missed.delete(keyOf(one))) refresh(one);
    }, 50); // after the swap
  });

  // htmx gives the focus back to what has the same id. What is gone leaves it with the part that it was in.
  let focused = false;
  document.body.addEventListener("htmx:beforeSwap", () => (focused = document.activeElement !== document.body));
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const { elt: element, target } = event.detail;
    if (element?.dataset?.liveItem && !element.dataset.liveAny) element.classList.add("flash");
    if (!focused || document.activeElement !== document.body) return;
    const place = document.getElementById(target.id) || document.querySelector("[data-live-list], main");
    place.tabIndex = -1;
    place.focus({ preventScroll: true });
  });

  // A hint about what is being typed may not stay beside what it is no longer about.
  const noHint = ({ detail: { elt } }) => elt.matches("[data-hint]") && elt.replaceChildren("It cannot be looked up right now.");
  document.body.addEventListener("htmx:sendError", noHint);
  document.body.addEventListener("htmx:responseError", noHint);

  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) signOut();
    else if (event.detail.xhr.status === 404 && event.detail.elt.matches(LIVE)) window.location.reload();
  });

  setInterval(tell, 1000);
  setInterval(() => {
    for (const old of document.querySelectorAll("[data-live-stale]")) refresh(old.closest(LIVE));
  }, LOOK_AGAIN_EVERY);
  tell();
  connect();
})();
