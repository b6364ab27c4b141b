// Moving pictures: landscapes that a reader can change. No framework, no network; a page with none of them does not load this file.
// The directive `live` (book/_ext/live.py) makes a box with its settings as JSON; tests/book/test_live.py compares the mathematics with l4lib.
(function () {
  "use strict";

  // ---------------------------------------------------------------------------------------------------- mathematics
  // Atoms are a list of vectors, points are unit vectors; phi_T(q) = -alpha(q)/4.
  const dot = (u, v) => { let s = 0; for (let i = 0; i < u.length; i++) { s += u[i] * v[i]; } return s; };
  const plus = (u, v, t) => u.map((x, i) => x + t * v[i]);
  const scaled = (u, t) => u.map((x) => t * x);
  const unit = (u) => scaled(u, 1 / Math.sqrt(dot(u, u)));
  const sum = (values) => values.reduce((s, x) => s + x, 0);
  const direction = (degrees) => [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
  const grid = (low, high, count) => Array.from({ length: count + 1 }, (_, i) => low + (high - low) * i / count);

  function alpha(atoms, q) {
    let s = 0;
    for (const a of atoms) { const z = dot(a, q); s += z * z * z * z; }
    return s;
  }
  function cubes(atoms, q) {  // A zeta^3
    const s = q.map(() => 0);
    for (const a of atoms) {
      const z = dot(a, q), c = z * z * z;
      for (let i = 0; i < s.length; i++) { s[i] += c * a[i]; }
    }
    return s;
  }
  const gradient = (atoms, q) => { const c = cubes(atoms, q); return plus(scaled(q, dot(q, c)), c, -1); };
  const powerStep = (atoms, q) => unit(cubes(atoms, q));
  const descentStep = (atoms, q, t) => unit(plus(q, gradient(atoms, q), -t));

  function tangentBasis(q) {
    if (q.length === 2) { return [[-q[1], q[0]]]; }
    const least = q.map(Math.abs).indexOf(Math.min(...q.map(Math.abs)));
    const e = [0, 0, 0];
    e[least] = 1;
    const u = unit(plus(e, q, -q[least]));
    return [u, [q[1] * u[2] - q[2] * u[1], q[2] * u[0] - q[0] * u[2], q[0] * u[1] - q[1] * u[0]]];
  }
  function hessian(atoms, q, basis) {  // of phi_T in a basis of the tangent space
    const a4 = alpha(atoms, q);
    const H = basis.map((_, i) => basis.map((__, j) => (i === j ? a4 : 0)));
    for (const a of atoms) {
      const z = dot(a, q), along = basis.map((u) => dot(a, u));
      along.forEach((x, i) => along.forEach((y, j) => { H[i][j] -= 3 * z * z * x * y; }));
    }
    return H;
  }
  function eigenvalues(matrix) {  // of a small symmetric matrix, ascending: Jacobi's rotations
    const S = matrix.map((row) => row.slice()), n = S.length;
    for (let sweep = 0; sweep < 30; sweep++) {
      for (let p = 0; p < n; p++) {
        for (let r = p + 1; r < n; r++) {
          if (Math.abs(S[p][r]) < 1e-300) { continue; }
          const w = (S[r][r] - S[p][p]) / (2 * S[p][r]);
          const t = (w >= 0 ? 1 : -1) / (Math.abs(w) + Math.sqrt(w * w + 1)), c = 1 / Math.sqrt(t * t + 1), s = t * c;
          for (let k = 0; k < n; k++) {
            const x = S[k][p], y = S[k][r];
            S[k][p] = c * x - s * y;
            S[k][r] = s * x + c * y;
          }
          for (let k = 0; k < n; k++) {
            const x = S[p][k], y = S[r][k];
            S[p][k] = c * x - s * y;
            S[r][k] = s * x + c * y;
          }
        }
      }
    }
    return S.map((row, i) => row[i]).sort((x, y) => x - y);
  }
  const curvatures = (atoms, q) => eigenvalues(hessian(atoms, q, tangentBasis(q)));

  const onSphere = (count) => Array.from({ length: count }, (_, i) => {  // half a sphere, evenly
    const z = (i + 0.5) / count, r = Math.sqrt(1 - z * z), turn = i * 2.399963229728653;
    return [r * Math.cos(turn), r * Math.sin(turn), z];
  });
  function newton(atoms, start) {
    let q = start;
    for (let k = 0; k < 40; k++) {
      const basis = tangentBasis(q), g = gradient(atoms, q), [x, y] = basis.map((u) => dot(u, g));
      if (x * x + y * y < 1e-26) { return q; }
      const [[a, b], [, d]] = hessian(atoms, q, basis), det = a * d - b * b;
      if (Math.abs(det) < 1e-14) { return null; }
      let u = -(d * x - b * y) / det, v = -(a * y - b * x) / det;
      const far = Math.hypot(u, v) / 0.3;
      if (far > 1) { u /= far; v /= far; }
      q = unit(plus(plus(q, basis[0], u), basis[1], v));
    }
    return null;
  }
  // The critical points, one of each pair +-q, with alpha and Morse index; flat where alpha is constant.
  // On the circle by sign changes of the slope, on the sphere by Newton's method from many starts.
  function criticalPoints(atoms, starts) {
    const points = [];
    if (atoms[0].length === 2) {
      const slope = (t) => { const q = [Math.cos(t), Math.sin(t)]; return dot([-q[1], q[0]], gradient(atoms, q)); };
      const angles = grid(0.001, 0.001 + Math.PI, 720), slopes = angles.map(slope);
      if (Math.max(...slopes.map(Math.abs)) < 1e-10) { return { flat: true, points }; }
      let last = -1;
      slopes.forEach((value, i) => {
        if (Math.abs(value) < 1e-13) { return; }
        if (last >= 0 && value * slopes[last] < 0) {
          let low = angles[last], high = angles[i];
          for (let k = 0; k < 60; k++) {
            const middle = (low + high) / 2;
            if (slope(middle) * value < 0) { low = middle; } else { high = middle; }
          }
          const q = [Math.cos(low), Math.sin(low)];
          points.push({ q, alpha: alpha(atoms, q), index: value > 0 ? 0 : 1 });
        }
        last = i;
      });
      return { flat: false, points };
    }
    const seeds = (starts || []).concat(onSphere(starts ? 150 : 500));
    if (seeds.every((q) => dot(gradient(atoms, q), gradient(atoms, q)) < 1e-20)) { return { flat: true, points }; }
    for (const seed of seeds) {
      const q = newton(atoms, seed);
      if (q && points.every((p) => Math.abs(dot(p.q, q)) < 1 - 1e-9)) {
        const bent = curvatures(atoms, q);
        points.push({ q, alpha: alpha(atoms, q), index: bent.filter((x) => x < 0).length });
      }
    }
    return { flat: false, points };
  }
  // B, g, rho and the two margins of the global theorem, after scaling the least norm to one.
  function condition(atoms) {
    const n = atoms[0].length, squares = atoms.map((a) => dot(a, a)), least = Math.min(...squares);
    const S = grid(0, n - 1, n - 1).map((i) => grid(0, n - 1, n - 1).map((j) => sum(atoms.map((a) => a[i] * a[j])) / least));
    const B = eigenvalues(S)[n - 1], rho = Math.sqrt(Math.max(...squares) / least);
    let g = 0;
    atoms.forEach((a, i) => atoms.forEach((b, j) => { if (i < j) { g = Math.max(g, Math.abs(dot(a, b)) / least); } }));
    return { B, g, rho, far: 1 - g - B / 3, trace: 1 - 9 * g * g * (B * B - 1) - 25 * g * g * (rho ** 4 - 1) * (1.5 * B - 1) };
  }
  function run(step, start, atoms) {  // all iterates until the gradient is small
    const path = [start];
    while (path.length < 500) {
      const q = path[path.length - 1], g = gradient(atoms, q);
      if (dot(g, g) < 1e-12) { break; }
      path.push(step(q));
    }
    return path;
  }
  function owner(targets, q) {  // the target that +-q is closest to
    let best = -1, most = -1;
    targets.forEach((p, i) => { const c = Math.abs(dot(p, q)); if (c > most) { most = c; best = i; } });
    return best;
  }

  function fourier(a) {  // real and imaginary part at each frequency
    const n = a.length;
    return a.map((_, w) => {
      let re = 0, im = 0;
      for (let t = 0; t < n; t++) {
        const angle = 2 * Math.PI * ((w * t) % n) / n;
        re += a[t] * Math.cos(angle);
        im -= a[t] * Math.sin(angle);
      }
      return [re, im];
    });
  }
  const power = (a) => fourier(a).map(([re, im]) => re * re + im * im);
  function filtered(a, gain) {  // gain is even in the frequency
    const n = a.length, F = fourier(a);
    return a.map((_, t) => {
      let s = 0;
      for (let w = 0; w < n; w++) {
        const angle = 2 * Math.PI * ((w * t) % n) / n;
        s += gain[w] * (F[w][0] * Math.cos(angle) - F[w][1] * Math.sin(angle));
      }
      return s / n;
    });
  }
  // The population preconditioner of the kernels: the gain (K / s)^(1/2), the kernels behind it and their norms.
  function precondition(kernels) {
    const powers = kernels.map(power), s = powers[0].map((_, w) => sum(powers.map((row) => row[w])));
    const gain = s.map((value) => Math.sqrt(kernels.length / value)), after = kernels.map((a) => filtered(a, gain));
    return { powers, spectrum: s, gain, kernels: after, norms: after.map((a) => Math.sqrt(dot(a, a))) };
  }
  const shifted = (a, j) => a.map((_, t) => a[(((t - j) % a.length) + a.length) % a.length]);
  const shiftProducts = (a, b) => b.map((_, j) => dot(a, shifted(b, j)));
  function coherence(kernels) {  // of all shifts, of norm one
    let most = 0;
    const ones = kernels.map(unit);
    ones.forEach((a, k) => ones.forEach((b, l) => shiftProducts(a, b).forEach((c, j) => {
      if (k !== l || j) { most = Math.max(most, Math.abs(c)); }
    })));
    return most;
  }
  function wilson(k, n) {
    const z2 = 1.959963984540054 ** 2, middle = (k + z2 / 2) / (n + z2);
    const half = Math.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2);
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  }

  // ------------------------------------------------------------------------------------------------ parts of pictures
  const SVG = "http://www.w3.org/2000/svg";
  const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const sign = (x, digits) => { const text = x.toFixed(digits); return +text === 0 ? text.replace("-", "") : text.replace("-", "\u2212"); };
  const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
  const SHADES = grid(0, 9, 255).map((x) => {
    const k = Math.min(8, Math.floor(x));
    return VIRIDIS[k].map((c, i) => Math.round(c + (x - k) * (VIRIDIS[k + 1][i] - c)));
  });
  const BASINS = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [213, 94, 0], [240, 228, 66], [120, 120, 120]];

  function node(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes || {}) { made.setAttribute(key, attributes[key]); }
    if (text !== undefined) { made.textContent = text; }
    parent.appendChild(made);
    return made;
  }
  function html(parent, name, properties) {
    const made = Object.assign(document.createElement(name), properties || {});
    parent.appendChild(made);
    return made;
  }
  function range(parent, name, limits, value, shown, changed) {
    const label = html(parent, "label", { textContent: name + " " });
    const input = html(label, "input", { type: "range", min: limits[0], max: limits[1], step: limits[2], value });
    const output = html(label, "output");
    const tell = () => { output.textContent = shown(+input.value); input.setAttribute("aria-valuetext", output.textContent); };
    input.addEventListener("input", () => { tell(); changed(); });
    tell();
    return { get value() { return +input.value; }, set value(v) { input.value = v; tell(); },
      limits(low, high) { input.min = low; input.max = high; tell(); }, show(wanted) { label.hidden = !wanted; } };
  }
  function choice(parent, name, options, changed) {
    const label = html(parent, "label", { textContent: name + " " });
    const select = html(label, "select");
    options.forEach((text, i) => select.add(new Option(text, String(i))));
    select.addEventListener("change", () => changed(+select.value));
    return select;
  }
  function check(parent, name, on, changed) {
    const label = html(parent, "label");
    const input = html(label, "input", { type: "checkbox", checked: on });
    label.append(" " + name);
    input.addEventListener("change", changed);
    return input;
  }
  function button(parent, name, clicked) {
    const made = html(parent, "button", { type: "button", textContent: name });
    made.addEventListener("click", clicked);
    return made;
  }
  // Where panels of the given heights go: side by side, or below each other on a narrow page.
  function arrange(width, heights) {
    const narrow = width < 520, each = narrow ? width : (width - 16 * (heights.length - 1)) / heights.length;
    let y = 0;
    const boxes = heights.map((height, i) => {
      const box = { x: narrow ? 0 : i * (each + 16), y, w: each, h: height };
      if (narrow) { y += height + 12; }
      return box;
    });
    return { boxes, height: narrow ? y - 12 : Math.max(...heights) };
  }
  // Axes in a box, and what is drawn on them.
  function plot(svg, box, o) {
    const r = { x: box.x + 56, y: box.y + 24, w: box.w - 70, h: box.h - 66 }, f = o.log ? Math.log : (v) => v;
    const X = (v) => r.x + r.w * (f(v) - f(o.x[0])) / (f(o.x[1]) - f(o.x[0]));
    const Y = (v) => r.y + r.h - r.h * (v - o.y[0]) / (o.y[1] - o.y[0]);
    node(svg, "rect", { x: r.x, y: r.y, width: r.w, height: r.h, class: "frame" });
    (o.xt || []).forEach((v) => {
      node(svg, "line", { x1: X(v), x2: X(v), y1: r.y, y2: r.y + r.h, class: "rule" });
      node(svg, "text", { x: X(v), y: r.y + r.h + 16, "text-anchor": "middle" }, o.xf ? o.xf(v) : String(v).replace("-", "\u2212"));
    });
    (o.yt || []).forEach((v) => {
      node(svg, "line", { x1: r.x, x2: r.x + r.w, y1: Y(v), y2: Y(v), class: "rule" });
      node(svg, "text", { x: r.x - 6, y: Y(v) + 4, "text-anchor": "end" }, o.yf ? o.yf(v) : String(v).replace("-", "\u2212"));
    });
    node(svg, "text", { x: r.x + r.w / 2, y: r.y + r.h + 35, "text-anchor": "middle" }, o.xl || "");
    const side = { x: box.x + 11, y: r.y + r.h / 2 };
    node(svg, "text", { ...side, "text-anchor": "middle", transform: `rotate(-90 ${side.x} ${side.y})` }, o.yl || "");
    node(svg, "text", { x: r.x, y: box.y + 15, class: "title" }, o.title || "");
    const path = (points) => points.map((p, i) => (i ? "L" : "M") + X(p[0]).toFixed(1) + " " + Y(p[1]).toFixed(1)).join("");
    return { X, Y, r,
      line: (points, kind) => node(svg, "path", { d: path(points), class: "line " + kind }),
      band: (points, kind) => node(svg, "path", { d: path(points) + "Z", class: "band " + kind }),
      dot: (x, y, kind) => node(svg, "circle", { cx: X(x), cy: Y(y), r: 4.5, class: "dot " + kind }),
      stem: (x, y, kind) => node(svg, "line", { x1: X(x), x2: X(x), y1: Y(0), y2: Y(y), class: "line " + kind }) };
  }
  function legend(parent, rows) {  // [class, symbol, words]
    const list = html(parent, "p", { className: "l4-live-legend" });
    rows.forEach(([kind, symbol, words]) => {
      const item = html(list, "span");
      html(item, "span", { className: "key " + kind, textContent: symbol, ariaHidden: "true" });
      item.append(" " + words);
    });
    return list;
  }
  // The parts that all pictures have: controls, a drawing that follows the width, one line that says what is seen.
  function frame(stage, draw) {
    const controls = html(stage, "div", { className: "l4-live-controls" });
    const area = html(stage, "div", { className: "l4-live-area" });
    const status = html(stage, "p", { className: "l4-live-status" });
    status.setAttribute("role", "status");
    let asked = false;
    const redraw = () => {
      if (asked) { return; }
      asked = true;
      requestAnimationFrame(() => { asked = false; draw(); });
    };
    let width = 0;
    new ResizeObserver(() => { if (Math.abs(area.clientWidth - width) > 1) { width = area.clientWidth; redraw(); } }).observe(area);
    new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return { controls, area, redraw, width: () => Math.max(260, area.clientWidth),
      say: (text) => { if (status.textContent !== text) { status.textContent = text; } },
      svg(label) {  // what is drawn again and again goes into its group `back`
        const made = node(area, "svg", { role: "img", "aria-label": label });
        made.style.display = "block";
        node(made, "g", { class: "back" });
        return made;
      } };
  }
  function fit(svg, width, height) {  // sized and emptied, ready to be drawn in
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    const back = svg.querySelector(".back");
    back.replaceChildren();
    return back;
  }
  const pairs = (count) => (count === 1 ? "1 pair" : count + " pairs");

  // The circle as a curve with dents: the deeper, the larger alpha.
  function dented(svg, box, atoms, points) {
    const R = Math.min(box.w, box.h) / 2 - 26, x = box.x + box.w / 2, y = box.y + box.h / 2;
    const around = grid(0, 360, 360).map((t) => direction(t)), deep = 0.8 / Math.max(1.6, ...around.map((q) => alpha(atoms, q)));
    const at = (q, r) => [x + R * r * q[0], y - R * r * q[1]], place = (q) => at(q, 1 - deep * alpha(atoms, q));
    node(svg, "circle", { cx: x, cy: y, r: R, class: "rule" });
    atoms.forEach((a) => {
      const q = unit(a), [x1, y1] = at(q, 1), [x2, y2] = at(q, -1);
      node(svg, "line", { x1, y1, x2, y2, class: "spoke", "stroke-width": 1 + 1.5 * dot(a, a) ** 2 });
    });
    node(svg, "path", { d: around.map((q, i) => (i ? "L" : "M") + place(q).map((v) => v.toFixed(1)).join(" ")).join(""), class: "line a" });
    points.forEach((p) => [1, -1].forEach((s) => {
      const [cx, cy] = place(scaled(p.q, s));
      node(svg, "circle", { cx, cy, r: 5, class: "dot " + (p.index ? "high" : "low") });
    }));
    return { x, y, R };
  }

  function circle(stage, settings) {
    let angles = settings.angles.slice(), held = -1, middle = null;
    const part = frame(stage, draw), svg = part.svg("");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "the circle with its atoms, and the objective as a graph over the angle");
    const hands = angles.concat([0, 0, 0, 0]).slice(0, 4).map((_, k) => {
      const hand = node(svg, "g", { role: "slider", tabindex: 0, "aria-label": `direction of atom ${k + 1}, degrees`, "aria-valuemin": 0, "aria-valuemax": 359, class: "hand" });
      node(hand, "circle", { r: 17, class: "reach" });
      node(hand, "circle", { r: 10, class: "grip" });
      node(hand, "text", { y: 4, "text-anchor": "middle" }, String(k + 1));
      const move = (degrees) => { angles[k] = ((Math.round(degrees) % 360) + 360) % 360; part.redraw(); };
      hand.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: 1, ArrowUp: 1, ArrowRight: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
        if (by) { event.preventDefault(); move(angles[k] + by); }
      });
      hand.addEventListener("pointerdown", (event) => { held = k; svg.setPointerCapture(event.pointerId); hand.focus(); event.preventDefault(); });
      hand.move = move;
      return hand;
    });
    svg.addEventListener("pointermove", (event) => {
      if (held < 0 || !middle) { return; }
      const box = svg.getBoundingClientRect();
      hands[held].move(Math.atan2(middle.y - (event.clientY - box.top), event.clientX - box.left - middle.x) * 180 / Math.PI);
    });
    ["pointerup", "pointercancel"].forEach((name) => svg.addEventListener(name, () => { held = -1; }));
    const more = button(part.controls, "One atom more", () => { angles.push((angles[angles.length - 1] + 45) % 360); part.redraw(); });
    const fewer = button(part.controls, "One fewer", () => { angles.pop(); part.redraw(); });
    [["Two at 60°", [0, 60]], ["Three at 60°", [0, 60, 120]], ["Orthonormal", [0, 90]]].forEach(([name, preset]) => {
      button(part.controls, name, () => { angles = preset.slice(); part.redraw(); });
    });
    legend(stage, [["low", "●", "minimiser"], ["high", "○", "maximiser"], ["a", "—", "objective"], ["", "①", "atom: drag it, or arrow keys"]]);
    function draw() {
      const atoms = angles.map(direction), found = criticalPoints(atoms), told = condition(atoms);
      const place = arrange(part.width(), [300, 300]);
      const back = fit(svg, part.width(), place.height);
      middle = dented(back, place.boxes[0], atoms, found.points);
      const top = Math.max(1, Math.ceil(Math.max(...grid(0, 180, 180).map((t) => alpha(atoms, direction(t)))) * 2) / 2);
      const graph = plot(back, place.boxes[1], { x: [0, 180], y: [-top / 4, 0], xt: [0, 45, 90, 135, 180], yt: [0, -top / 4],
        yf: (v) => sign(v, 2), xl: "angle of q (degrees)", yl: "φ(q) = −α(q)/4" });
      graph.line(grid(0, 180, 360).map((t) => [t, -alpha(atoms, direction(t)) / 4]), "a");
      angles.forEach((t) => node(back, "line", { x1: graph.X(t % 180), x2: graph.X(t % 180), y1: graph.r.y, y2: graph.r.y + graph.r.h, class: "spoke" }));
      found.points.forEach((p) => graph.dot((Math.atan2(p.q[1], p.q[0]) * 180 / Math.PI + 180) % 180, -p.alpha / 4, p.index ? "high" : "low"));
      hands.forEach((hand, k) => {
        hand.style.display = k < angles.length ? "" : "none";
        if (k >= angles.length) { return; }
        const q = direction(angles[k]);
        hand.setAttribute("transform", `translate(${middle.x + middle.R * 1.06 * q[0]} ${middle.y - middle.R * 1.06 * q[1]})`);
        hand.setAttribute("aria-valuenow", angles[k]);
      });
      more.disabled = angles.length > 3;
      fewer.disabled = angles.length < 3;
      const low = found.points.filter((p) => p.index === 0), second = told.far > 1e-12 && told.trace > 1e-12;
      part.say((found.flat ? `Flat: α = ${sign(alpha(atoms, [1, 0]), 3)} everywhere, every point is critical. `
        : `${angles.length} atoms, ${pairs(low.length)} of minimisers, with α = ${low.map((p) => sign(p.alpha, 3)).join(" and ")}. `)
        + `g + B/3 = ${sign(told.g, 3)} + ${sign(told.B / 3, 3)} = ${sign(told.g + told.B / 3, 3)}, `
        + (told.far > 1e-12 ? "below 1" : "not below 1") + (second ? `: the global theorem proves ${pairs(angles.length)}.`
          : told.far > 1e-12 ? ", but the second condition fails: the global theorem is silent." : ": the global theorem is silent."));
    }
  }

  // A sphere of R^3, seen from far away. Drag or arrow keys turn it; `pick` gets the points that are chosen.
  function globe(area, label, redraw, pick) {
    const canvas = html(area, "canvas", { tabIndex: 0 });
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", label);
    let right, up, towards, drag = null;
    const look = (azimuth, elevation) => {
      const [c, s] = direction(azimuth), [k, h] = direction(elevation);
      towards = [k * c, k * s, h];
      right = [-s, c, 0];
      up = [-h * c, -h * s, k];
    };
    look(35, 25);
    function turn(a, b) {
      const r = right, t = towards;
      right = plus(scaled(r, Math.cos(a)), t, Math.sin(a));
      towards = plus(scaled(t, Math.cos(a)), r, -Math.sin(a));
      const t2 = towards, u = up;
      up = unit(plus(scaled(u, Math.cos(b)), t2, Math.sin(b)));
      towards = plus(scaled(t2, Math.cos(b)), u, -Math.sin(b));
      towards = unit(plus(towards, up, -dot(towards, up)));
      right = [up[1] * towards[2] - up[2] * towards[1], up[2] * towards[0] - up[0] * towards[2], up[0] * towards[1] - up[1] * towards[0]];
      redraw();
    }
    const radius = () => canvas.clientWidth / 2 * 0.94;
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (by) { turn(...by); } else if (event.key === "Home") { look(35, 25); redraw(); } else if (pick && (event.key === "Enter" || event.key === " ")) { pick(towards.slice()); } else { return; }
      event.preventDefault();
    });
    canvas.addEventListener("focus", redraw);
    canvas.addEventListener("blur", redraw);
    canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, y: event.clientY, far: 0 }; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) { return; }
      const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
      drag.far += Math.hypot(dx, dy);
      drag.x = event.clientX;
      drag.y = event.clientY;
      if (drag.far > 4) { turn(dx / radius(), -dy / radius()); }
    });
    canvas.addEventListener("pointercancel", () => { drag = null; });
    canvas.addEventListener("pointerup", (event) => {
      const short = drag && drag.far <= 4;
      drag = null;
      if (!short || !pick) { return; }
      const box = canvas.getBoundingClientRect(), x = (event.clientX - box.left - box.width / 2) / radius(), y = -(event.clientY - box.top - box.height / 2) / radius();
      const rest = 1 - x * x - y * y;
      if (rest > 0) { pick(unit(plus(plus(scaled(right, x), up, y), towards, Math.sqrt(rest)))); }
    });
    // Colour by values with limits, or by a table of basins; then atoms, critical points and paths.
    function paint(size, atoms, colour, points, paths) {
      const ratio = Math.min(2, window.devicePixelRatio || 1), N = Math.round(size * ratio), R = N / 2 * 0.94;
      if (canvas.width !== N || canvas.height !== N) { canvas.width = canvas.height = N; canvas.style.width = canvas.style.height = size + "px"; }
      const ctx = canvas.getContext("2d"), picture = ctx.createImageData(N, N), data = picture.data;
      const seen = atoms.map((a) => [dot(a, right), dot(a, up), dot(a, towards)]);
      for (let j = 0; j < N; j++) {
        const y = (N / 2 - j - 0.5) / R;
        for (let i = 0; i < N; i++) {
          const x = (i + 0.5 - N / 2) / R, rest = 1 - x * x - y * y;
          if (rest < 0) { continue; }
          const z = Math.sqrt(rest), k = 4 * (j * N + i);
          let s = 0;
          for (const a of seen) { const t = a[0] * x + a[1] * y + a[2] * z; s += t * t * t * t; }
          const height = Math.max(0, Math.min(255, Math.round(255 * (colour.high - s) / (colour.high - colour.low))));
          let rgb = SHADES[height];
          if (colour.basins) {
            const c = BASINS[colour.basins(x * right[0] + y * up[0] + z * towards[0], x * right[1] + y * up[1] + z * towards[1], x * right[2] + y * up[2] + z * towards[2]) % 8];
            const light = 0.55 + 0.45 * (1 - height / 255);
            rgb = [c[0] * light, c[1] * light, c[2] * light];
          }
          data[k] = rgb[0];
          data[k + 1] = rgb[1];
          data[k + 2] = rgb[2];
          data[k + 3] = 255;
        }
      }
      ctx.putImageData(picture, 0, 0);
      const at = (q, lift) => [N / 2 + R * lift * dot(q, right), N / 2 - R * lift * dot(q, up), dot(q, towards)];
      paths.forEach(([path, stroke]) => {
        ["#000", stroke].forEach((ink, pass) => {
          ctx.strokeStyle = ctx.fillStyle = ink;
          ctx.lineWidth = (pass ? 2 : 4) * ratio;
          ctx.beginPath();
          let before = null;
          path.forEach((q) => {
            const p = at(q, 1);
            if (before && before[2] > 0 && p[2] > 0) { ctx.moveTo(before[0], before[1]); ctx.lineTo(p[0], p[1]); }
            before = p;
          });
          ctx.stroke();
          path.forEach((q) => {
            const p = at(q, 1);
            if (p[2] > 0) { ctx.beginPath(); ctx.arc(p[0], p[1], (pass ? 2.4 : 3.4) * ratio, 0, 7); ctx.fill(); }
          });
        });
      });
      const shape = (corners, [x, y]) => {
        ctx.beginPath();
        corners.forEach(([turned, r]) => ctx.lineTo(x + r * ratio * Math.sin(turned), y - r * ratio * Math.cos(turned)));
        ctx.closePath();
        ctx.fill();
        ctx.stroke();
      };
      const both = (q, lift, drawn) => [1, -1].forEach((s) => { const p = at(scaled(q, s), lift); if (p[2] > 0.03) { drawn(p); } });
      ctx.strokeStyle = "#000";
      ctx.lineWidth = 1.2 * ratio;
      const corners = [grid(0, 2 * Math.PI, 24).map((t) => [t, 6]), grid(0, 2 * Math.PI, 4).map((t) => [t, 7]), grid(0, 2 * Math.PI, 4).map((t) => [t + Math.PI / 4, 7])];
      points.forEach((p) => both(p.q, 1, (place) => { ctx.fillStyle = ["#D55E00", "#FFFFFF", "#000000"][p.index]; shape(corners[p.index], place); }));
      atoms.forEach((a) => {
        const q = unit(a);
        both(q, 1.015, (place) => { ctx.fillStyle = "#56B4E9"; shape(grid(0, 9, 9).map((k) => [k * Math.PI / 5, k % 2 ? 3.5 : 8.5]), place); });
      });
      if (document.activeElement === canvas) {
        ["#000", "#fff"].forEach((ink, pass) => {
          ctx.strokeStyle = ink;
          ctx.lineWidth = (pass ? 1.5 : 4) * ratio;
          ctx.beginPath();
          [[-10, 0, 10, 0], [0, -10, 0, 10]].forEach(([a, b, c, d]) => { ctx.moveTo(N / 2 + a * ratio, N / 2 + b * ratio); ctx.lineTo(N / 2 + c * ratio, N / 2 + d * ratio); });
          ctx.stroke();
        });
      }
    }
    return { canvas, paint };
  }
  function limitsOf(atoms) {
    const values = onSphere(1500).map((q) => alpha(atoms, q)), low = Math.min(...values), high = Math.max(...values);
    return high - low < 1e-9 ? { low: low - 1, high: high + 1 } : { low, high };
  }
  // Which minimiser the power map finds, on the three faces of half a cube.
  function basinTable(atoms, targets) {
    const N = 96, table = new Uint8Array(3 * N * N);
    for (let f = 0; f < 3; f++) {
      for (let j = 0; j < N; j++) {
        for (let i = 0; i < N; i++) {
          let q = [0, 0, 0];
          q[f] = 1;
          q[(f + 1) % 3] = 2 * (i + 0.5) / N - 1;
          q[(f + 2) % 3] = 2 * (j + 0.5) / N - 1;
          for (let k = 0; k < 12; k++) { q = powerStep(atoms, q); }
          for (let k = 0; k < 100 && Math.max(...targets.map((p) => Math.abs(dot(p, q)))) < 0.999; k++) { q = powerStep(atoms, q); }
          table[(f * N + j) * N + i] = owner(targets, q);
        }
      }
    }
    return (x, y, z) => {
      const q = [x, y, z], size = q.map(Math.abs), f = size.indexOf(Math.max(...size));
      const cell = (v) => Math.min(N - 1, Math.floor((v / q[f] + 1) / 2 * N));
      return table[(f * N + cell(q[(f + 2) % 3])) * N + cell(q[(f + 1) % 3])];
    };
  }
  const MARKS = [["star", "★", "atom"], ["low", "●", "minimiser"], ["high", "◇", "saddle"], ["black", "■", "maximiser"]];

  function sphere(stage, settings) {
    let atoms, found, limits, table, paths = [], shown = 0, timer = 0;
    const part = frame(stage, draw);
    choice(part.controls, "Atoms", settings.dictionaries.map((d) => d.name), choose).value = settings.first;
    const basins = check(part.controls, "basins by colour", false, () => part.redraw());
    const step = range(part.controls, "Step of the descent", [0.05, 1, 0.05], 0.25, (v) => v.toFixed(2), () => { if (paths.length) { start(paths[0][0][0]); } });
    button(part.controls, "Start at random", () => {
      const z = 2 * Math.random() - 1, q = direction(360 * Math.random());
      start([q[0] * Math.sqrt(1 - z * z), q[1] * Math.sqrt(1 - z * z), z]);
    });
    const ball = globe(part.area, "the sphere; arrow keys move the aim in its middle, Enter starts there, Home turns back", part.redraw, start);
    legend(stage, MARKS.concat([["c", "—", "power map"], ["b", "—", "gradient descent"]]));
    function choose(k) {
      atoms = settings.dictionaries[k].atoms;
      found = criticalPoints(atoms);
      limits = limitsOf(atoms);
      table = null;
      paths = [];
      clearInterval(timer);
      part.redraw();
    }
    function start(q) {
      clearInterval(timer);
      paths = [run((p) => powerStep(atoms, p), q, atoms), run((p) => descentStep(atoms, p, step.value), q, atoms)];
      const longest = Math.max(paths[0].length, paths[1].length);
      shown = calm() ? longest : 1;
      if (shown < longest) {
        timer = setInterval(() => { shown++; if (shown >= longest) { clearInterval(timer); } part.redraw(); }, 140);
      }
      part.redraw();
    }
    function draw() {
      const low = found.points.filter((p) => p.index === 0).map((p) => p.q), colours = { ...limits };
      basins.disabled = found.flat;
      if (basins.checked && !found.flat) { table = table || basinTable(atoms, low); colours.basins = table; }
      ball.paint(Math.min(part.width(), 420), atoms, colours, found.points, paths.map((path, k) => [path.slice(0, shown), k ? "#E69F00" : "#7FE5C0"]));
      if (found.flat) {
        part.say(`Flat: α = ${sign(alpha(atoms, [1, 0, 0]), 3)} everywhere, every point is critical.`);
      } else if (!paths.length) {
        const count = [0, 1, 2].map((k) => found.points.filter((p) => p.index === k).length);
        part.say(`${atoms.length} atoms; pairs of critical points: ${count[0]} minimisers, ${count[1]} saddles, ${count[2]} maximisers.`);
      } else {
        const ends = paths.map((path) => owner(low, path[path.length - 1]));
        part.say(`Power map: ${paths[0].length - 1} steps. Gradient descent: ${paths[1].length - 1} steps. `
          + (ends[0] === ends[1] ? "Both end in the same well." : "They end in different wells."));
      }
    }
    choose(settings.first);
  }

  // From complete to overcomplete: one atom more, whose weight grows or, in the plane, whose direction turns.
  function family(now, weight, angle) {
    const extra = now.extra || direction(angle);
    return now.atoms.concat(weight > 0 ? [scaled(extra, Math.pow(weight, 0.25))] : []);
  }
  function history(now, values, atomsAt) {  // the critical points for each value
    let last;
    return values.map((x) => {
      const found = criticalPoints(atomsAt(x), now.extra ? last : undefined);
      last = found.points.map((p) => p.q);
      return { x, points: found.points };
    });
  }
  function homotopy(stage, settings) {
    let now = settings.families[0], past = null;
    const part = frame(stage, draw), forget = () => { past = null; part.redraw(); };
    choice(part.controls, "Atoms", settings.families.map((f) => f.name), (k) => { now = settings.families[k]; weight.value = now.weight; forget(); });
    const weight = range(part.controls, "Weight w of the new atom", [0, 2, 0.01], now.weight, (v) => v.toFixed(2), () => { if (turning.checked) { past = null; } part.redraw(); });
    const angle = range(part.controls, "its direction", [0, 180, 1], settings.angle, (v) => v + "°", () => { if (!turning.checked) { past = null; } part.redraw(); });
    const turning = check(part.controls, "draw against the direction", false, forget), turningLabel = turning.parentNode;
    part.area.classList.add("l4-live-row");
    const ball = globe(part.area, "the sphere with its critical points; arrow keys turn it, Home turns back", part.redraw, null);
    const svg = part.svg("critical points against the weight, or the direction, of the new atom");
    const keys = [legend(stage, MARKS), legend(stage, [["low", "●", "minimiser"], ["black", "●", "maximiser"], ["a", "—", "objective on the circle"]])];
    const measure = (p) => (p.q.length === 2 ? (Math.atan2(p.q[1], p.q[0]) * 180 / Math.PI + 180) % 180 : p.alpha);
    function draw() {
      const plane = !now.extra, turns = plane && turning.checked, at = turns ? angle.value : weight.value;
      const atomsAt = (x) => family(now, turns ? weight.value : x, turns ? x : angle.value), atoms = atomsAt(at), found = criticalPoints(atoms);
      past = past || history(now, turns ? grid(0, 180, 180) : grid(0, 2, plane ? 200 : 100), atomsAt);
      angle.show(plane);
      turningLabel.hidden = !plane;
      keys.forEach((key, k) => { key.hidden = plane !== (k === 1); });
      ball.canvas.style.display = plane ? "none" : "";
      const width = part.width(), place = arrange(width, [300, 300]), right = { x: 0, y: 0, w: width < 520 ? width : width - 316, h: 300 };
      const back = plane ? fit(svg, width, place.height) : fit(svg, right.w, 300);
      if (plane) { dented(back, place.boxes[0], atoms, found.points); } else { ball.paint(Math.min(300, width), atoms, limitsOf(atoms), found.points, []); }
      const top = plane ? 180 : Math.ceil(2 * Math.max(...past.map((row) => Math.max(...row.points.map((p) => p.alpha))))) / 2;
      const axes = plot(back, plane ? place.boxes[1] : right, { x: [0, turns ? 180 : 2], y: [0, top], xt: turns ? grid(0, 180, 4) : grid(0, 2, 4), yt: grid(0, top, plane ? 4 : 2),
        xl: turns ? "direction of the new atom (degrees)" : "weight w", yl: plane ? "angle (degrees)" : "α of the critical point" });
      const kind = plane ? ["low", "black"] : ["low", "high", "black"], words = plane ? ["minimisers", "maximisers"] : ["minimisers", "saddles", "maximisers"];
      past.forEach((row) => row.points.forEach((p) => node(back, "circle", { cx: axes.X(row.x), cy: axes.Y(measure(p)), r: 1.7, class: "speck " + kind[p.index] })));
      axes.line([[at, 0], [at, top]], "c");
      found.points.forEach((p) => axes.dot(at, measure(p), kind[p.index]));
      const events = [];
      past.slice(1).forEach((row, i) => {
        const before = past[i].points.length, after = row.points.length, x = (row.x + past[i].x) / 2;
        if (before !== after) { events.push(`${after > before ? "birth" : "death"} at ${turns ? Math.round(x) + "°" : "w ≈ " + x.toFixed(2)} (${before} → ${after})`); }
      });
      part.say(`w = ${weight.value.toFixed(2)}${plane ? `, direction ${angle.value}°` : ""}; pairs of critical points: `
        + words.map((name, k) => found.points.filter((p) => p.index === k).length + " " + name).join(", ") + ". "
        + (events.length ? `On the whole way: ${events.join(", ")}.` : "On the whole way none is born and none dies."));
    }
  }

  // Recorded experiments: rows of [x, trials, successes of each series].
  function phase(stage, settings) {
    let record = settings.records[0];
    const part = frame(stage, draw);
    choice(part.controls, "Experiment", settings.records.map((r) => r.name), (k) => { record = settings.records[k]; slider.limits(0, record.values.length - 1); slider.value = Math.floor(record.values.length / 2); part.redraw(); });
    const slider = range(part.controls, "Row", [0, record.values.length - 1, 1], settings.first, (v) => `${record.parameter} = ${record.values[v]}`, () => part.redraw());
    const svg = part.svg("recorded shares of success: all rows above, the chosen row with its intervals below");
    const keys = legend(stage, [["a", "—", ""], ["b", "—", ""]]);
    function draw() {
      const width = part.width(), chosen = slider.value, rows = record.rows, all = rows.flat().map((cell) => cell[0]);
      const low = Math.min(...all) / 1.15, high = Math.max(...all) * 1.15;
      const ticks = [1, 2, 5].flatMap((d) => grid(0, 5, 5).map((e) => d * 10 ** e)).filter((v) => v > low && v < high).sort((x, y) => x - y);
      const few = ticks.filter((v) => (width > 500 && ticks.length < 9) || String(v)[0] === "1" || ticks.length < 5);
      const back = fit(svg, width, 500);
      const top = plot(back, { x: 0, y: 0, w: width, h: 250 }, { x: [low, high], y: [0, rows.length], log: true, title: "success (dark: none, bright: all)",
        yt: grid(0, rows.length - 1, rows.length - 1).filter((i) => i % Math.ceil(rows.length / 9) === 0).map((i) => i + 0.5), yf: (v) => String(record.values[Math.floor(v)]), yl: record.parameter, xt: few, xl: "" });
      rows.forEach((row, i) => row.forEach((cell, k) => {
        const a = k ? Math.sqrt(cell[0] * row[k - 1][0]) : low, b = k + 1 < row.length ? Math.sqrt(cell[0] * row[k + 1][0]) : k ? Math.min(high, cell[0] * Math.sqrt(cell[0] / row[k - 1][0])) : high;
        const from = k ? a : Math.max(low, row.length > 1 ? cell[0] * Math.sqrt(cell[0] / row[1][0]) : low);
        node(back, "rect", { x: top.X(from), width: Math.max(0, top.X(b) - top.X(from)), y: top.Y(i + 0.94), height: top.Y(i + 0.06) - top.Y(i + 0.94), fill: `rgb(${SHADES[Math.round(255 * cell[2] / cell[1])]})` });
      }));
      node(back, "rect", { x: top.r.x, width: top.r.w, y: top.Y(chosen + 1), height: top.Y(chosen) - top.Y(chosen + 1), class: "chosen" });
      const graph = plot(back, { x: 0, y: 230, w: width, h: 270 }, { x: [low, high], y: [0, 1], log: true, yt: [0, 0.5, 1], yl: "share of success", xt: few, xl: record.x });
      rows.forEach((row) => graph.line(row.map((cell) => [cell[0], cell[2] / cell[1]]), "faint"));
      const row = rows[chosen], kinds = ["a", "b"], halves = [];
      record.series.forEach((name, s) => {
        const ends = row.map((cell) => wilson(cell[2 + s], cell[1]));
        graph.band(row.map((cell, k) => [cell[0], ends[k][1]]).concat(row.map((cell, k) => [cell[0], ends[k][0]]).reverse()), kinds[s]);
        graph.line(row.map((cell) => [cell[0], cell[2 + s] / cell[1]]), kinds[s]);
        row.forEach((cell) => graph.dot(cell[0], cell[2 + s] / cell[1], kinds[s]));
        const at = row.findIndex((cell, k) => k && (cell[2 + s] / cell[1] - 0.5) * (row[k - 1][2 + s] / row[k - 1][1] - 0.5) <= 0);
        halves.push(`${name}: ` + (at < 0 ? "the share does not cross one half" : `the share crosses one half between ${row[at - 1][0]} and ${row[at][0]}`));
      });
      Array.from(keys.children).forEach((key, k) => { key.hidden = k >= record.series.length; key.lastChild.textContent = " " + (record.series[k] || ""); });
      part.say(`${record.parameter} = ${record.values[chosen]}, ${row[0][1]} trials a cell. ${halves.join("; ")}.`);
    }
  }

  function kernel(stage) {
    const n = 32, part = frame(stage, draw);
    const decay = range(part.controls, "Decay", [1.5, 8, 0.5], 6, (v) => v.toFixed(1), () => part.redraw());
    const pitch = range(part.controls, "Frequency", [0.2, 2.8, 0.1], 0.9, (v) => v.toFixed(1), () => part.redraw());
    const shift = range(part.controls, "Shift", [0, n - 1, 1], 5, String, () => part.redraw());
    const second = check(part.controls, "a second kernel", false, () => part.redraw());
    const svg = part.svg("a kernel and its shift, the spectrum, both after the filter, and the inner products with all shifts");
    legend(stage, [["a", "—", "first kernel, before"], ["c", "—", "after the filter"], ["b", "—", "shifted, or second kernel"]]);
    function draw() {
      const first = unit(grid(0, n - 1, n - 1).map((t) => Math.exp(-t / decay.value) * Math.sin(pitch.value * (t + 1)))), kernels = [first];
      if (second.checked) { kernels.push(unit(grid(0, n - 1, n - 1).map((t) => Math.exp(-(((t - 6) / 2) ** 2)) * Math.cos(1.7 * t)))); }
      const after = precondition(kernels), K = kernels.length, width = part.width();
      const upper = arrange(width, [240, 240]), lower = upper.boxes.map((box) => ({ ...box, y: box.y + upper.height + 8 }));
      const back = fit(svg, width, 2 * upper.height + 8);
      const times = (a) => a.map((v, t) => [t, v]), ticks = [0, 8, 16, 24, 31], half = grid(0, n / 2, n / 2);
      const most = 1.15 * Math.max(0.5, ...after.kernels[0].map(Math.abs), ...first.map(Math.abs)), tall = { x: [0, n - 1], y: [-most, most], xt: ticks, yt: [-0.5, 0, 0.5], xl: "instant" };
      const one = plot(back, upper.boxes[0], { ...tall, title: `the kernel and its shift by ${shift.value}` });
      one.line(times(shifted(first, shift.value)), "b");
      one.line(times(first), "a");
      const deep = (v) => Math.max(-4, Math.log10(Math.max(v, 1e-9)));
      const two = plot(back, upper.boxes[1], { x: [0, n / 2], y: [-4, 2], xt: [0, 4, 8, 12, 16], yt: [-4, -2, 0, 2], yf: (v) => ["0.0001", "0.01", "1", "100"][v / 2 + 2], xl: "frequency", title: "power, before and after" });
      two.line(half.map((w) => [w, deep(after.powers[0][w])]), "a");
      if (K > 1) { two.line(half.map((w) => [w, deep(after.powers[1][w])]), "b"); }
      const flat = after.kernels.map(power), whole = half.map((w) => sum(flat.map((row) => row[w])));
      two.line(half.map((w) => [w, deep(whole[w])]), "c thick");
      const three = plot(back, lower[0], { ...tall, title: "after the filter" });
      if (K > 1) { three.line(times(after.kernels[1]), "b"); }
      three.line(times(after.kernels[0]), "c");
      const before = shiftProducts(first, first), now = shiftProducts(unit(after.kernels[0]), unit(after.kernels[0]));
      const four = plot(back, lower[1], { x: [0, n - 1], y: [-1.1, 1.1], xt: ticks, yt: [-1, 0, 1], xl: "shift", title: "correlation with its shifts" });
      before.forEach((v, j) => four.dot(j, v, "a"));
      now.forEach((v, j) => { four.stem(j, v, "c"); four.dot(j, v, "c"); });
      const spread = Math.max(...after.spectrum) / Math.min(...after.spectrum);
      part.say(`Power before: largest over smallest ${spread > 999 ? "10^" + Math.round(Math.log10(spread)) : spread.toFixed(1)}; after: 1, the sum is K = ${K} at every frequency. `
        + `Correlation with the shift by ${shift.value}: ${sign(before[shift.value], 2)} before, ${sign(now[shift.value], 2)} after. `
        + `Coherence of all shifts: ${sign(coherence(kernels), 2)} before, ${sign(coherence(after.kernels), 2)} after. Norms after: ${after.norms.map((v) => sign(v, 2)).join(" and ")}.`);
    }
  }

  // -------------------------------------------------------------------------------------------------------- on a page
  const PICTURES = { circle, sphere, homotopy, phase, kernel };
  function begin(stage) {
    const settings = JSON.parse(stage.querySelector("script").textContent);
    stage.replaceChildren();
    stage.classList.add("l4-live-on");
    PICTURES[stage.dataset.live](stage, settings);
  }
  function start() {
    const stages = document.querySelectorAll("[data-live]");
    if (!("IntersectionObserver" in window)) { return; }
    const watch = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (entry.isIntersecting) { watch.unobserve(entry.target); begin(entry.target); }
    }), { rootMargin: "300px" });
    stages.forEach((stage) => watch.observe(stage));
  }
  window.l4 = { alpha, gradient, powerStep, descentStep, curvatures, eigenvalues, criticalPoints, condition, power, precondition, shiftProducts, coherence, wilson, run, owner, basinTable };
  if (document.readyState === "loading") { document.addEventListener("DOMContentLoaded", start); } else { start(); }
})();
