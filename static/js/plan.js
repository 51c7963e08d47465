// The launch form: ticking a phase ticks its tables, and a phase is ticked while all of its tables are.

const form = document.getElementById("plan-form");
const group = (box) => box.closest("[data-phase-group]");

form?.addEventListener("change", ({ target }) => {
  if (target.name === "phase") {
    for (const box of group(target).querySelectorAll('input[name="table"]')) box.checked = target.checked;
  } else if (target.name === "table") {
    const boxes = [...group(target).querySelectorAll('input[name="table"]')];
    group(target).querySelector('input[name="phase"]').checked = boxes.every((box) => box.checked);
  }
});
