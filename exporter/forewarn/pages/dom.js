// DOM helpers. Text from the API goes through textContent only, so a hostile name stays text.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (null and false are left out) and children (strings become text). */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Sets text only when it differs, so that a live region speaks once per change and a selection survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Replaces the children when `key` differs from the last call's: focus and scrolling survive an idle update. */
export function replaceWhenChanged(node, key, build) {
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...build());
}

/** A link for an http(s) address, or null: the address comes from configuration and might be `javascript:`. */
export function safeLink(href, text, attributes = {}) {
  if (!href) return null;
  let url;
  try {
    url = new URL(href, document.baseURI);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(url.protocol)) return null;
  return el("a", { href: url.href, rel: "noopener noreferrer", target: "_blank", ...attributes }, text);
}
