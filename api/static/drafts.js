/* What is half typed outlives a lost connection, a closed tab and a session that ended: it is kept in this browser, sealed
   with a key that comes with the page and is the person's own, and is never sent anywhere.
   1. A form with data-draft keeps what is typed, and takes it back when it is opened again as it was.
   2. A draft goes when its form was sent and the next page came, at sign-out, after three days, and when somebody else
      opens such a form here.
   3. Where a browser cannot seal (no secure context), nothing is kept. */
(() => {
  "use strict";

  const PREFIX = "equipoise.draft.";
  const SENT = "equipoise.draft-sent";
  const DAYS = 3;
  const WAIT = 150;
  const forms = [...document.querySelectorAll("form[data-draft]")];
  const nameOf = (form) => `${PREFIX}${form.dataset.draftOwner}.${new URL(form.action).pathname}`;
  const quietly = (store) => { try { return store(); } catch { return null; /* a browser may refuse to store */ } };
  const drop = (name) => quietly(() => localStorage.removeItem(name));
  const dropWhere = (wanted) => quietly(() => Object.keys(localStorage).filter(wanted).forEach(drop));

  /* 2. Sign-out, and what was sent */
  document.querySelector("form.sign-out")?.addEventListener("submit", () => dropWhere((name) => name.startsWith(PREFIX)));
  const sent = quietly(() => sessionStorage.getItem(SENT));
  if (sent) {
    quietly(() => sessionStorage.removeItem(SENT));
    if (!forms.some((form) => nameOf(form) === sent)) drop(sent);
  }
  if (!forms.length || !window.crypto?.subtle) return;
  const owner = `${PREFIX}${forms[0].dataset.draftOwner}.`;
  dropWhere((name) => name.startsWith(PREFIX) && !name.startsWith(owner));

  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const textOf = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const ticks = (input) => input.type === "radio" || input.type === "checkbox";
  const typed = (form) =>
    [...form.elements].filter((input) => input.name && !["hidden", "password", "submit", "button"].includes(input.type));
  const read = (form) =>
    typed(form).map((input) => (ticks(input) ? [input.name, input.value, input.checked] : [input.name, input.value]));
  const clock = (at) => new Date(at).toTimeString().slice(0, 5);

  const put = (form, values) => {
    values.forEach(([name, value, checked]) => {
      const input = typed(form).find((one) => one.name === name && (!ticks(one) || one.value === value));
      if (!input) return;
      if (ticks(input)) input.checked = checked;
      else input.value = value;
      if (checked || (checked === undefined && value)) input.closest("details")?.setAttribute("open", "");
    });
  };

  const fill = (form, values) => {
    put(form, values);
    /* What follows from the values on the page is asked for again. */
    typed(form).find((input) => input.closest("[hx-post]"))?.dispatchEvent(new Event("change", { bubbles: true }));
    growing(form).forEach((part) => part.dispatchEvent(new Event("change")));
  };

  /* Parts of a form that an answer adds: each is asked for again, and what it holds comes back when it is there. */
  const growing = (form) => [...form.querySelectorAll("[hx-get][hx-trigger^='change']")];
  const fillGrown = (form, values) => {
    let untouched = true;
    form.addEventListener("input", () => { untouched = false; });
    document.addEventListener("htmx:after:swap", () => {
      if (!untouched) return;
      const parts = growing(form).map((one) => form.querySelector(one.getAttribute("hx-target")));
      const inside = new Set(typed(form).filter((input) => parts.some((part) => part.contains(input))).map((input) => input.name));
      put(form, values.filter(([name]) => inside.has(name)));
    });
  };

  const attend = async (form) => {
    const name = nameOf(form);
    const note = form.querySelector("[data-draft-note]");
    const words = note.querySelector("[data-draft-words]");
    const bound = { name: "AES-GCM", additionalData: new TextEncoder().encode(name) };
    const key = await crypto.subtle.importKey("raw", bytesOf(form.dataset.draftKey), "AES-GCM", false, ["encrypt", "decrypt"]);
    /* htmx begins in a timer that it set before this script ran; what is filled in before it would ask nothing. */
    await new Promise((go) => setTimeout(go));
    const blank = JSON.stringify(read(form));
    const tell = (sentence) => {
      words.textContent = sentence;
      note.hidden = false;
    };

    const save = async () => {
      const values = read(form);
      if (JSON.stringify(values) === blank) return drop(name);
      const at = Date.now();
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const plain = new TextEncoder().encode(JSON.stringify({ at, basis: form.dataset.draft, values }));
      const sealed = await crypto.subtle.encrypt({ ...bound, iv }, key, plain);
      const kept = quietly(() => { localStorage.setItem(name, `${textOf(iv)}.${textOf(sealed)}`); return true; });
      if (kept) tell(`Kept in this browser at ${clock(at)}, not recorded yet.`);
    };

    const open = async () => {
      const [iv, sealed] = (quietly(() => localStorage.getItem(name)) || "").split(".");
      if (!sealed) return null;
      try {
        const plain = await crypto.subtle.decrypt({ ...bound, iv: bytesOf(iv) }, key, bytesOf(sealed));
        return JSON.parse(new TextDecoder().decode(plain));
      } catch { return null; }
    };

    const draft = await open();
    const good = draft && draft.basis === form.dataset.draft && Date.now() - draft.at < DAYS * 86_400_000;
    if (!good) drop(name);
    /* A refused form shows what was sent already. */
    else if (!document.getElementById("error-summary")) {
      fillGrown(form, draft.values);
      fill(form, draft.values);
      tell(`What you typed at ${clock(draft.at)} is back. It is not recorded yet.`);
      document.getElementById("live").textContent = words.textContent;
    }

    let waiting = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(save, WAIT);
    });
    note.querySelector("[data-draft-discard]").addEventListener("click", () => {
      clearTimeout(waiting);
      drop(name);
      fill(form, JSON.parse(blank));
      words.textContent = "";
      note.hidden = true;
      document.getElementById("live").textContent = "The draft is discarded.";
    });
    form.dataset.draftReady = "yes";
  };

  /* Before the handler that sends a form once: one that cannot be sent is not sent. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!forms.includes(form)) return;
    if (navigator.onLine) {
      quietly(() => sessionStorage.setItem(SENT, nameOf(form)));
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const note = form.querySelector("[data-draft-note]");
    const sentence = "There is no connection. What you typed is kept here; record it when the connection is back.";
    note.querySelector("[data-draft-words]").textContent = sentence;
    note.hidden = false;
    document.getElementById("live").textContent = sentence;
  }, true);

  forms.forEach(attend);
})();
