// The launch form: a phase ticks its tables, and is ticked while all of them are. Only the tables are sent, because a
// phase that is sent would narrow them down, and what is ticked is what a person wants.

const form = document.getElementById("plan-form");
const group = (box) => box.closest("[data-phase-group]");

for (const phase of form?.querySelectorAll("[data-phase]") ?? []) phase.removeAttribute("name");

form?.addEventListener("change", ({ target }) => {
  if (target.matches("[data-phase]")) {
    for (const box of group(target).querySelectorAll('input[name="table"]')) box.checked = target.checked;
  } else if (target.name === "table") {
    const boxes = [...group(target).querySelectorAll('input[name="table"]')];
    group(target).querySelector("[data-phase]").checked = boxes.every((box) => box.checked);
  }
});

// What is typed beside the plan does not change it, and must not be lost when it is drawn again.
document.addEventListener("input", (event) => event.target.closest?.("[data-quiet]") && event.stopPropagation(), true);
