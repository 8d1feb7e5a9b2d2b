"use strict";
// Training curves of several models on one axis, with their values at a step.
for (const block of document.querySelectorAll(".curves")) {
  const about = JSON.parse(block.dataset.about);
  const svg = block.querySelector("svg");
  const choice = block.querySelector("select");
  const log = block.querySelector("input");
  const status = block.querySelector("[role=status]");
  const outputs = [...block.querySelectorAll("output")];
  const [left, right, top, bottom] = [56, 12, 10, 26]; // margins
  const height = 320;
  let view = null; // what is drawn: scales and steps
  let cursor = -1; // position in view.steps

  function add(parent, name, attributes, text = "") {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  // About `count` round numbers from low to high.
  function ticks(low, high, count) {
    const raw = (high - low) / count;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * [1, 2, 5, 10].find((m) => m * unit >= raw);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) {
      found.push(Math.abs(v) < step / 1e6 ? 0 : v);
    }
    return found;
  }

  function short(value) {
    const text = Math.abs(value) >= 1e4 ? `${Number((value / 1000).toPrecision(4))}k`
      : String(Number(value.toPrecision(4)));
    return text.replace("-", "\u2212");
  }

  function draw() {
    const curves = about.quantities[choice.value];
    const width = svg.clientWidth;
    const values = Object.values(curves).flatMap(([, own]) => own).filter((v) => v !== null);
    log.disabled = !values.every((v) => v > 0);
    const scaled = log.checked && !log.disabled ? Math.log10 : (v) => v;
    const steps = [...new Set(Object.values(curves).flatMap(([own]) => own))].sort((a, b) => a - b);
    const range = (list) => list.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)],
                                        [Infinity, -Infinity]);
    let [low, high] = values.length ? range(values.map(scaled)) : [0, 1];
    if (high === low) [low, high] = [low - 0.5, high + 0.5];
    const [first, last] = [steps[0], steps[steps.length - 1]];
    const x = (step) => left + ((width - left - right) * (step - first)) / Math.max(1, last - first);
    const y = (v) => top + ((height - top - bottom) * (high - scaled(v))) / (high - low);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren();
    for (const tick of ticks(low, high, 5)) {
      const value = scaled === Math.log10 ? 10 ** tick : tick;
      add(svg, "line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) });
      add(svg, "text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, short(value));
    }
    for (const tick of ticks(first, Math.max(last, first + 1), width < 500 ? 3 : 6)) {
      add(svg, "text", { x: x(tick), y: height - 6, "text-anchor": "middle" }, short(tick));
    }
    about.names.forEach((name, i) => {
      if (!(name in curves)) return;
      const [own, numbers] = curves[name];
      let path = "";
      let pen = "M"; // a gap where a value is not finite
      own.forEach((step, k) => {
        if (numbers[k] === null) { pen = "M"; return; }
        path += `${pen}${x(step).toFixed(1)},${y(numbers[k]).toFixed(1)}`;
        pen = "L";
      });
      add(svg, "path", { class: `line c${i}`, d: path });
    });
    const rule = add(svg, "line", { class: "rule", y1: top, y2: height - bottom });
    view = { curves, steps, x, rule };
    point(cursor < 0 ? steps.length - 1 : Math.min(cursor, steps.length - 1));
  }

  // Shows the point of each curve nearest to a step, because runs may log at different steps;
  // none after the end of a curve, where its last value would pass for one of a later step.
  function point(index) {
    cursor = Math.min(view.steps.length - 1, Math.max(0, index));
    const step = view.steps[cursor];
    view.rule.setAttribute("x1", view.x(step));
    view.rule.setAttribute("x2", view.x(step));
    status.textContent = `step ${step.toLocaleString("en")}`;
    about.names.forEach((name, i) => {
      if (!(name in view.curves)) { outputs[i].textContent = "\u2013"; return; }
      const [own, numbers, end] = view.curves[name];
      if (step > end) { outputs[i].textContent = "\u2013"; return; }
      let nearest = 0;
      own.forEach((s, k) => {
        if (Math.abs(s - step) < Math.abs(own[nearest] - step)) nearest = k;
      });
      const value = numbers[nearest];
      outputs[i].textContent = value === null ? "not finite" : short(value);
    });
  }

  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    let nearest = 0;
    view.steps.forEach((step, k) => {
      if (Math.abs(view.x(step) - at) < Math.abs(view.x(view.steps[nearest]) - at)) nearest = k;
    });
    point(nearest);
  });
  svg.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: cursor - 1, ArrowRight: cursor + 1, Home: 0, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    point(moves[event.key]);
  });
  choice.addEventListener("change", draw);
  log.addEventListener("change", draw);
  addEventListener("resize", draw);
  draw();
}
