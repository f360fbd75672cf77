// A state is a colour, a shape and a word: circle, triangle, octagon; rings for what cannot be judged.

import { svg } from "./dom.js";

const CHECK = "M7.5 12.5l3 3 6-6.5";
const BANG = "M12 7.5v5.5M12 16.6v.1";

const SHAPES = {
  ok: { solid: "M12 2a10 10 0 1 1 0 20a10 10 0 1 1 0-20z", glyph: CHECK, letter: "\u2713", colour: "#2b8a66" },
  near: { solid: "M12 2.5L23 21.5H1z", glyph: "M12 9.5v5.5M12 18.3v.1", letter: "\u25b2", colour: "#c98a12" },
  over: { solid: "M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9z", glyph: BANG, letter: "\u25a0", colour: "#c8372d" },
  open: { ring: "whole", glyph: "M12 12v.1", letter: "\u25cb", colour: "#7b8890" },
  unknown: { ring: "dashed", glyph: "M8 12h8", letter: "\u25cb", colour: "#7b8890" },
  gone: { ring: "dashed", glyph: "M6 18L18 6", letter: "\u2205", colour: "#7b8890" },
};

const shapeOf = (state) => SHAPES[state] ?? SHAPES.unknown;

/** The picture of a state; its word stands beside it, so readers of the page's text skip the picture. */
export function mark(state) {
  const shape = shapeOf(state);
  const outline = shape.ring
    ? svg("circle", { class: `mark-ring ${shape.ring}`, cx: 12, cy: 12, r: 10 })
    : svg("path", { class: "mark-solid", d: shape.solid });
  const glyph = svg("path", { class: shape.ring ? "mark-glyph-ring" : "mark-glyph", d: shape.glyph });
  return svg("svg", { class: "mark", viewBox: "0 0 24 24", "aria-hidden": "true" }, outline, glyph);
}

/** One character that stands for the state in the window's title. */
export function letter(state) {
  return shapeOf(state).letter;
}

/** The state as an icon in a data: address; the page's policy allows images from data: for this alone. */
export function icon(state) {
  const { solid, glyph, colour } = shapeOf(state);
  const outline = solid
    ? `<path d="${solid}" fill="${colour}"/>`
    : `<circle cx="12" cy="12" r="9.5" fill="none" stroke="${colour}" stroke-width="3" stroke-dasharray="4 3"/>`;
  const ink = solid ? "#fff" : colour;
  const line = `<path d="${glyph}" fill="none" stroke="${ink}" stroke-width="3" stroke-linecap="round"/>`;
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${outline}${line}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(picture)}`;
}
