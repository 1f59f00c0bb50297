/* The page reads without it; this fades masks and changes the run that is shown. */

document.addEventListener("input", ({ target }) => {
  if (target.name === "opacity") {
    document.documentElement.style.setProperty("--masks", target.value / 100);
  }
  if (target.name === "gallery" || target.name === "matrix") {
    stop();
    for (const part of document.querySelectorAll(`[data-${target.name}]`)) {
      part.hidden = part.dataset[target.name] !== target.value;
    }
  }
});
