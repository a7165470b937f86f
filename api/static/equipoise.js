/* Equipoise: the little that pages need beyond HTML. No handler is inline, nothing is evaluated.
   1. "/" goes to the find box.   2. A form is sent once.   3. A warning before the session ends.
   4. htmx requests carry the forgery token.   5. A value's history opens in a dialog.   6. Print and copy buttons. */
(() => {
  "use strict";

  const WARN_SECONDS = 120;
  const say = (sentence) => {
    const region = document.getElementById("live");
    if (region) region.textContent = sentence;
  };
  const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

  /* 1. The find box */
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = document.getElementById("find");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  /* 2. A second click must not send a second command. The server refuses it too, by the idempotency key. */
  const release = (form) => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    form.querySelectorAll("[data-held]").forEach((button) => {
      button.removeAttribute("aria-disabled");
      delete button.dataset.held;
    });
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    form.querySelectorAll("button:not([type=button])").forEach((button) => {
      button.setAttribute("aria-disabled", "true");
      button.dataset.held = "yes";
    });
    say("Sending. Please wait.");
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(release);
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const form = event.target.closest?.("form[data-sent]");
    if (form) release(form);
  });

  /* 3. The session's end. Other tabs count: activity is shared through local storage. */
  const idle = Number(document.body.dataset.idleSeconds || 0);
  const dialog = document.getElementById("idle-warning");
  const KEY = "equipoise.active";
  let active = Date.now();
  const touch = () => {
    active = Date.now();
    try { localStorage.setItem(KEY, String(active)); } catch { /* private windows may refuse; one tab then counts alone */ }
  };
  const lastActive = () => {
    try { return Math.max(active, Number(localStorage.getItem(KEY)) || 0); } catch { return active; }
  };
  const remaining = () => idle - Math.floor((Date.now() - lastActive()) / 1000);
  const inWords = (seconds) =>
    seconds > 60 ? `${Math.ceil(seconds / 60)} minutes` : `${Math.max(0, Math.ceil(seconds / 10) * 10)} seconds`;
  const tick = () => {
    // Leaving once is enough: asked again each second, a slow answer would be broken off each time and never arrive.
    if (document.documentElement.dataset.ended) return;
    const left = remaining();
    if (left <= 0) {
      document.documentElement.dataset.ended = "yes";
      window.location.replace(dialog.dataset.endUrl);
    } else if (left <= WARN_SECONDS) {
      const place = dialog.querySelector("[data-remaining]");
      if (place.textContent !== inWords(left)) place.textContent = inWords(left);
      if (!dialog.open) dialog.showModal();
    } else if (dialog.open) {
      dialog.close();
    }
  };
  const stay = async () => {
    const answer = await fetch(dialog.dataset.keepAliveUrl, { method: "POST", headers: { "X-CSRF-Token": token() } });
    if (!answer.ok) return;
    touch();
    dialog.close();
    say("You are still signed in.");
  };
  if (idle > 0 && dialog) {
    touch();
    setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
    dialog.querySelector("[data-stay]").addEventListener("click", stay);
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); stay(); });
  }

  /* 4. htmx */
  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    if (token()) request.headers["X-CSRF-Token"] = token();
  });
  document.addEventListener("htmx:after:request", () => { if (idle > 0) touch(); });

  /* 5. The history of a value opens in a dialog; without scripts its link opens a page. */
  const box = document.getElementById("history");
  document.addEventListener("htmx:after:swap", (event) => {
    if (box && event.target.closest?.("[data-history]") && !box.open) box.showModal();
  });
  box?.querySelector("[data-close]").addEventListener("click", () => box.close());

  /* A menu of the masthead closes with Escape, and when one goes elsewhere. */
  document.querySelectorAll("details[data-closes]").forEach((menu) => {
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("focusout", (event) => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; });
  });

  /* 6. Buttons that only a browser can do */
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-print], [data-copy], [data-draw]");
    if (!button) return;
    if (button.hasAttribute("data-print")) {
      window.print();
      return;
    }
    if (button.hasAttribute("data-draw")) {
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      const field = document.getElementById(button.dataset.draw);
      field.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      say("Drawn.");
      return;
    }
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    say("Copied.");
  });

  /* After a refused form, the reader starts at the summary of what to correct. */
  document.getElementById("error-summary")?.focus();
})();
