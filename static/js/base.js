// What every page shares: theme, times, dialogs, menus, and manners for pieces that refresh by themselves.
// Pages work without it; it only makes them kinder.

const all = (selector, root = document) => root.querySelectorAll(selector);
const on = (type, selector, handle) =>
  document.addEventListener(type, (event) => {
    const target = event.target.closest?.(selector);
    if (target) handle(event, target);
  });

// Theme: auto, light or dark. theme.js applies the stored choice before the first paint.
function showTheme() {
  const theme = document.documentElement.dataset.theme;
  for (const button of all("[data-set-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setTheme === theme));
  }
}
on("click", "[data-set-theme]", (event, button) => {
  localStorage.setItem("theme", button.dataset.setTheme);
  document.documentElement.dataset.theme = button.dataset.setTheme;
  showTheme();
  document.dispatchEvent(new Event("themechange"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.dispatchEvent(new Event("themechange")));

// For charts: tokenColour("failed") is the colour that the present theme gives to --failed, as "rgb(...)".
window.tokenColour = (token) => {
  const probe = document.createElement("i");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};

// Times: <time datetime data-relative> says "12:04, 3 min ago" in the reader's zone, UTC on hover.
// data-relative="clock" leaves out the distance, data-relative="ago" leaves out the clock.
function distance(at, now) {
  const seconds = Math.round(Math.abs(now - at) / 1000);
  if (seconds < 10) return "just now";
  const [count, unit] =
    seconds < 60 ? [seconds, "s"] :
    seconds < 3600 ? [Math.floor(seconds / 60), "min"] :
    seconds < 86400 ? [Math.floor(seconds / 3600), "h"] : [Math.floor(seconds / 86400), "d"];
  return at < now ? `${count} ${unit} ago` : `in ${count} ${unit}`;
}
function clock(at, now) {
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return time;
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year })}, ${time}`;
}
function showTimes(root = document) {
  const now = new Date();
  for (const element of all("time[data-relative]", root)) {
    const at = new Date(element.dateTime);
    if (isNaN(at)) continue;
    const style = element.dataset.relative;
    const near = Math.abs(now - at) < 86400e3;
    element.textContent =
      style === "ago" ? distance(at, now) :
      style === "clock" || !near ? clock(at, now) : `${clock(at, now)}, ${distance(at, now)}`;
    element.title = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  }
}

// Forms with data-confirm ask first. data-confirm-text explains, data-confirm-button names the deed. A field "reason" in
// the form that is hidden is asked for in the dialog, and may stay empty.
function confirmDialog(form, proceed) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "confirm-title");
  dialog.innerHTML = `<form method="dialog"><h2 id="confirm-title"></h2><p class="muted"></p>
    <label class="field" hidden><span>Why <span class="optional">(optional)</span></span><input maxlength="500"></label>
    <div class="form-actions"><button class="btn" value="">Go back</button><button class="btn" value="yes"></button></div></form>`;
  const [, yes] = all("button", dialog);
  dialog.querySelector("h2").textContent = form.dataset.confirm;
  dialog.querySelector("p").textContent = form.dataset.confirmText || "";
  dialog.querySelector("p").hidden = !form.dataset.confirmText;
  yes.textContent = form.dataset.confirmButton || "Go on";
  const [why, asked] = [dialog.querySelector("label"), form.elements.namedItem("reason")];
  why.hidden = asked?.type !== "hidden";
  yes.classList.add("confirmDanger" in form.dataset ? "btn-danger-solid" : "btn-primary");
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue !== "yes") return;
    if (!why.hidden) asked.value = why.querySelector("input").value;
    proceed();
  });
  document.body.append(dialog);
  dialog.showModal();
}
// Listening on the way down, so that htmx does not send the form before the answer.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("confirm" in form.dataset) || form.confirmed) { form.confirmed = false; return; }
  event.preventDefault();
  event.stopPropagation();
  confirmDialog(form, () => {
    // A live piece may have swapped the form away meanwhile: it goes back, unseen, with what was typed into it.
    if (!form.isConnected) { form.hidden = true; document.body.append(form); }
    form.confirmed = true;
    form.requestSubmit(event.submitter);
  });
}, true);

// Dialogs, menus, panels.
on("click", "[data-open]", (event, button) => {
  document.getElementById(button.dataset.open)?.showModal();
});
on("click", "[data-close]", (event, button) => close(button));
function close(inside) {
  const dialog = inside.closest("dialog");
  if (dialog) return dialog.close();
  const panel = inside.closest(".panel, .alert");
  if (!panel) return;
  panel.dispatchEvent(new CustomEvent("panel:close", { bubbles: true }));
  if (panel.matches(".panel")) panel.replaceChildren(); else panel.remove();
}
document.addEventListener("click", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  const menu = document.querySelector("details.menu[open]");
  const button = document.querySelector(".panel [data-close]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  else if (button) close(button);
});

// Small conveniences: copy a command, submit a filter as it changes, tick all rows.
on("click", "[data-copy]", async (event, button) => {
  const label = button.textContent;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
});
on("change", "[data-autosubmit]", (event, element) => (element.form || element).requestSubmit());
on("change", "[data-check-all]", (event, box) => {
  const boxes = all(`input[name="${box.dataset.checkAll}"]`, box.closest("form, table"));
  for (const other of boxes) other.checked = box.checked;
});

// Pieces that refresh by themselves carry data-live. They rest while the tab is hidden and come back at once
// (hx-trigger="every 3s, refresh"); a lost connection is said once and quietly.
const isLive = (event) => event.detail.elt?.closest("[data-live]");
const notice = () => document.getElementById("connection");
function say(text) {
  const bar = notice();
  if (!bar) return;
  bar.querySelector("span").textContent = text;
  bar.hidden = !text;
}
let lost = false;
function requestFailed(event) {
  if (isLive(event)) {
    lost = true;
    return say("Connection lost, retrying. Figures may be old.");
  }
  const status = event.detail.xhr?.status;
  say(`That did not work: ${status ? `the server answered ${status}` : "the server cannot be reached"}.`);
  setTimeout(() => { if (!lost) say(""); }, 6000);
}
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && isLive(event)) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const piece of all("[data-live]")) window.htmx?.trigger(piece, "refresh");
});
document.addEventListener("htmx:sendError", requestFailed);
document.addEventListener("htmx:responseError", requestFailed);
document.addEventListener("htmx:afterRequest", (event) => {
  if (!lost || !event.detail.successful) return;
  lost = false;
  say("");
});

// A whole page in answer to a piece is the login page of an ended session: go there instead of nesting it.
document.addEventListener("htmx:beforeSwap", (event) => {
  const answer = event.detail.serverResponse || "";
  const wanted = event.detail.elt.getAttribute("hx-select"); // of its own page a piece may ask for a part
  if (/^\s*<!doctype/i.test(answer) && !(wanted && answer.includes(`id="${wanted.slice(1)}"`))) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// A log with data-tail stays at its end, unless the reader has scrolled up.
let following = true;
const toTail = () => { if (following) for (const log of all("[data-tail]")) log.scrollTop = log.scrollHeight; };
document.addEventListener("scroll", ({ target }) => {
  if (target.matches?.("[data-tail]")) following = target.scrollHeight - target.scrollTop - target.clientHeight < 24;
}, true);

document.addEventListener("htmx:afterSwap", () => { showTimes(); showTheme(); toTail(); });
setInterval(showTimes, 30_000, document);
showTheme();
showTimes();
toTail();
