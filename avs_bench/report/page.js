"use strict";
/* The page reads without it; this plays sounds, fades masks and changes the run that is shown. */

const ICONS = { play: "M4 2l10 6-10 6z", pause: "M3 2h4v12H3zM9 2h4v12H9z" };
const player = new Audio();
let current = null;

function show(button, playing) {
  button.setAttribute("aria-pressed", String(playing));
  button.querySelector("path").setAttribute("d", playing ? ICONS.pause : ICONS.play);
}

function progress(button, share) {
  button.closest(".about").querySelector(".progress").style.setProperty("--played", share);
}

function stop() {
  if (!current) return;
  player.pause();
  show(current, false);
  progress(current, 0);
  current = null;
}

async function play(button) {
  stop();
  current = button;
  player.src = button.dataset.sound;
  show(button, true);
  try {
    await player.play();
  } catch (error) {
    if (current === button) stop();
  }
}

function follow() {
  if (current && player.duration) progress(current, player.currentTime / player.duration);
  requestAnimationFrame(follow);
}

player.addEventListener("ended", stop);
document.addEventListener("click", (event) => {
  const button = event.target.closest(".play");
  if (button) button === current ? stop() : play(button);
});

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

if (document.querySelector(".play")) requestAnimationFrame(follow);
