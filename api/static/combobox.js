/* Equipoise: a text field with a list of answers that the server found for what is typed.
   The list is plain HTML from htmx; this marks the chosen line, by pointer or by keyboard, and tells assistive technology.
   Without it the field stays a text field, and the server names what is near. */
(() => {
  "use strict";

  const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
  const lines = (list) => [...list.querySelectorAll('[role="option"]')];

  const mark = (input, line) => {
    const list = listOf(input);
    lines(list).forEach((one) => one.setAttribute("aria-selected", String(one === line)));
    if (line) {
      input.setAttribute("aria-activedescendant", line.id);
      line.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };
  const show = (input, open) => {
    listOf(input).hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) mark(input, null);
  };
  const choose = (input, line) => {
    input.value = line.dataset.value;
    const beside = document.getElementById(input.dataset.beside);
    if (beside) beside.value = line.dataset.beside ?? "";
    show(input, false);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  document.addEventListener("htmx:after:swap", () => {
    document.querySelectorAll('[role="combobox"]').forEach((input) => {
      if (document.activeElement === input) show(input, lines(listOf(input)).length > 0);
    });
  });
  document.addEventListener("input", (event) => {
    const beside = event.target.matches?.('[role="combobox"]') && document.getElementById(event.target.dataset.beside);
    if (beside) beside.value = "";
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches?.('[role="combobox"]')) show(event.target, false);
  });
  // Before the field loses its focus to the line that is pressed.
  document.addEventListener("pointerdown", (event) => {
    const line = event.target.closest?.('[role="listbox"] [role="option"]');
    if (!line) return;
    event.preventDefault();
    choose(document.querySelector(`[aria-controls="${line.parentElement.id}"]`), line);
  });
  document.addEventListener("keydown", (event) => {
    const input = event.target;
    if (!input.matches?.('[role="combobox"]') || listOf(input).hidden) return;
    const all = lines(listOf(input));
    const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
    const steps = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1 };
    if (event.key in steps) {
      event.preventDefault();
      mark(input, all[(steps[event.key] + all.length) % all.length]);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      choose(input, all[at]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      show(input, false);
    }
  });
})();
