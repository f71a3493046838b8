"use strict";

// A page that a browser kept from before a sign-out must not be shown again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// Counts down by the server's clock, which the demo moves: only the time that passes here is ours.
const life = document.getElementById("life");
if (life) {
  const left = document.getElementById("life-left");
  const bar = document.getElementById("life-bar");
  const end = Number(life.dataset.end);
  const shown = Number(life.dataset.now);
  const started = performance.now();

  const words = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    return minutes > 0 ? `${minutes} min ${seconds % 60} s left` : `${seconds} s left`;
  };
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - shown - (performance.now() - started)) / 1000));
    bar.value = seconds;
    life.classList.toggle("low", seconds <= bar.max / 5);
    left.textContent = seconds > 0 ? words(seconds) : "expired: the next request refreshes it";
    if (seconds > 0) setTimeout(tick, 250);
  };
  tick();
}

// One press is enough.
addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => { button.disabled = true; }, 0);
  }
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
});
