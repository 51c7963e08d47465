// Sets the chosen theme before the first paint; base.js lets the reader change it.
document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
