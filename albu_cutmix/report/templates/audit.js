"use strict";
// Everything is readable without this script; it adds the theme, copying, sorting and filtering.

const find = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const isPressed = (button) => button.getAttribute("aria-pressed") === "true";

function say(words) {
  find("#said").textContent = words;
}

// A page from file:// may have no storage: then the choice lasts until it is closed.
function recall() {
  try {
    return localStorage.getItem("albu-cutmix-theme");
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem("albu-cutmix-theme", theme);
  } catch {
    // Nothing to do: the page shows the theme all the same.
  }
}

function startTheme() {
  const button = find("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const theme = document.documentElement.dataset.theme;
    button.setAttribute("aria-pressed", theme ? theme === "dark" : system.matches);
  };
  button.addEventListener("click", () => {
    const theme = isPressed(button) ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    remember(theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}

// Where the clipboard is closed to the page, the text is left selected for the user's own keys.
async function copyText(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

function startCopying() {
  for (const button of all("[data-copy]")) {
    const words = find("span", button);
    button.addEventListener("click", async () => {
      const done = await copyText(document.getElementById(button.dataset.copy));
      words.textContent = done ? "Copied" : "Selected";
      say(done ? "Copied to the clipboard" : "Selected: copy it with the keyboard");
      setTimeout(() => (words.textContent = "Copy"), 1600);
    });
  }
}

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.v ?? cell.textContent.trim().replaceAll(",", "");
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function startTables() {
  for (const button of all("th .sorter")) {
    const head = button.parentElement;
    const body = head.closest("table").tBodies[0];
    const first = head.cellIndex === 0 ? "ascending" : "descending";
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const other = now === "ascending" ? "descending" : "ascending";
      const order = now === "none" ? first : other;
      for (const cell of all("[aria-sort]", head.parentElement)) {
        cell.setAttribute("aria-sort", cell === head ? order : "none");
      }
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => valueOf(row, head.cellIndex);
      body.append(...[...body.rows].sort((a, b) => sign * compare(value(a), value(b))));
      say(`Sorted by ${button.textContent}, ${order}`);
    });
  }
}

function startFolding() {
  for (const button of all(".fold")) {
    const table = document.getElementById(button.getAttribute("aria-controls"));
    const words = button.textContent;
    const show = (open) => {
      table.classList.toggle("folded", !open);
      button.setAttribute("aria-expanded", open);
      button.textContent = open ? `Show the first ${table.dataset.fold}` : words;
    };
    button.addEventListener("click", () => show(table.classList.contains("folded")));
    show(false);
  }
}

function startGallery() {
  const list = find("#cards");
  if (!list) return;
  const [sort, order, flag, pick] = ["#sort", "#order", "#flag", "#pick"].map((id) => find(id));
  const cards = [...list.children];
  const isShown = ({ dataset }) =>
    (flag.value === "-" ? dataset.flags === "||" : holds(dataset.flags, flag.value)) &&
    holds(dataset.picks, pick.value);
  const update = () => {
    const sign = isPressed(order) ? -1 : 1;
    const gap = (a, b) => a.dataset[sort.value] - b.dataset[sort.value];
    cards.sort((a, b) => sign * gap(a, b) || a.dataset.mix - b.dataset.mix);
    list.append(...cards);
    for (const card of cards) card.hidden = !isShown(card);
    const count = cards.filter((card) => !card.hidden).length;
    find("#shown").textContent = `${count} of ${cards.length} mixes shown`;
    find("#nothing").hidden = count > 0;
  };
  sort.addEventListener("change", () => {
    order.setAttribute("aria-pressed", sort.selectedOptions[0].dataset.down);
    update();
  });
  order.addEventListener("click", () => {
    order.setAttribute("aria-pressed", !isPressed(order));
    update();
  });
  for (const control of [flag, pick]) control.addEventListener("change", update);
  find("#reset").addEventListener("click", () => {
    flag.value = pick.value = "";
    update();
    flag.focus();
  });
  update();
}

function holds(names, wanted) {
  return wanted === "" || names.includes(`|${wanted}|`);
}

function startViewer() {
  const viewer = find("#viewer");
  if (!viewer) return;
  let card = null;
  const show = (next) => {
    card = next;
    find("img", viewer)?.remove();
    viewer.prepend(find("img", card).cloneNode());
    const words = ["h3", ".caption"].map((part) => find(part, card).textContent);
    find("#viewer-words").textContent = words.join(" \u2013 ");
  };
  const step = (by) => {
    const shown = all("#cards > li:not([hidden])").filter((item) => find("img", item));
    show(shown[(shown.indexOf(card) + by + shown.length) % shown.length]);
  };
  for (const button of all(".picture")) {
    button.addEventListener("click", () => {
      show(button.closest("li"));
      viewer.showModal();
    });
  }
  for (const button of all("[data-step]", viewer)) {
    const by = Number(button.dataset.step);
    button.addEventListener("click", () => (by ? step(by) : viewer.close()));
  }
  viewer.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft" || key === "ArrowRight") step(key === "ArrowLeft" ? -1 : 1);
  });
}

document.documentElement.classList.add("scripted");
if (recall()) document.documentElement.dataset.theme = recall();
document.addEventListener("DOMContentLoaded", () => {
  for (const start of [startTheme, startCopying, startTables, startFolding, startGallery, startViewer]) start();
});
