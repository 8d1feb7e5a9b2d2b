"use strict";
// Sliders over precomputed frames. A sheet contains the frames of one base image: a row per
// dimension, a column per value.
for (const block of document.querySelectorAll(".traversal")) {
  const sheets = [...block.querySelectorAll(".sheets img")];
  const dims = [...block.querySelectorAll(".dim")].map(readDim);
  const [width, height] = [block.dataset.width, block.dataset.height].map(Number);
  const frames = Number(block.dataset.frames);
  let base = 0;
  let timer = null;

  function readDim(element) {
    return {
      row: Number(element.dataset.row),
      values: JSON.parse(element.dataset.values),
      own: JSON.parse(element.dataset.own),
      slider: element.querySelector("input"),
      output: element.querySelector("output"),
      frame: element.querySelector(".frame"),
      strip: element.querySelector(".strip canvas"),
      mark: element.querySelector(".mark"),
      tick: element.querySelector(".own"),
    };
  }

  function show(dim) {
    const at = Number(dim.slider.value);
    const context = dim.frame.getContext("2d");
    context.drawImage(sheets[base], at * width, dim.row * height, width, height,
                      0, 0, width, height);
    dim.mark.style.left = `${(100 * at) / frames}%`;
    dim.output.textContent = dim.values[at].toFixed(2).replace("-", "\u2212");
  }

  function showStrip(dim) {
    const context = dim.strip.getContext("2d");
    context.drawImage(sheets[base], 0, dim.row * height, frames * width, height,
                      0, 0, frames * width, height);
    const [first, last] = [dim.values[0], dim.values[frames - 1]];
    const share = last > first ? (dim.own[base] - first) / (last - first) : 0.5;
    const place = (Math.min(1, Math.max(0, share)) * (frames - 1) + 0.5) / frames;
    dim.tick.style.left = `${100 * place}%`;
  }

  function nearest(dim) {
    const distance = dim.values.map((value) => Math.abs(value - dim.own[base]));
    return distance.indexOf(Math.min(...distance));
  }

  async function choose(index) {
    base = index;
    await sheets[base].decode();
    for (const dim of dims) {
      showStrip(dim);
      if (timer === null) dim.slider.value = nearest(dim);
      show(dim);
    }
  }

  function play(button) {
    button.textContent = timer === null ? "Stop" : "Play all";
    if (timer !== null) {
      clearInterval(timer);
      timer = null;
      return;
    }
    let tick = Math.floor(frames / 2);
    timer = setInterval(() => {
      tick = (tick + 1) % (2 * frames - 2);
      for (const dim of dims) {
        dim.slider.value = tick < frames ? tick : 2 * frames - 2 - tick;
        show(dim);
      }
    }, 110);
  }

  for (const dim of dims) {
    dim.slider.addEventListener("input", () => show(dim));
    dim.strip.addEventListener("pointerdown", (event) => {
      dim.slider.value = Math.floor((event.offsetX / dim.strip.clientWidth) * frames);
      show(dim);
    });
  }
  block.querySelectorAll(".bases input").forEach((input, index) => {
    input.addEventListener("change", () => choose(index));
  });
  const button = block.querySelector("button");
  button.addEventListener("click", () => play(button));
  choose(0);
}
