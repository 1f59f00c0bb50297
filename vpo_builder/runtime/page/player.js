/* One sound at a time: a button plays and stops it. */

const ICONS = { play: "M4 2l11 6.5L4 15z", pause: "M3 2h4v13H3zM10 2h4v13h-4z" };
let playing = null;

function mark(button, on, failed = false) {
  button.querySelector("path").setAttribute("d", on ? ICONS.pause : ICONS.play);
  button.dataset.label ??= button.getAttribute("aria-label");
  button.setAttribute("aria-label", button.dataset.label + (failed ? ": cannot be played" : ""));
  button.setAttribute("aria-pressed", String(on));
}

function stop() {
  if (!playing) return;
  const old = playing;
  playing = null;
  old.sound?.stop();
  old.stopped();
  mark(old.button, false);
}

/* `open` returns a promise of {seconds, time(), stop()}; `show` is told the time in seconds. */
async function play(button, open, show, stopped) {
  stop();
  const mine = { button, show, stopped };
  playing = mine;
  mark(button, true);
  try {
    const sound = await open();
    if (playing !== mine) return sound.stop();
    mine.sound = sound;
    follow(mine);
  } catch (error) {
    if (playing === mine) stop();
    mark(button, false, true);
  }
}

function follow(mine) {
  if (playing !== mine) return;
  const time = mine.sound.time();
  const over = time >= mine.sound.seconds;
  mine.show(over ? 0 : time, mine.sound.seconds);
  if (over) stop();
  else requestAnimationFrame(() => follow(mine));
}

/* A button with `data-sound`, the address of what it plays, and a `.seek` in what is about it. */
async function openFile(address) {
  const audio = new Audio(address);
  await audio.play();
  return {
    seconds: audio.duration,
    time: () => (audio.ended ? audio.duration : audio.currentTime),
    stop: () => audio.pause(),
    seek: (share) => { audio.currentTime = share * audio.duration; },
  };
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-sound]");
  if (!button) return;
  const bar = button.closest(".about").querySelector(".seek");
  const show = (time, seconds) => { bar.value = time / seconds; };
  if (playing?.button === button) stop();
  else play(button, () => openFile(button.dataset.sound), show, () => show(0, 1));
});

document.addEventListener("input", ({ target }) => {
  const isPlayed = target.matches(".seek") && target.closest(".about").contains(playing?.button);
  if (isPlayed) playing.sound?.seek(target.value);
});
