"use strict";
// Sliders over a decoder in the page. `code` is the only state: every control changes it,
// and `show` draws the image, the controls and, when there is time, the strips.
for (const block of document.querySelectorAll(".explorer")) {
  const about = JSON.parse(block.dataset.about);
  const [height, width, channels] = about.shape;
  const decode = makeDecoder(about.layers, readHalves(block.querySelector(".weights").textContent));
  const dims = [...block.querySelectorAll("[data-index]")].map((element) => ({
    index: Number(element.dataset.index),
    slider: element.querySelector("input"),
    output: element.querySelector("output"),
    strip: element.querySelector(".strip canvas"),
    mark: element.querySelector(".mark"),
    tick: element.querySelector(".own"),
  }));
  const find = (selector) => block.querySelector(selector);
  const [image, text, status] = [".image", "textarea", "[role=status]"].map(find);
  const walk = find(".share");
  const inCategory = new Set(about.categories.flatMap(([first, count]) =>
    Array.from({ length: count }, (_, k) => first + k)));
  const wait = 120; // milliseconds after a change before strips are drawn
  let code = [];
  let base = 0;
  let changes = 0; // counts changes, to stop strips of an earlier code
  let timer = null;

  function paint(canvas, left, pixels) {
    const context = canvas.getContext("2d");
    const data = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        const value = pixels[i * channels + (channels === 3 ? c : 0)];
        data.data[4 * i + c] = Math.floor(255 * value + 0.5);
      }
      data.data[4 * i + 3] = 255;
    }
    context.putImageData(data, left, 0);
  }

  function ends(dim) {
    return [Number(dim.slider.min), Number(dim.slider.max)];
  }

  // Position of a value on a strip, in percent; a frame's value is at its middle.
  function place(dim, value) {
    const [low, high] = ends(dim);
    const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5;
    return (100 * (share * (about.frames - 1) + 0.5)) / about.frames;
  }

  function show(source) {
    paint(image, 0, decode(code));
    for (const dim of dims) {
      const value = code[dim.index];
      if (dim.slider !== source) dim.slider.value = value;
      dim.output.textContent = value.toFixed(2).replace("-", "\u2212");
      dim.mark.style.left = `${place(dim, value)}%`;
      dim.tick.style.left = `${place(dim, about.codes[base][dim.index])}%`;
    }
    for (const choice of block.querySelectorAll("select")) {
      const first = Number(choice.dataset.first);
      const own = code.slice(first, first + choice.options.length);
      choice.value = own.indexOf(Math.max(...own));
    }
    if (source !== text) {
      text.value = code.map((value) => Number(value.toPrecision(6))).join(", ");
      status.textContent = `${code.length} numbers: ${about.names.join(", ")}. Edit them, or ` +
        "paste one or more codes.";
    }
    changes += 1;
    const seen = changes;
    setTimeout(() => { if (seen === changes) drawStrips(); }, wait);
  }

  // Draws one frame of a strip at a time, so that controls stay responsive.
  function drawStrips() {
    const seen = changes;
    const jobs = dims.filter((dim) => dim.strip.offsetParent !== null).flatMap((dim) =>
      Array.from({ length: about.frames }, (_, frame) => [dim, frame]));
    function next() {
      if (seen !== changes || !jobs.length) return;
      const [dim, frame] = jobs.shift();
      const [low, high] = ends(dim);
      const moved = [...code];
      moved[dim.index] = low + ((high - low) * frame) / (about.frames - 1);
      paint(dim.strip, frame * width, decode(moved));
      setTimeout(next, 0);
    }
    next();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    find(".play").textContent = "Play";
  }

  function set(values, source) {
    if (source !== walk) {
      stop();
      walk.value = 0;
    }
    code = [...values];
    show(source);
  }

  function gaussian() { // Box and Muller
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  function randomCode() {
    const drawn = code.map((_, i) => (inCategory.has(i) ? 0 : gaussian()));
    for (const [first, count] of about.categories) {
      drawn[first + Math.floor(count * Math.random())] = 1;
    }
    return drawn;
  }

  function chosen(name) {
    return Number(find(`input[name=${name}]:checked`).value);
  }

  function step(share) {
    const [from, to] = [about.codes[base], about.codes[chosen("explorer-target")]];
    set(from.map((value, i) => value + share * (to[i] - value)), walk);
  }

  function play() {
    if (timer !== null) return stop();
    find(".play").textContent = "Stop";
    let tick = Number(walk.value);
    timer = setInterval(() => { // there and back
      tick = (tick + 2) % 200;
      walk.value = tick <= 100 ? tick : 200 - tick;
      step(Number(walk.value) / 100);
    }, 40);
  }

  // Numbers in a text that may contain more, such as "array([[0.1, -2.]], dtype=float32)".
  function numbers(written) {
    const bare = written.replace(/\u2212/g, "-").replace(/\b[a-z_]\w*/gi, " ");
    return (bare.match(/[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/gi) || []).map(Number);
  }

  function paste() {
    const found = numbers(text.value);
    const size = code.length;
    const place = find(".pasted");
    place.replaceChildren();
    if (!found.length || found.length % size) {
      status.textContent = `Found ${found.length} numbers; a code has ${size}: ` +
        `${about.names.join(", ")}.`;
      return;
    }
    const codes = [];
    for (let i = 0; i < found.length; i += size) codes.push(found.slice(i, i + size));
    const shown = codes.slice(0, 64);
    status.textContent = codes.length === 1 ? "1 code." : `${codes.length} codes` +
      `${shown.length < codes.length ? `, the first ${shown.length} shown` : ""}. Choose one.`;
    set(codes[0], text);
    if (codes.length === 1) return;
    shown.forEach((own, i) => {
      const button = document.createElement("button");
      const canvas = document.createElement("canvas");
      [button.type, canvas.width, canvas.height] = ["button", width, height];
      button.setAttribute("aria-label", `code ${i}`);
      paint(canvas, 0, decode(own));
      button.append(canvas);
      button.addEventListener("click", () => set(own, text));
      place.append(button);
    });
  }

  for (const dim of dims) {
    const move = (value) => set(code.map((v, i) => (i === dim.index ? value : v)), dim.slider);
    dim.slider.addEventListener("input", () => move(Number(dim.slider.value)));
    dim.strip.addEventListener("pointerdown", (event) => {
      const [low, high] = ends(dim);
      const frame = (event.offsetX / dim.strip.clientWidth) * about.frames - 0.5;
      const share = Math.min(1, Math.max(0, frame / (about.frames - 1)));
      dim.slider.value = low + share * (high - low);
      move(Number(dim.slider.value));
    });
  }
  for (const choice of block.querySelectorAll("select")) {
    const first = Number(choice.dataset.first);
    choice.addEventListener("change", () => set(code.map((value, i) => {
      const own = i >= first && i < first + choice.options.length;
      return own ? Number(i - first === choice.selectedIndex) : value;
    })));
  }
  for (const input of block.querySelectorAll("input[name=explorer-base]")) {
    input.addEventListener("change", () => {
      base = Number(input.value);
      set(about.codes[base]);
    });
  }
  for (const input of block.querySelectorAll("input[name=explorer-target]")) {
    input.addEventListener("change", () => step(Number(walk.value) / 100));
  }
  walk.addEventListener("input", () => {
    stop();
    step(Number(walk.value) / 100);
  });
  find(".play").addEventListener("click", play);
  find(".random").addEventListener("click", () => set(randomCode()));
  find(".reset").addEventListener("click", () => set(about.codes[base]));
  text.addEventListener("input", paste);
  for (const folded of block.querySelectorAll("details")) {
    folded.addEventListener("toggle", drawStrips);
  }
  set(about.codes[base]);
}
